"""Fault, verdict, fix: each row breaks something real, and the printed command, executed verbatim, mends it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.linux import process
from ipv6console.linux.doctor import STEPS, HostDoctor
from ipv6console.linux.ndp import child
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import format_address
from ipv6console.wire.doctor import DoctorReport, DoctorStep
from ipv6console.wire.status import Level
from tests.linux.conftest import GATEWAY, PREFIX, THEIRS, Host, Peer, seen_from, service_settings, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

ROUTED = "2001:db8:5::/56"
ENTRY = "2001:db8:4f8:10::aaaa"
LOCAL = f"ip -6 route replace local {PREFIX} dev lo proto 160"
ASSIGN = f"ip -6 addr add {ENTRY}/128 dev up0 noprefixroute preferred_lft 0 metric 160160"


@dataclass(frozen=True)
class Row:
    """A fault of a host that was green with `strategy`: the step that tells, its level and words.

    `fault` is done to the host, `upstream` to the router.
    """

    strategy: str
    fault: str
    step: str
    level: Level
    words: str
    upstream: str = "true"


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
    "ndppd has the rule for another interface": Row(
        "ndppd",
        "kill -KILL {pid}; ip link add other0 type veth peer name other1 && ip link set other0 up;"
        " printf 'proxy up0 {{\\n}}\\nproxy other0 {{\\n rule 2001:db8:4f8:10::/64 {{\\n static\\n }}\\n}}\\n' > {conf};"
        " ndppd -d -c {conf} -p {conf}.pid",
        "ndp",
        Level.FAIL,
        f"has no rule for {PREFIX} on up0",
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
    "nobody in the responder's place": Row(
        "responder", "kill -KILL {pid}", "ndp", Level.FAIL, "nobody answers neighbours on up0"
    ),
    "routed: route deleted": Row(
        "routed", f"ip -6 route del local {ROUTED} dev lo", "route", Level.FAIL, "does not know"
    ),
    "routed: another route before it": Row(
        "routed",
        f"ip -6 route flush table local proto 160 && ip -6 route add {ROUTED} dev up0",
        "route",
        Level.FAIL,
        "does not know",
    ),
    "routed: bind off": Row("routed", "sysctl -qw net.ipv6.ip_nonlocal_bind=0", "bind", Level.WARN, "curl and others"),
    "routed: table deleted": Row("routed", "nft flush ruleset", "inbound", Level.WARN, "on every address"),
    "routed, but the router asks for each address": Row(
        "routed",
        "true",
        "ndp",
        Level.FAIL,
        "network.ndp is routed, but fe80::1 asked who has",
        upstream=f"ip -6 route replace {ROUTED} dev dn0",
    ),
    "service killed": Row("service", "kill -KILL {pid}", "ndp", Level.FAIL, "nobody answers neighbours on up0"),
    "service stopped": Row("service", "kill -STOP {pid}", "ndp", Level.FAIL, "stopped by a signal"),
    "service not enabled": Row(
        "service", "kill -KILL {pid}; rm {folder}/ndppd.pid", "ndp", Level.FAIL, "nobody answers neighbours on up0"
    ),
    "block edited away": Row(
        "service",
        "sed -i '/begin ipv6console/,/end ipv6console/d' {folder}/ndppd.conf && {folder}/restart",
        "ndp",
        Level.FAIL,
        f"ndppd.conf has no block of ours for {PREFIX}",
    ),
    "block for another prefix": Row(
        "service",
        "sed -i s/2001:db8:4f8:10::/2001:db8:77::/ {folder}/ndppd.conf && {folder}/restart",
        "ndp",
        Level.FAIL,
        f"has no rule for {PREFIX}",
    ),
    "block edited into nonsense": Row(
        "service",
        "sed -i 's/rule 2001:db8:4f8.*/rule 10.0.0.0\\/8 {{/' {folder}/ndppd.conf",
        "ndp",
        Level.FAIL,
        f"has no rule for {PREFIX}",
    ),
    "configuration changed and not read": Row(
        "service", "touch {folder}/ndppd.conf", "ndp", Level.WARN, "reads it only then"
    ),
}


async def echo(source: int) -> tuple[bool, str]:
    text = format_address(source)
    try:
        seen = await seen_from(text, within=3)
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
    settings = NetworkSettings(ndp=strategy, prefixes=(ROUTED,) if strategy == "routed" else ())
    if strategy == "service":
        settings = service(state_dir, THEIRS)
    return HostDoctor(settings, state_dir, netlink, None, echo)


def service(state_dir: Path, text: str) -> NetworkSettings:
    """Return settings for a system's ndppd that is configured with `text`."""
    settings = service_settings(state_dir)
    Path(settings.ndppd_conf).write_text(text)
    return settings


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

    await until(all_ok, within=30)
    return last[0]


async def healed(host: Host, physician: HostDoctor) -> DoctorReport:
    """Execute the fix the doctor prints for each step, once: a daemon takes a moment to answer."""
    done: list[str] = []

    async def nothing_to_do() -> bool:
        report = await physician.examine(None)
        broken = next((step for step in report.steps if step.fix), None)
        if broken is not None and broken.name not in done:
            done.append(broken.name)
            host.shell(broken.fix or "false")
        return broken is None

    await until(nothing_to_do, within=30)
    return await green(physician)


