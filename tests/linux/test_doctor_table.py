"""Fault, verdict, fix: each row breaks something real, and the printed command, executed verbatim, mends it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.linux import process
from ipv6console.linux.doctor import STEPS, HostDoctor
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import format_address
from ipv6console.wire.doctor import DoctorReport, DoctorStep
from ipv6console.wire.status import Level
from tests.linux.conftest import GATEWAY, PREFIX, Host, Peer, seen_from, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

ENTRY = "2001:db8:4f8:10::aaaa"
LOCAL = f"ip -6 route replace local {PREFIX} dev lo proto 160"
ASSIGN = f"ip -6 addr add {ENTRY}/128 dev up0 noprefixroute preferred_lft 0 metric 160160"


@dataclass(frozen=True)
class Row:
    """A fault of a host that was green with `strategy`: the step that tells, its level and words."""

    strategy: str
    fault: str
    step: str
    level: Level
    words: str


ROWS = {
    "route deleted": Row("ndppd", f"ip -6 route del local {PREFIX} dev lo", "route", Level.FAIL, "does not know"),
    "gateway hidden": Row(
        "ndppd", f"ip -6 route replace default via {GATEWAY} dev up0", "route", Level.WARN, f"neighbour(s): {GATEWAY}"
    ),
    "bind off": Row("ndppd", "sysctl -qw net.ipv6.ip_nonlocal_bind=0", "bind", Level.WARN, "curl and others cannot"),
    "table deleted": Row("ndppd", "nft flush ruleset", "inbound", Level.WARN, "on every address"),
    "table emptied of the prefix": Row(
        "ndppd", "nft flush set ip6 ipv6console prefixes", "inbound", Level.WARN, "on every address"
    ),
    "ndppd killed": Row("ndppd", "kill -KILL {pid}", "ndp", Level.FAIL, "nobody answers neighbours on up0"),
    "ndppd stopped": Row("ndppd", "kill -STOP {pid}", "ndp", Level.FAIL, "stopped by a signal"),
    "ndppd for another prefix": Row(
        "ndppd",
        "kill -KILL {pid}; printf 'proxy up0 {{\\n rule 2001:db8:77::/64 {{\\n static\\n }}\\n}}\\n' > {conf};"
        " ndppd -d -c {conf} -p {conf}.pid",
        "ndp",
        Level.FAIL,
        f"has no rule for {PREFIX}",
    ),
    "ndppd on another interface": Row(
        "ndppd",
        "kill -KILL {pid}; ip link add other0 type veth peer name other1 && ip link set other0 up;"
        " printf 'proxy other0 {{\\n rule 2001:db8:4f8:10::/64 {{\\n static\\n }}\\n}}\\n' > {conf};"
        " ndppd -d -c {conf} -p {conf}.pid",
        "ndp",
        Level.FAIL,
        "nobody answers neighbours on up0",
    ),
    "address taken": Row("address", "ip addr del {entry}/128 dev up0", "ndp", Level.FAIL, "nobody answers"),
    "address tentative": Row(
        "address",
        "sysctl -qw net.ipv6.conf.up0.accept_dad=1 net.ipv6.conf.up0.dad_transmits=60;"
        f" ip addr del {{entry}}/128 dev up0; {ASSIGN}",
        "ndp",
        Level.FAIL,
        "tested for duplicates",
    ),
    "proxy entry deleted": Row("proxy", "ip -6 neigh del proxy {entry} dev up0", "ndp", Level.FAIL, "nobody answers"),
    "forwarding off": Row(
        "proxy", "sysctl -qw net.ipv6.conf.up0.forwarding=0", "ndp", Level.FAIL, "does not answer on up0"
    ),
    "proxy_ndp off": Row(
        "proxy", "sysctl -qw net.ipv6.conf.up0.proxy_ndp=0", "ndp", Level.FAIL, "does not answer on up0"
    ),
    "proxy_delay as it comes": Row(
        "proxy", "sysctl -qw net.ipv6.neigh.up0.proxy_delay=80", "ndp", Level.WARN, "up to 0.8 s"
    ),
}


async def echo(source: int) -> tuple[bool, str]:
    text = format_address(source)
    try:
        seen = await seen_from(text)
    except OSError as error:
        return False, f"{type(error).__name__} {error}"
    return seen == text, f"the site saw {seen}"


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "state"
    path.mkdir()
    yield path
    for pid in process.with_argument_below(str(path)):
        process.kill(pid, 2.0)


def doctor(strategy: str, state_dir: Path, netlink: Netlink) -> HostDoctor:
    return HostDoctor(NetworkSettings(ndp=strategy), state_dir, netlink, None, echo)


def step(report: DoctorReport, name: str) -> DoctorStep:
    return next(step for step in report.steps if step.name == name)


def levels(report: DoctorReport) -> dict[str, Level]:
    return {step.name: step.level for step in report.steps}


async def green(physician: HostDoctor) -> DoctorReport:
    """Return the report once all is green; a daemon's parent has gone before the daemon has opened its socket."""
    last: list[DoctorReport] = []

    async def all_ok() -> bool:
        last[:] = [await physician.examine(None)]
        return levels(last[0]) == dict.fromkeys(STEPS, Level.OK)

    await until(all_ok, within=8)
    return last[0]


