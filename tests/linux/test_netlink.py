from __future__ import annotations

import asyncio

import pytest
import uvloop

from ipv6console.linux.dump import PROTOCOL, ROUTE_LOCAL, TABLE_LOCAL, Address, Notice, NoticeKind, Route
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.routes import METRIC, LocalRoutes, exception_route, local_route, ours, state
from ipv6console.linux.rtnetlink import Questions
from ipv6console.pool.address import parse_address
from tests.linux.conftest import GATEWAY, PREFIX, Host, Peer

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

NETWORK = parse_address("2001:db8:4f8:10::")


async def test_a_dump_holds_links_addresses_routes_and_neighbours(host: Host, upstream: Peer, netlink: Netlink) -> None:
    host.shell(f"ping -c1 -W2 {GATEWAY}")

    dump = await netlink.dump()

    up0 = dump.link("up0")
    assert up0 is not None
    assert (up0.carrier, up0.resolves, up0.loopback) == (True, True, False)
    assert [route.gateway for route in dump.default_routes()] == [parse_address("fe80::1")]
    gateway = next(row for row in dump.neighbours if row.address == parse_address(GATEWAY))
    assert (gateway.index, gateway.known) == (up0.index, True)


async def test_every_next_hop_of_a_multipath_route_is_a_route(host: Host, upstream: Peer, netlink: Netlink) -> None:
    host.shell(
        "ip -6 route add 2001:db8:9::/48 nexthop via fe80::1 dev up0 weight 1 nexthop via fe80::3 dev up0 weight 1"
    )

    found = [route for route in (await netlink.dump()).routes if route.network == parse_address("2001:db8:9::")]

    assert {route.gateway for route in found} == {parse_address("fe80::1"), parse_address("fe80::3")}


async def test_adding_and_deleting_a_route_twice_changes_nothing_the_second_time(host: Host, netlink: Netlink) -> None:
    route = local_route(NETWORK, 64, 1)

    assert [await netlink.add(route), await netlink.add(route)] == [True, False]
    assert f"local {PREFIX} dev lo proto {PROTOCOL}" in host.shell("ip -6 route show table local")
    assert [await netlink.delete(route), await netlink.delete(route)] == [True, False]


async def test_deleting_never_takes_a_route_of_another_protocol(host: Host, netlink: Netlink) -> None:
    host.shell(f"ip -6 route add local {PREFIX} dev lo proto static")

    assert await LocalRoutes(netlink).remove(NETWORK, 64) is False

    found = state((await netlink.dump()).routes, NETWORK, 64)
    assert (found.present, found.ours, found.owner) == (True, False, "proto static")


async def test_our_routes_are_known_by_their_protocol(host: Host, upstream: Peer, netlink: Netlink) -> None:
    dump = await netlink.dump()
    up0 = dump.link("up0")
    assert up0 is not None
    spared = exception_route(parse_address(GATEWAY), up0.index)
    for route in (spared, local_route(NETWORK, 64, 1)):
        await netlink.add(route)

    assert ours((await netlink.dump()).routes) == (local_route(NETWORK, 64, 1), spared)


async def test_the_kernel_says_which_route_an_address_takes(host: Host, upstream: Peer, netlink: Netlink) -> None:
    before = await netlink.resolve(NETWORK + 0xABCD)
    await netlink.add(local_route(NETWORK, 64, 1))
    after = await netlink.resolve(NETWORK + 0xABCD)

    assert before.kind != ROUTE_LOCAL
    assert (after.kind, after.table) == (ROUTE_LOCAL, TABLE_LOCAL)


async def test_notices_are_typed_and_carry_what_changed(host: Host, upstream: Peer, netlink: Netlink) -> None:
    async with netlink.notices() as notices:
        host.shell("ip addr add 2001:db8:f00d::2/64 dev up0 nodad && ip addr del 2001:db8:f00d::2/64 dev up0")
        seen: list[Notice] = []
        async with asyncio.timeout(20):
            while not any(notice.removed and notice.kind is NoticeKind.ADDRESS for notice in seen):
                seen.extend(await notices.next())

    found = [(n.removed, n.row.address) for n in seen if isinstance(n.row, Address)]
    assert found == [(False, parse_address("2001:db8:f00d::2")), (True, parse_address("2001:db8:f00d::2"))]


async def test_an_unknown_interface_is_refused_with_a_sentence(host: Host, netlink: Netlink) -> None:
    route = Route(TABLE_LOCAL, ROUTE_LOCAL, NETWORK, 64, 99, None, PROTOCOL, METRIC)

    with pytest.raises(OSError, match=f"adding the route local {PREFIX} in table {TABLE_LOCAL} failed") as caught:
        await netlink.add(route)

    assert "ip -6 link" in str(caught.value)


def test_it_works_from_a_loop_pyroute2_cannot_run_on(host: Host) -> None:
    async def work() -> int:
        netlink = Netlink()
        async with netlink.notices():
            count = len((await netlink.dump()).links)
        await netlink.close()
        return count

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(work()) == 1


async def test_a_closed_adapter_leaves_no_thread_and_may_be_used_again(host: Host) -> None:
    netlink = Netlink()
    await netlink.dump()
    await netlink.close()

    assert (await netlink.dump()).link("lo") is not None
    await netlink.close()


async def test_a_kernel_that_does_not_answer_is_told_as_that(
    host: Host, netlink: Netlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> list[bytes]:
        raise TimeoutError("timed out")

    monkeypatch.setattr(Questions, "table", silent)
    with pytest.raises(OSError, match="tables failed: the kernel did not answer in time; is this host overloaded"):
        await netlink.dump()