@pytest.mark.parametrize("name", ROWS)
async def test_a_fault_is_told_and_its_fix_turns_the_chain_green(
    name: str, host: Host, upstream: Peer, netlink: Netlink, state_dir: Path
) -> None:
    upstream.shell(f"ip -6 route add {ROUTED} via fe80::2 dev dn0")
    host.shell("ip addr add fe80::2/64 dev up0 nodad")
    row, physician = ROWS[name], doctor(ROWS[name].strategy, state_dir, netlink)
    await healed(host, physician)
    pids = [pid for pid, who in process.holders(socket.if_nametoindex("up0")).items() if who == "ndppd"]
    # A file that is changed in the same moment in which the daemon was started counts as read.
    await until(lambda: all(time.time() - (process.started(pid) or 0.0) > 0.2 for pid in pids))

    held = [one.address for one in ((await netlink.dump()).pooled or await netlink.proxies())]
    entry = format_address(held[0]) if held else ""
    upstream.shell(row.upstream)
    host.shell(
        row.fault.format(pid=pids[0] if pids else 0, conf=state_dir / "other.conf", entry=entry, folder=state_dir)
    )
    if "kill" in row.fault and "STOP" not in row.fault:
        await until(lambda: process.cpu_use(pids[0]) is None)
    if "ndppd -d" in row.fault:
        await until(lambda: process.with_argument(str(state_dir / "other.conf")))

    reports: list[DoctorReport] = []

    async def told() -> bool:
        reports[:] = [await physician.examine(None)]
        broken = step(reports[0], row.step)
        return broken.level is row.level and row.words in broken.text

    await until(told)
    (report,) = reports
    broken = step(report, row.step)
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

    async def assigned() -> bool:
        # The kernel tells of a new address from a work queue.
        return bool((await netlink.dump()).pooled)

    await until(assigned)
    await look(11, "address")
    host.shell(f"ip addr del {ENTRY}/128 dev up0")
    host.shell("sysctl -qw net.ipv6.conf.up0.accept_dad=1 net.ipv6.conf.up0.dad_transmits=60")
    host.shell(ASSIGN)
    await until(assigned)
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


@dataclass(frozen=True)
class Responding:
    """A host on which an engine's responder answers, the doctor of that engine, and one that reaches no engine."""

    pid: int
    of_engine: HostDoctor
    alone: HostDoctor


@pytest.fixture
async def responding(upstream: Peer, netlink: Netlink, state_dir: Path, reaches: dict[str, HostReach]) -> Responding:
    settings = NetworkSettings(ndp="responder")
    reach = reaches.setdefault("responder", HostReach(settings, state_dir, netlink))
    for prefix in (await KernelWatch(settings, netlink).view()).prefixes:
        await reach.announce(prefix)
    (row,) = await reach.inspect()
    assert row.ndp.pid is not None
    doctors = [HostDoctor(settings, state_dir, netlink, engine, echo) for engine in (reach, None)]
    return Responding(row.ndp.pid, *doctors)


@pytest.mark.parametrize(
    ("fault", "words"), [(signal.SIGKILL, "was killed by signal 9"), (signal.SIGSTOP, "is stopped by a signal")]
)
async def test_a_responder_that_dies_or_hangs_is_told_and_the_engine_turns_the_chain_green(
    fault: signal.Signals, words: str, responding: Responding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to print: the engine replaces it before anybody could paste a command."""
    monkeypatch.setattr(child, "RECENT", 60.0)
    os.kill(responding.pid, fault)

    async def told() -> bool:
        broken = step(await responding.of_engine.examine(None), "ndp")
        return broken.level is not Level.OK and words in broken.text and broken.fix is None

    await until(told)
    monkeypatch.setattr(child, "RECENT", 0.0)
    await green(responding.of_engine)


async def test_a_stopped_responder_of_an_engine_that_hangs_too_is_told_and_its_fix_mends_it(
    host: Host, responding: Responding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SAMPLE", 60.0)
    os.kill(responding.pid, signal.SIGSTOP)
    await until(lambda: process.stopped(responding.pid))

    broken = step(await responding.alone.examine(None), "ndp")

    assert (broken.level, broken.text) == (Level.FAIL, f"responder {responding.pid} is stopped by a signal")
    assert broken.fix is not None
    host.shell(broken.fix)
    await green(responding.of_engine)


async def test_a_proxy_block_of_somebody_else_is_not_overwritten_and_what_to_do_is_said(
    host: Host, upstream: Peer, netlink: Netlink, state_dir: Path
) -> None:
    settings = service(state_dir, THEIRS.replace("lan0", "up0"))
    host.shell(f"{settings.ndppd_restart} && sysctl -qw net.ipv6.ip_nonlocal_bind=1 && {LOCAL}")
    await until(lambda: "ndppd" in process.holders(socket.if_nametoindex("up0")).values())

    broken = step(await HostDoctor(settings, state_dir, netlink, None, echo).examine(None), "ndp")

    assert broken.level is Level.FAIL
    assert f"has no rule for {PREFIX}" in broken.text
    assert "has a proxy block for up0 that is not ours" in broken.text
    assert broken.fix is None


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
