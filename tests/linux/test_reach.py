from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix, Reachability
from ipv6console.linux import sysctl
from ipv6console.linux.dump import PROTOCOL
from ipv6console.linux.ndp.ndppd import NdppdStrategy
from ipv6console.linux.netlink import Netlink, Notices
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Level
from tests.linux.conftest import GATEWAY, PREFIX, Host, Peer, reachable_plainly, running, seen_from, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

FRESH = [f"2001:db8:4f8:10:dead:beef:0:{number:x}" for number in range(1, 9)]
ROUTED = HostPrefix(
    network=parse_address("2001:db8:5::"), length=56, interface="up0", source="static", on_link=False, address=None
)


@pytest.fixture
async def reach(host: Host, netlink: Netlink, tmp_path: Path) -> AsyncIterator[HostReach]:
    here = HostReach(NetworkSettings(), tmp_path / "state", netlink)
    yield here
    await here.withdraw_all()


@pytest.fixture
async def on_link(upstream: Peer, netlink: Netlink) -> HostPrefix:
    (prefix,) = (await KernelWatch(NetworkSettings(), netlink).view()).prefixes
    return prefix


async def only(reach: HostReach) -> Reachability:
    (row,) = await reach.inspect()
    return row


async def refuse(*_: object) -> None:
    """Stand in for a step that fails."""
    raise OSError(errno.ENOSPC, "No space left on device")


def local_routes(host: Host) -> list[str]:
    return host.shell("ip -6 route show table local").splitlines()


async def test_the_site_sees_bound_addresses_of_a_routed_prefix(
    host: Host, upstream: Peer, netlink: Netlink, reach: HostReach
) -> None:
    upstream.shell("ip -6 route add 2001:db8:5::/56 via fe80::2 dev dn0")
    host.shell("ip addr add fe80::2/64 dev up0 nodad")

    await reach.announce(ROUTED)

    assert await seen_from("2001:db8:5:7::abcd") == "2001:db8:5:7::abcd"
    row = await only(reach)
    assert (row.route, row.ndp.level, row.ndp.strategy, row.findings) == (Level.OK, Level.OK, "routed", ())


async def test_the_site_sees_bound_addresses_of_an_on_link_prefix_through_ndppd(
    on_link: HostPrefix, reach: HostReach
) -> None:
    await reach.announce(on_link)

    assert [await seen_from(source) for source in FRESH] == FRESH
    row = await only(reach)
    assert (row.route, row.ndp.level, row.ndp.strategy) == (Level.OK, Level.OK, "ndppd")
    assert row.ndp.pid is not None
    assert "up0" in row.ndp.why


async def test_programs_without_freebind_can_bind_too(on_link: HostPrefix, reach: HostReach) -> None:
    assert not reachable_plainly(FRESH[0])

    await reach.announce(on_link)

    assert reachable_plainly(FRESH[0])


async def test_announcing_again_changes_nothing(host: Host, on_link: HostPrefix, reach: HostReach) -> None:
    await reach.announce(on_link)
    routes, pid = local_routes(host), (await only(reach)).ndp.pid

    await reach.announce(on_link)

    assert local_routes(host) == routes
    assert (await only(reach)).ndp.pid == pid


async def test_withdrawing_leaves_the_host_as_it_was(
    host: Host, on_link: HostPrefix, reach: HostReach, tmp_path: Path
) -> None:
    before = local_routes(host)

    await reach.announce(on_link)
    pid = (await only(reach)).ndp.pid
    await reach.withdraw_all()

    assert local_routes(host) == before
    assert sysctl.read(sysctl.NONLOCAL_BIND) == "0"
    assert not running(pid)
    assert host.shell(f"ls {tmp_path}/state") == ""


async def test_a_local_route_of_somebody_else_is_used_and_left_alone(
    host: Host, on_link: HostPrefix, reach: HostReach
) -> None:
    host.shell(f"ip -6 route add local {PREFIX} dev lo proto static")
    before = [line for line in local_routes(host) if PREFIX in line]

    await reach.announce(on_link)
    assert (await only(reach)).text.startswith("local route by proto static")
    await reach.withdraw_all()

    assert [line for line in local_routes(host) if PREFIX in line] == before


async def test_a_bind_setting_that_was_on_stays_on(host: Host, on_link: HostPrefix, reach: HostReach) -> None:
    host.shell("sysctl -qw net.ipv6.ip_nonlocal_bind=1")

    await reach.announce(on_link)
    await reach.withdraw_all()

    assert sysctl.read(sysctl.NONLOCAL_BIND) == "1"


async def test_a_deleted_route_is_put_back_and_said(host: Host, on_link: HostPrefix, reach: HostReach) -> None:
    await reach.announce(on_link)
    host.shell(f"ip -6 route del local {PREFIX} dev lo")

    row = await only(reach)

    assert row.route is Level.OK
    assert any("was gone" in finding.text for finding in row.findings)
    assert any(PREFIX in line for line in local_routes(host))
    assert (await only(reach)).findings == ()


