"""kill -9 between any two steps of setting up and of undoing: `net teardown` leaves the host as it was before."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.linux import process
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.plan import HostPlan
from tests.linux.conftest import GATEWAY, THEIRS, Host, Peer, network_state, service_settings, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

STRATEGIES = ("routed", "ndppd", "service", "responder", "address", "proxy")
CASES = [
    *((strategy, phase) for strategy in STRATEGIES for phase in ("up", "down")),
    # Teardown does the same whoever was there before, but for what these leave.
    *((strategy, "undo") for strategy in ("service", "responder", "address")),
    ("routed", "apply"),
]

FEWEST = 5
"""Steps there are at least: a phase that counts fewer does not do what it is there for."""

VICTIMS = """
# Reads PHASE NUMBER; a child does what PHASE says and kills itself before its privileged step NUMBER, if there are so
# many. Everything is imported once: what is forked runs at once.
import asyncio, os, signal, sys
from ipaddress import IPv6Address
from pathlib import Path

from ipv6console.config import NetworkSettings
from ipv6console.linux import process, sysctl
from ipv6console.linux.firewall import Firewall
from ipv6console.linux.ndp import ndppd
from ipv6console.linux.ndp.child import Child
from ipv6console.linux.ndp.service import ServiceFile
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.plan import HostPlan
from ipv6console.linux.reach import HostReach
from ipv6console.linux.record import RecordFile
from ipv6console.linux.watch import KernelWatch

folder, settings, left = Path(sys.argv[1]), eval(sys.argv[2]), 0

def deadly(holder, *names):
    def made(real):
        def act(*arguments, **named):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)
        return act
    for name in names:
        setattr(holder, name, made(getattr(holder, name)))

deadly(sysctl, "write")
deadly(process, "kill")
deadly(ndppd, "write")
deadly(Child, "start", "stop")
deadly(ServiceFile, "write", "restart", "tidy")
deadly(Netlink, "add", "delete", "put_proxies", "drop_proxies", "assign", "unassign")
deadly(Firewall, "put", "remove")
deadly(RecordFile, "write")

async def up(netlink):
    reach = HostReach(settings, folder, netlink)
    await reach.answer_only([int(IPv6Address(f"2001:db8:4f8:10::{number:x}")) for number in (0xcafe, 0xcaff)])
    for prefix in (await KernelWatch(settings, netlink).view()).prefixes:
        await reach.announce(prefix)
    (row,) = await reach.inspect()
    assert str(row.ndp.level) == "ok", row.ndp.text
    return reach

async def act(phase, number):
    global left
    netlink = Netlink()
    if phase == "up":
        left = number
        await up(netlink)
    elif phase == "down":
        reach = await up(netlink)
        left = number
        await reach.withdraw_all()
    elif phase == "apply":
        left = number
        await HostPlan(settings, folder, netlink).apply()
    else:
        left = number
        await HostPlan(settings, folder, netlink).teardown()

def killed(phase, number):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    asyncio.run(act(phase, number))
    os.kill(os.getpid(), signal.SIGTERM)

for line in sys.stdin:
    phase, number = line.split()
    if phase == "undo":
        killed("up", 0)
    print({-signal.SIGKILL: "killed", -signal.SIGTERM: "all"}.get(killed(phase, int(number)), "failed"), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path


@pytest.fixture
def settings(strategy: str, upstream: Peer, folder: Path) -> NetworkSettings:
    if strategy != "service":
        return NetworkSettings(ndp=strategy, interfaces=("up0",))
    found = service_settings(folder / "etc")
    Path(found.ndppd_conf).write_text(THEIRS)
    return found


@dataclass(frozen=True)
class Victims:
    """A process whose children die, and the plan that undoes what they leave."""

    process: Process
    plan: HostPlan

    async def ended(self, phase: str, number: int) -> str:
        """Have a child do `phase` and die before step `number`; returns how it ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{phase} {number}\n".encode())
        return (await self.process.stdout.readline()).decode().strip()


@pytest.fixture
async def victims(settings: NetworkSettings, netlink: Netlink, folder: Path) -> AsyncIterator[Victims]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", VICTIMS, str(folder / "state"), repr(settings)), stdin=PIPE, stdout=PIPE
    )
    yield Victims(child, HostPlan(settings, folder / "state", netlink))
    child.kill()
    await child.wait()
    for pid in process.with_argument(settings.ndppd_conf):
        process.kill(pid, 2.0)


def left_in(host: Host, folder: Path) -> str:
    """Return what there is of files of ours, and what the system's ndppd is configured to do."""
    return host.shell(
        f"cd {folder}; ls -A state 2>/dev/null; ls -A etc | grep -v ndppd.pid; cat etc/ndppd.conf 2>/dev/null || true"
    )


@pytest.mark.parametrize(("strategy", "phase"), CASES)
async def test_whatever_the_step_it_dies_before_nothing_is_left(
    phase: str, host: Host, victims: Victims, folder: Path
) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    before, files = network_state(host), left_in(host, folder)
    number, how = 0, "killed"

    while how == "killed":
        number += 1
        how = await victims.ended(phase, number)
        await victims.plan.teardown()

        assert how in ("killed", "all")
        assert (number, network_state(host), left_in(host, folder)) == (number, before, files)
        await until(lambda: not process.with_argument_below(f"--owner={folder}/state"))
        assert not process.with_argument(f"{folder}/state/ndppd-up0.conf")

    assert number > FEWEST
