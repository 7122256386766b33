"""Exceptions of a local route: whom they are for when there is not room for all, and whose they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import routes
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.routes import LocalRoutes
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import format_address, parse_address
from tests.linux.conftest import GATEWAY, PREFIX, Host, Peer

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

AROUND = HostPrefix(network=parse_address("2001:db8:4f8::"), length=48, interface="up0", source="static", on_link=False)
NEAR = "ip -6 neigh replace 2001:db8:4f8:10::{} lladdr 02:00:00:00:00:01 dev up0 nud permanent"


@pytest.fixture
async def on_link(upstream: Peer, netlink: Netlink) -> HostPrefix:
    (prefix,) = (await KernelWatch(NetworkSettings(), netlink).view()).prefixes
    return prefix


async def excepted(netlink: Netlink) -> set[str]:
    return {
        format_address(route.network).rpartition(":")[2]
        for route in await LocalRoutes(netlink).dump()
        if route.length == 128
    }


async def test_a_gateway_gets_an_exception_also_when_neighbours_have_taken_all_there_may_be(
    host: Host, on_link: HostPrefix, netlink: Netlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_EXCEPTIONS", 2)
    local = LocalRoutes(netlink)
    for number in ("a", "b", "c"):
        host.shell(NEAR.format(number))
    await local.spare(on_link, await netlink.dump())
    assert await excepted(netlink) == {"a", "b"}

    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    await local.spare(on_link, await netlink.dump())

    assert await excepted(netlink) == {"a", "1"}
    assert await local.spare(on_link, await netlink.dump()) == 0


async def test_a_neighbour_nobody_knows_any_more_makes_room_for_one_who_is_there(
    host: Host, on_link: HostPrefix, netlink: Netlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_EXCEPTIONS", 2)
    local = LocalRoutes(netlink)
    for number in ("a", "b"):
        host.shell(NEAR.format(number))
    await local.spare(on_link, await netlink.dump())

    host.shell("ip -6 neigh del 2001:db8:4f8:10::a dev up0")
    await local.spare(on_link, await netlink.dump())
    assert await excepted(netlink) == {"a", "b"}

    host.shell(NEAR.format("c"))
    await local.spare(on_link, await netlink.dump())
    assert await excepted(netlink) == {"b", "c"}


async def test_withdrawing_a_prefix_leaves_one_inside_it_alone(
    host: Host, on_link: HostPrefix, netlink: Netlink, tmp_path: Path
) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    reach = HostReach(NetworkSettings(ndp="routed"), tmp_path / "state", netlink)
    await reach.announce(on_link)
    await reach.announce(AROUND)

    await reach.withdraw(AROUND.network, AROUND.length)

    table = host.shell("ip -6 route show table local proto 160")
    assert f"local {PREFIX} dev lo" in table
    assert GATEWAY in table
    assert "/48" not in table
    await reach.withdraw_all()
    assert host.shell("ip -6 route show table local proto 160") == ""


async def test_exceptions_whose_prefix_a_crash_had_taken_already_go_too(
    host: Host, on_link: HostPrefix, netlink: Netlink, tmp_path: Path
) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    settings = NetworkSettings(ndp="routed")
    await HostReach(settings, tmp_path, netlink).announce(on_link)
    host.shell(f"ip -6 route del local {PREFIX} dev lo")
    other = replace(AROUND, network=parse_address("2001:db8:5::"))
    reach = HostReach(settings, tmp_path, netlink)
    await reach.announce(other)

    await reach.inspect()

    assert await excepted(netlink) == set()
    await reach.withdraw_all()