async def test_a_deleted_route_is_told_at_once(host: Host, on_link: HostPrefix, reach: HostReach) -> None:
    await reach.announce(on_link)
    heard = asyncio.ensure_future(anext(reach.changes()))

    async def told() -> bool:
        host.shell(f"ip -6 route replace local {PREFIX} dev lo && ip -6 route del local {PREFIX} dev lo")
        return heard.done()

    await until(told)


async def test_a_switched_off_sysctl_is_put_back_and_said(host: Host, on_link: HostPrefix, reach: HostReach) -> None:
    await reach.announce(on_link)
    host.shell("sysctl -qw net.ipv6.ip_nonlocal_bind=0")

    assert any("switched off" in finding.text for finding in (await only(reach)).findings)
    assert sysctl.read(sysctl.NONLOCAL_BIND) == "1"


async def test_a_gateway_inside_the_prefix_stays_reachable(host: Host, on_link: HostPrefix, reach: HostReach) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")

    await reach.announce(on_link)

    assert await seen_from(FRESH[0], GATEWAY) == FRESH[0]
    assert "1 neighbour excepted" in (await only(reach)).text
    await reach.withdraw_all()
    assert not any(str(PROTOCOL) in line for line in local_routes(host))


async def test_a_killed_ndppd_is_told_without_being_asked_for_and_a_new_one_answers(
    on_link: HostPrefix, reach: HostReach
) -> None:
    await reach.announce(on_link)
    first = (await only(reach)).ndp
    changes = reach.changes()
    assert first.pid is not None

    os.kill(first.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        await anext(changes)
        # A process that ends closes its sockets before it can be waited for, so that may be what is told first.
        while "signal 9" not in (told := (await only(reach)).ndp).text:
            assert told.level is Level.FAIL
            await anext(changes)
    assert told.level in (Level.FAIL, Level.WARN)

    async def back() -> bool:
        row = (await only(reach)).ndp
        return row.pid not in (None, first.pid) and row.level is Level.WARN

    await until(back)
    assert await seen_from(FRESH[1]) == FRESH[1]
    assert (await only(reach)).ndp.restarts == 1


async def test_a_stopped_ndppd_is_replaced(on_link: HostPrefix, reach: HostReach) -> None:
    await reach.announce(on_link)
    first = (await only(reach)).ndp
    assert first.pid is not None

    os.kill(first.pid, signal.SIGSTOP)

    async def said() -> bool:
        return "stopped" in (await only(reach)).ndp.text

    await until(said)

    async def replaced() -> bool:
        row = (await only(reach)).ndp
        return row.pid not in (None, first.pid) and row.level is Level.WARN

    await until(replaced)
    assert await seen_from(FRESH[2]) == FRESH[2]


async def test_a_spinning_ndppd_fails_and_is_replaced(host: Host, on_link: HostPrefix, reach: HostReach) -> None:
    """ndppd polls a failed socket without end once its interface is down, until a packet happens to come."""
    await reach.announce(on_link)
    first = (await only(reach)).ndp.pid
    host.shell("ip link set up0 down")

    async def spins() -> bool:
        row = (await only(reach)).ndp
        return row.level is Level.FAIL and "spins" in row.text and (row.cpu or 0) > 0.5

    await until(spins)
    await until(lambda: not running(first))
    host.shell("ip link set up0 up")

    async def replaced() -> bool:
        return (await only(reach)).ndp.level is Level.WARN

    await until(replaced)


async def test_a_vanished_interface_ends_ndppd_and_its_return_starts_it(
    host: Host, upstream: Peer, on_link: HostPrefix, reach: HostReach
) -> None:
    await reach.announce(on_link)
    first = (await only(reach)).ndp.pid
    host.shell("ip link del up0")

    row = (await only(reach)).ndp
    assert row.level is Level.FAIL
    assert "up0 is gone" in row.text
    await until(lambda: not running(first))

    host.shell(f"ip link add up0 type veth peer name dn0 netns {upstream.pid} && ip link set up0 up")
    upstream.shell("ip link set dn0 up")

    async def back() -> bool:
        return (await only(reach)).ndp.level is Level.WARN

    await until(back)


async def test_a_missing_ndppd_says_how_to_install_it_and_the_route_stays(
    on_link: HostPrefix, netlink: Netlink, tmp_path: Path
) -> None:
    reach = HostReach(NetworkSettings(ndp="ndppd", ndppd="ndppd-that-is-not-there"), tmp_path / "state", netlink)

    await reach.announce(on_link)

    row = await only(reach)
    assert row.route is Level.OK
    assert (row.ndp.level, row.ndp.fix) == (Level.FAIL, "apt-get install -y ndppd")
    await reach.withdraw_all()


async def test_two_prefixes_of_one_interface_share_an_ndppd(
    host: Host, upstream: Peer, on_link: HostPrefix, netlink: Netlink, reach: HostReach
) -> None:
    await reach.announce(on_link)
    upstream.shell("ip addr add 2001:db8:b::1/64 dev dn0 nodad")
    host.add_address("2001:db8:b::2/64")
    view = await KernelWatch(NetworkSettings(), netlink).view()
    (other,) = [prefix for prefix in view.prefixes if prefix.network != on_link.network]

    await reach.announce(other)

    rows = await reach.inspect()
    assert len({row.ndp.pid for row in rows}) == 1
    assert await seen_from("2001:db8:b::cafe") == "2001:db8:b::cafe"
    assert await seen_from(FRESH[0]) == FRESH[0]

    await reach.withdraw(on_link.network, on_link.length)
    assert await seen_from("2001:db8:b::cafd") == "2001:db8:b::cafd"
    assert len(await reach.inspect()) == 1


async def test_a_renumbered_prefix_left_by_a_crash_loses_its_route(
    host: Host, on_link: HostPrefix, netlink: Netlink, reach: HostReach, tmp_path: Path
) -> None:
    crashed = HostReach(NetworkSettings(ndp="routed"), tmp_path / "state", netlink)
    await crashed.announce(ROUTED)

    await reach.announce(on_link)
    await reach.inspect()

    assert not any("2001:db8:5::/56" in line for line in local_routes(host))
    assert any(PREFIX in line for line in local_routes(host))


async def test_the_rule_of_the_strategy_is_said_and_unknown_ones_are_refused(netlink: Netlink, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"network\.ndp: 'magic'"):
        HostReach(NetworkSettings(ndp="magic"), tmp_path, netlink)


async def test_a_withdrawal_takes_the_route_away_even_if_ndp_cannot_be_ended(
    host: Host, on_link: HostPrefix, reach: HostReach, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reach.announce(on_link)
    with monkeypatch.context() as patch:
        patch.setattr(NdppdStrategy, "drop", refuse)
        with pytest.raises(OSError, match="No space left"):
            await reach.withdraw(on_link.network, on_link.length)

    assert not any(PREFIX in line for line in local_routes(host))


async def test_the_end_undoes_all_that_can_be_undone(
    host: Host, on_link: HostPrefix, reach: HostReach, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = local_routes(host)
    await reach.announce(on_link)
    with monkeypatch.context() as patch:
        patch.setattr(NdppdStrategy, "stop", refuse)
        patch.setattr(NdppdStrategy, "drop", refuse)
        with pytest.raises(OSError, match="No space left"):
            await reach.withdraw_all()

    assert local_routes(host) == before
    assert sysctl.read(sysctl.NONLOCAL_BIND) == "0"


async def test_a_route_that_could_not_be_removed_is_removed_at_the_next_look(
    host: Host, on_link: HostPrefix, reach: HostReach, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reach.announce(on_link)
    with monkeypatch.context() as patch:
        patch.setattr(Netlink, "delete", refuse)
        with pytest.raises(OSError, match="No space left"):
            await reach.withdraw(on_link.network, on_link.length)
    assert any(PREFIX in line for line in local_routes(host))

    await reach.inspect()

    assert not any(PREFIX in line for line in local_routes(host))


async def test_a_configuration_that_cannot_be_written_is_said_and_tried_again(
    on_link: HostPrefix, reach: HostReach, tmp_path: Path
) -> None:
    in_the_way = [tmp_path / "state" / name for name in ("ndppd-up0.new", "ndppd-up0.conf.new")]
    for folder in in_the_way:
        folder.mkdir(parents=True)

    await reach.announce(on_link)

    row = await only(reach)
    assert (row.route, row.ndp.level) == (Level.OK, Level.FAIL)
    assert "ndppd cannot be configured" in row.ndp.text
    for folder in in_the_way:
        folder.rmdir()
    await reach.inspect()
    assert (await only(reach)).ndp.level is Level.OK
    assert await seen_from(FRESH[0]) == FRESH[0]


async def test_changes_are_told_again_after_a_subscription_that_failed(
    host: Host, on_link: HostPrefix, netlink: Netlink, reach: HostReach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipv6console.linux.reach._AGAIN", 0.01)
    await reach.announce(on_link)
    subscribe, tried = netlink.notices, []

    def fails_once() -> AbstractAsyncContextManager[Notices]:
        tried.append(True)
        if len(tried) == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return subscribe()

    monkeypatch.setattr(netlink, "notices", fails_once)
    heard = asyncio.ensure_future(anext(reach.changes()))

    async def told() -> bool:
        host.shell(f"ip -6 route replace local {PREFIX} dev lo && ip -6 route del local {PREFIX} dev lo")
        return heard.done()

    await until(told)