async def healed(host: Host, physician: HostDoctor) -> DoctorReport:
    """Execute every fix the doctor prints, one at a time, until there is none."""
    for _ in STEPS:
        report = await physician.examine(None)
        fix = next((step.fix for step in report.steps if step.fix), None)
        if fix is None:
            break
        host.shell(fix)
    return await green(physician)


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_is_told_and_its_fix_turns_the_chain_green(
    name: str, host: Host, upstream: Peer, netlink: Netlink, state_dir: Path
) -> None:
    row, physician = ROWS[name], doctor(ROWS[name].strategy, state_dir, netlink)
    await healed(host, physician)
    pids = [pid for pid, who in process.holders(socket.if_nametoindex("up0")).items() if who == "ndppd"]

    held = [one.address for one in ((await netlink.dump()).pooled or await netlink.proxies())]
    entry = format_address(held[0]) if held else ""
    host.shell(row.fault.format(pid=pids[0] if pids else 0, conf=state_dir / "other.conf", entry=entry))
    if "kill" in row.fault and "STOP" not in row.fault:
        await until(lambda: process.cpu_use(pids[0]) is None)
    if "ndppd -d" in row.fault:
        await until(lambda: process.with_argument(str(state_dir / "other.conf")))

    async def told() -> bool:
        return step(await physician.examine(None), row.step).level is row.level

    await until(told)
    report = await physician.examine(None)
    broken = step(report, row.step)
    assert row.words in broken.text
    fine = STEPS[: STEPS.index(row.step)]
    assert [step(report, other).level for other in fine if not (name == "address tentative" and other == "bind")] == [
        Level.OK for other in fine if not (name == "address tentative" and other == "bind")
    ]
    assert broken.fix is not None
    host.shell(broken.fix)
    await green(physician)


