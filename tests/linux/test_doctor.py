from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
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


async def echo(source: int) -> tuple[bool, str]:
    text = format_address(source)
    try:
        seen = await seen_from(text, within=5)
    except OSError as error:
        return False, f"{type(error).__name__} {error}"
    return seen == text, f"the site saw {seen}"


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "a state"


@pytest.fixture
def alone(host: Host, netlink: Netlink, state_dir: Path) -> HostDoctor:
    """The doctor of a host where no engine runs."""
    return HostDoctor(NetworkSettings(), state_dir, netlink, None, echo)


@pytest.fixture
async def reach(host: Host, netlink: Netlink, state_dir: Path) -> AsyncIterator[HostReach]:
    here = HostReach(NetworkSettings(), state_dir, netlink)
    yield here
    await here.withdraw_all()


async def announce(reach: HostReach, netlink: Netlink) -> None:
    for prefix in (await KernelWatch(NetworkSettings(), netlink).view()).prefixes:
        await reach.announce(prefix)


def step(report: DoctorReport, name: str) -> DoctorStep:
    return next(step for step in report.steps if step.name == name)


def levels(report: DoctorReport) -> dict[str, Level]:
    return {step.name: step.level for step in report.steps}


def fails_first_at(report: DoctorReport, name: str) -> DoctorStep:
    place = STEPS.index(name)
    assert report.verdict == f"not usable: {name}"
    assert all(step.level in (Level.OK, Level.WARN) for step in report.steps[:place])
    assert report.steps[place].level is Level.FAIL
    assert all(step.level is Level.UNKNOWN and "not reached" in step.text for step in report.steps[place + 1 :])
    return report.steps[place]


async def test_a_host_that_works_is_green_all_along_and_on_link(
    upstream: Peer, netlink: Netlink, reach: HostReach, state_dir: Path
) -> None:
    await announce(reach, netlink)

    report = await HostDoctor(NetworkSettings(), state_dir, netlink, reach, echo).examine(None)

    assert levels(report) == dict.fromkeys(STEPS, Level.OK)
    assert (report.verdict, report.prefix, report.interface) == ("on-link", PREFIX, "up0")
    assert all(step.evidence for step in report.steps)


async def test_a_routed_prefix_is_called_routed(host: Host, upstream: Peer, netlink: Netlink, state_dir: Path) -> None:
    upstream.shell("ip -6 route add 2001:db8:5::/56 via fe80::2 dev dn0")
    host.shell("ip addr add fe80::2/64 dev up0 nodad")
    settings = NetworkSettings(prefixes=("2001:db8:5::/56",))
    reach = HostReach(settings, state_dir, netlink)
    (prefix,) = (await KernelWatch(settings, netlink).view()).prefixes
    await reach.announce(prefix)

    report = await HostDoctor(settings, state_dir, netlink, reach, echo).examine(prefix)

    assert (report.verdict, levels(report)) == ("routed", dict.fromkeys(STEPS, Level.OK))
    await reach.withdraw_all()


async def test_each_broken_link_is_named_and_its_fix_mends_it(
    host: Host, upstream: Peer, alone: HostDoctor, state_dir: Path
) -> None:
    """From a host with nothing set up: every printed command is pasted, and the chain turns green link by link."""
    host.shell(f"ip link set up0 down && ip addr add {PREFIX.replace('::/', '::2/')} dev up0 nodad")
    host.shell("sysctl -qw net.ipv6.conf.up0.keep_addr_on_down=1")

    interface = fails_first_at(await alone.examine(None), "interface")
    host.shell(interface.fix or "false")
    host.shell("ip -6 route add default via fe80::1 dev up0")

    route = fails_first_at(await alone.examine(None), "route")
    host.shell(route.fix or "false")

    report = await alone.examine(None)
    bind = step(report, "bind")
    assert bind.level is Level.WARN
    assert "curl" in bind.text
    host.shell(bind.fix or "false")

    report = await alone.examine(None)
    assert step(report, "bind").level is Level.OK
    inbound = step(report, "inbound")
    assert (inbound.level, "every address" in inbound.text) == (Level.WARN, True)
    host.shell(inbound.fix or "false")

    report = await alone.examine(None)
    assert step(report, "inbound").level is Level.OK
    ndp = fails_first_at(report, "ndp")
    host.shell(ndp.fix or "false")

    with contextlib.ExitStack() as cleanup:
        for pid in process.with_argument(str(state_dir / "ndppd-up0-by-hand.conf")):
            cleanup.callback(process.kill, pid, 2.0)
        # A daemon's parent is gone before the daemon has opened its socket.
        await until(lambda: "ndppd" in process.holders(socket.if_nametoindex("up0")).values())
        report = await alone.examine(None)
        assert report.verdict == "on-link"
        assert levels(report) == dict.fromkeys(STEPS, Level.OK)


async def test_no_interface_says_so(alone: HostDoctor) -> None:
    assert "no network interface" in fails_first_at(await alone.examine(None), "interface").text


