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

COMMON = (
    "sysctl.write",
    "RecordFile.write",
    "Netlink.add",
    "Netlink.delete",
    "Firewall.put",
    "Firewall.remove",
    "ServiceFile.tidy",
)
STEPS = {
    "routed": COMMON,
    "ndppd": ("ndppd.write", "Child.start", "Child.stop", "process.kill", "Netlink.delete"),
    "service": ("ServiceFile.write", "ServiceFile.restart", "Netlink.delete"),
    "responder": ("Child.start", "Child.stop", "process.kill", "Netlink.delete"),
    "address": ("Netlink.assign", "Netlink.unassign", "Netlink.delete"),
    "proxy": ("sysctl.write", "Netlink.put_proxies", "Netlink.drop_proxies", "Netlink.delete"),
}
"""The steps each strategy is killed before: routed at all that every one has, the others at their own and what follows."""

PHASES = {
    "routed": ("up", "down", "undo", "apply"),
    "ndppd": ("up", "down"),
    "service": ("up", "down", "undo"),
    "responder": ("up", "down", "undo"),
    "address": ("up", "down", "undo"),
    "proxy": ("up", "down"),
}
"""Undoing ndppd's processes and the proxy's settings is the same work as undoing the responder's and the common ones."""

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

def deadly(holder, name):
    real = getattr(holder, name)
    def act(*arguments, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    setattr(holder, name, act)

for step in sys.argv[3:]:
    holder, name = step.split(".")
    deadly(globals()[holder], name)

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
async def victims(strategy: str, settings: NetworkSettings, netlink: Netlink, folder: Path) -> AsyncIterator[Victims]:
    command = (sys.executable, "-c", VICTIMS, str(folder / "state"), repr(settings), *STEPS[strategy])
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
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


@pytest.mark.parametrize("strategy", STEPS)
async def test_whatever_the_step_it_dies_before_nothing_is_left(
    strategy: str, host: Host, victims: Victims, folder: Path
) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    before, files = network_state(host), left_in(host, folder)

    for phase in PHASES[strategy]:
        number, how = 0, "killed"
        while how == "killed":
            number += 1
            how = await victims.ended(phase, number)
            await victims.plan.teardown()

            assert how in ("killed", "all")
            assert (phase, number, network_state(host), left_in(host, folder)) == (phase, number, before, files)
            await until(lambda: not process.with_argument_below(f"--owner={folder}/state"))
            assert not process.with_argument(f"{folder}/state/ndppd-up0.conf")
        assert number > 1
