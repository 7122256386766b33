"""The console for as long as a shift, through a storm of sizes, and its pictures whatever the hash seed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.console.storm import MOST_GROWTH, survives
from tests.console.test_terminal import Terminal
from tests.integration.conftest import REPOSITORY, Lab, StartLab
from tests.integration.tmux import Tmux

pytestmark = pytest.mark.timeout(0)

EACH = 5.0
SCREENS = "12345678"

_EVENTS = """
import http.client, itertools, json, os, socket, time
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["IPV6CONSOLE_SOCKET"])
connection = Connection("localhost")
connection.request("GET", "/pick?dbname=task")
connection.getresponse().read()
began = time.monotonic()
for number in itertools.count():
    time.sleep(max(0.0, began + number / 10 - time.monotonic()))
    body = json.dumps({"draining": number % 2 == 0})
    connection.request("POST", "/mirrors/task/drain", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
"""
"""Drains a mirror and takes it up again, ten times a second, which are ten events."""


def _resident(lab: Lab, process: str) -> float:
    status = lab.output("cat", f"/proc/{process}/status")
    return int(status.split("VmRSS:")[1].split()[0]) / 1_000


def test_an_hour_at_ten_events_a_second_makes_the_console_grow_by_nothing(
    start_lab: StartLab, tmp_path: Path, minutes: float, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = start_lab("--usable-num", "20", "--scrapers", "4")
    tmux = Tmux(lab, tmp_path, columns=120, rows=40)
    tmux.type("set +m")
    tmux.type(f"{sys.executable} -W error -m ipv6console attach {lab.directory / 'engine.sock'}")
    tmux.wait_for("● live", 20)
    (console,) = lab.output("pgrep", "-P", str(tmux.process())).split()
    lab.start(sys.executable, "-c", _EVENTS)
    sizes: list[float] = []
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until or len(sizes) < 2:
        for screen in SCREENS:
            tmux.press(screen)
            time.sleep(EACH)
            tmux.wait_for(rf" {screen} \w+.*(?s:.*)● live|● live(?s:.*) {screen} \w+", 20)
        sizes.append(_resident(lab, console))
    tmux.press("q")
    tmux.wait_for(r"[#$]\s*\Z", 20)
    assert "Traceback" not in tmux.text()
    events = lab.client.state().engine.last_event
    with capsys.disabled():
        sys.stdout.write(
            f"\n{minutes:g} minutes, {events} events: {sizes[0]:.1f} MB after one round of the screens,"
            f" at most {max(sizes):.1f} MB, {sizes[-1]:.1f} MB at the end\n"
        )
    assert max(sizes) - sizes[0] < MOST_GROWTH


def test_two_hundred_sizes_in_twenty_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.closing(Terminal("calm")) as console:
        told = survives(console, 20.0)
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")


def test_snapshots_are_the_same_whatever_the_hash_seed(times: int) -> None:
    pictures = [str(path) for path in sorted((REPOSITORY / "tests/console").glob("test_*pictures.py"))]
    for seed in range(times):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", *pictures],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"PYTHONHASHSEED={seed}\n{done.stdout[-3_000:]}"