async def test_a_vanished_interface_of_a_known_prefix_says_so(
    host: Host, upstream: Peer, netlink: Netlink, alone: HostDoctor
) -> None:
    (prefix,) = (await KernelWatch(NetworkSettings(), netlink).view()).prefixes
    host.shell("ip link del up0")

    assert "up0 does not exist" in fails_first_at(await alone.examine(prefix), "interface").text


async def test_a_link_without_carrier_says_so(upstream: Peer, alone: HostDoctor) -> None:
    upstream.shell("ip link set dn0 down")

    assert "no carrier" in fails_first_at(await alone.examine(None), "interface").text


async def test_an_interface_without_a_global_prefix_says_so(host: Host, alone: HostDoctor) -> None:
    host.peer()

    assert "no usable global IPv6 prefix" in fails_first_at(await alone.examine(None), "prefix").text


async def test_ipv6_switched_off_is_named_and_its_fix_switches_it_on(host: Host, alone: HostDoctor) -> None:
    host.peer()
    host.shell("sysctl -qw net.ipv6.conf.up0.disable_ipv6=1")

    prefix = fails_first_at(await alone.examine(None), "prefix")
    assert "switched off" in prefix.text
    host.shell(prefix.fix or "false")
    host.add_address("2001:db8:f00d::2/64")

    assert step(await alone.examine(None), "prefix").level is Level.OK


async def test_a_prefix_that_was_taken_away_says_so(
    host: Host, upstream: Peer, netlink: Netlink, alone: HostDoctor
) -> None:
    (prefix,) = (await KernelWatch(NetworkSettings(), netlink).view()).prefixes
    host.shell(f"ip addr del {PREFIX.replace('::/', '::2/')} dev up0")

    assert "no longer" in fails_first_at(await alone.examine(prefix), "prefix").text


async def test_a_missing_default_route_is_named_and_the_known_router_is_the_fix(
    host: Host, upstream: Peer, netlink: Netlink, reach: HostReach, state_dir: Path
) -> None:
    await announce(reach, netlink)
    host.shell("ip -6 route del default")
    doctor = HostDoctor(NetworkSettings(), state_dir, netlink, reach, echo)
    route = fails_first_at(await doctor.examine(None), "route")
    assert (route.text, route.fix) == ("there is no IPv6 default route", None)

    lladdr = upstream.shell("ip -brief link show dn0").split()[2]
    host.shell(f"ip -6 neigh replace fe80::1 lladdr {lladdr} router nud reachable dev up0")
    host.shell(fails_first_at(await doctor.examine(None), "route").fix or "false")

    assert (await doctor.examine(None)).verdict == "on-link"


async def test_a_swallowed_neighbour_is_a_warning_and_its_fix_frees_it(
    host: Host, upstream: Peer, alone: HostDoctor
) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0 && ip -6 route add local {PREFIX} dev lo")

    route = step(await alone.examine(None), "route")
    assert route.level is Level.WARN
    assert GATEWAY in route.text
    host.shell(route.fix or "false")

    assert step(await alone.examine(None), "route").level is Level.OK
    host.shell(f"ping -c1 -W2 {GATEWAY}")


async def test_a_missing_ndppd_is_named_with_the_package(upstream: Peer, netlink: Netlink, state_dir: Path) -> None:
    settings = NetworkSettings(ndp="ndppd", ndppd="ndppd-that-is-not-there")
    reach = HostReach(settings, state_dir, netlink)
    await announce(reach, netlink)

    ndp = fails_first_at(await HostDoctor(settings, state_dir, netlink, reach, echo).examine(None), "ndp")

    assert "not installed" in ndp.text
    assert ndp.fix == "apt-get install -y ndppd"
    await reach.withdraw_all()


async def test_a_router_that_does_not_send_the_prefix_fails_at_the_echo(
    upstream: Peer, netlink: Netlink, state_dir: Path
) -> None:
    settings = NetworkSettings(prefixes=("2001:db8:5::/56",))
    reach = HostReach(settings, state_dir, netlink)
    (prefix,) = (await KernelWatch(settings, netlink).view()).prefixes
    await reach.announce(prefix)

    failed = fails_first_at(await HostDoctor(settings, state_dir, netlink, reach, echo).examine(None), "echo")

    assert "does the router send the whole prefix" in failed.text
    await reach.withdraw_all()


async def test_a_prefix_without_a_free_address_is_examined_all_the_same(host: Host, alone: HostDoctor) -> None:
    peer = host.peer()
    peer.shell("ip addr add fe80::1/64 dev dn0 nodad")
    host.shell("for n in 1 2 3; do ip addr add 2001:db8:7::$n/126 dev up0 nodad; done")
    host.shell("ip -6 route add default via fe80::1 dev up0")

    report = await alone.examine(None)

    assert (report.prefix, report.verdict) == ("2001:db8:7::/126", "not usable: route")