async def test_the_twelve_cases_of_the_lab_are_told_apart(
    host: Host, upstream: Peer, netlink: Netlink, state_dir: Path
) -> None:
    """Route, bind, NDP and their combinations, with the words of the first thing that is not green."""
    told: dict[int, str] = {}
    conf = state_dir / "by-hand.conf"
    conf.write_text(f"proxy up0 {{\n rule {PREFIX} {{\n static\n }}\n}}\n")

    async def look(case: int, strategy: str = "ndppd") -> None:
        report = await doctor(strategy, state_dir, netlink).examine(None)
        first = next((one for one in report.steps if one.level is not Level.OK and one.name != "inbound"), None)
        told[case] = f"{report.verdict} | {first.name}: {first.text}" if first else report.verdict

    async def ndppd(on: bool) -> None:
        if on:
            host.shell(f"ndppd -d -c {conf} -p {conf}.pid")
            await until(lambda: "ndppd" in process.holders(socket.if_nametoindex("up0")).values())
            return
        for pid in process.with_argument(str(conf)):
            process.kill(pid, 2.0)

    await look(1)
    host.shell("sysctl -qw net.ipv6.ip_nonlocal_bind=1")
    await look(2)
    host.shell(f"sysctl -qw net.ipv6.ip_nonlocal_bind=0 && {LOCAL}")
    await look(3)
    host.shell("sysctl -qw net.ipv6.ip_nonlocal_bind=1")
    await look(4)
    host.shell("sysctl -qw net.ipv6.ip_nonlocal_bind=0")
    await ndppd(on=True)
    await look(5)
    host.shell("sysctl -qw net.ipv6.ip_nonlocal_bind=1")
    await look(6)
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    await look(7)
    host.shell(f"ip -6 route replace default via fe80::1 dev up0 && ip -6 route del local {PREFIX} dev lo")
    host.shell("ip -6 neigh flush dev up0")
    await look(8)
    host.shell(LOCAL)
    await ndppd(on=False)
    await look(9)
    host.shell(
        "sysctl -qw net.ipv6.conf.up0.proxy_ndp=1 net.ipv6.conf.up0.forwarding=1 net.ipv6.neigh.up0.proxy_delay=0"
    )
    host.shell(f"ip -6 neigh add proxy {ENTRY} dev up0")
    await look(10, "proxy")
    host.shell(f"ip -6 neigh del proxy {ENTRY} dev up0 && ip -6 route del local {PREFIX} dev lo")
    host.shell(f"sysctl -qw net.ipv6.conf.up0.forwarding=0 && {ASSIGN} nodad")
    await look(11, "address")
    host.shell(f"ip addr del {ENTRY}/128 dev up0")
    host.shell("sysctl -qw net.ipv6.conf.up0.accept_dad=1 net.ipv6.conf.up0.dad_transmits=60")
    host.shell(ASSIGN)
    await look(12, "address")

    unknown = f"the kernel does not know that all of {PREFIX} is this host"
    nobody = "nobody answers neighbours on up0"
    assert told == {
        1: f"not usable: route | route: {unknown}",
        2: f"not usable: route | route: {unknown}",
        3: "not usable: ndp | bind: only programs that set IPV6_FREEBIND can bind; curl and others cannot",
        4: f"not usable: ndp | ndp: {nobody}",
        5: "on-link | bind: only programs that set IPV6_FREEBIND can bind; curl and others cannot",
        6: "on-link",
        7: f"on-link | route: the local route hides 1 on-link neighbour(s): {GATEWAY}",
        8: f"not usable: route | route: {unknown}",
        9: f"not usable: ndp | ndp: {nobody}",
        10: "on-link",
        11: "on-link",
        12: f"not usable: ndp | ndp: {ENTRY} is still being tested for duplicates (tentative), so nothing can use it yet",
    }


@pytest.fixture
async def reaches(host: Host, netlink: Netlink, state_dir: Path) -> AsyncIterator[dict[str, HostReach]]:
    made: dict[str, HostReach] = {}
    yield made
    for reach in made.values():
        await reach.withdraw_all()


@pytest.mark.parametrize("strategy", ["ndppd", "responder", "address", "proxy"])
async def test_with_an_engine_the_chain_is_green_for_an_address_that_is_not_live(
    strategy: str, upstream: Peer, netlink: Netlink, state_dir: Path, reaches: dict[str, HostReach]
) -> None:
    settings = NetworkSettings(ndp=strategy)
    reach = reaches.setdefault(strategy, HostReach(settings, state_dir, netlink))
    for prefix in (await KernelWatch(settings, netlink).view()).prefixes:
        await reach.announce(prefix)

    report = await HostDoctor(settings, state_dir, netlink, reach, echo).examine(None)

    assert levels(report) == dict.fromkeys(STEPS, Level.OK)
    assert any(strategy in line for line in step(report, "ndp").evidence)
    (row,) = await reach.inspect()
    assert strategy == "ndppd" or "0 live addresses" in row.ndp.text
