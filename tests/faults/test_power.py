"""Power durability: on the disk before the answer, and whatever part of the log a power cut leaves is a state there was."""

from __future__ import annotations

import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipv6console.client import IPv6Client
from tests.faults.conftest import MakeHost
from tests.faults.host import PATIENCE, Host
from tests.faults.power import cut_log_everywhere

pytestmark = pytest.mark.privileged

CALLS = "read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fdatasync,fsync"
WRITES = ("write", "writev", "sendto", "sendmsg")
READS = ("read", "readv", "recvfrom", "recvmsg")
PICKS = 2


@dataclass
class Call:
    """A system call, and the numbers of the lines at which it began and ended."""

    began: int
    ended: int
    name: str
    file: str
    text: str


def calls_of(trace: Path) -> list[Call]:
    """Return the finished calls that strace wrote down, in the order in which they ended."""
    found: list[Call] = []
    begun: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(trace.read_text().splitlines()):
        pid, _, text = line.partition(" ")
        text, start = text.strip(), number
        if text.endswith("<unfinished ...>"):
            begun[pid] = (number, text.removesuffix("<unfinished ...>"))
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", text)
        if resumed:
            start, before = begun.pop(pid, (number, ""))
            text = before + text[resumed.end() :]
        call = re.match(r"(\w+)\((\d+<.*?>)\s*[,)]", text)
        if call:
            found.append(Call(start, number, call[1], call[2], text))
    return found


def pick_and_report(host: Host, name: str) -> list[str]:
    """Pick and report a few times under names of their own; return these."""
    holders = [f"{name}-{number}-" for number in range(4)]
    with IPv6Client(socket=host.socket, timeout=PATIENCE) as client:
        for holder in holders:
            lease = client.pick("one", ttl=600, holder=holder)
            assert lease.addr
            assert client.report(lease.addr, "idle", "one", lease=lease.lease, reason=f"told by {holder}").success
    return holders


def test_with_power_durability_the_log_is_synced_before_any_answer_leaves(make_host: MakeHost, tmp_path: Path) -> None:
    host = make_host(durability="power", usable_num=20)
    host.start()
    host.wait_until_well()
    assert host.engine is not None
    trace = tmp_path / "trace"
    words = ["strace", "-f", "-y", "-s", "5000", "-e", f"trace={CALLS}", "-o", str(trace), "-p", str(host.engine.pid)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as tracer, ThreadPoolExecutor(4) as scrapers:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        told = scrapers.map(pick_and_report, [host] * 4, ["a", "b", "c", "d"])
        holders = [holder for found in told for holder in found]
        tracer.send_signal(signal.SIGINT)
    calls = calls_of(trace)
    assert len(holders) == 16
    for holder in holders:
        for marker in (f"holder={holder}", f"told by {holder}"):
            [asked] = [call for call in calls if call.name in READS and marker in call.text]
            answer = next(
                call for call in calls if call.name in WRITES and call.file == asked.file and call.began > asked.began
            )
            assert "HTTP/1.1 200" in answer.text
            kept = marker.removeprefix("holder=")
            logged = [
                call
                for call in calls
                if call.name == "pwrite64"
                and call.file.endswith("engine.db-wal>")
                and kept in call.text
                and asked.began < call.began < answer.began
            ]
            assert logged, f"{kept} was answered before it was in the log"
            synced = [
                call
                for call in calls
                if call.name in ("fdatasync", "fsync")
                and call.file.endswith("engine.db-wal>")
                and call.text.endswith("= 0")
                and logged[0].ended < call.began
                and call.ended < answer.began
            ]
            assert synced, f"{kept} was answered before the log was synced"


def test_a_log_cut_at_any_frame_or_within_one_holds_the_first_so_many_acknowledged_commits(
    make_host: MakeHost, tmp_path: Path
) -> None:
    assert cut_log_everywhere(make_host(durability="power", usable_num=20), tmp_path, PICKS) > PICKS
