"""The kernel's tables are read once, and again only where the kernel said that something changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.linux.dump import Dump, Neighbour, Notice, NoticeKind
from ipv6console.linux.firewall import Firewall
from ipv6console.linux.netlink import Netlink, Notices
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import format_address, parse_address
from tests.linux.conftest import GATEWAY, PREFIX, Host, Peer, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

MANY = 300
LOOKS = 10
Makes = Callable[[str], HostReach]

CHANGES = {
    "an address comes": ("true", "ip addr add 2001:db8:f00d::2/64 dev up0 nodad"),
    "an address goes": (
        "ip addr add 2001:db8:f00d::2/64 dev up0 nodad",
        "ip addr del 2001:db8:f00d::2/64 dev up0",
    ),
    "a route comes": ("true", "ip -6 route add 2001:db8:9::/48 via fe80::1 dev up0"),
    "a route goes": ("true", "ip -6 route del default"),
    "a link comes": ("true", "ip link add other0 type veth peer name other1"),
    "a link is renamed": ("ip link add other0 type veth peer name other1", "ip link set other0 name another0"),
    "a link goes down": ("true", "ip link set up0 down"),
    "a link goes": ("ip link add other0 type veth peer name other1", "ip link del other0"),
    "a neighbour comes": ("true", "ip -6 neigh add fe80::9 lladdr 02:00:00:00:00:09 dev up0"),
    "a neighbour goes": (
        "ip -6 neigh add fe80::9 lladdr 02:00:00:00:00:09 dev up0",
        "ip -6 neigh del fe80::9 dev up0",
    ),
    "an address of the pool comes": (
        "true",
        f"ip -6 addr add {PREFIX.replace('::/64', '::aaaa')}/128 dev up0 nodad noprefixroute metric 160160",
    ),
}


def content(dump: Dump) -> tuple[object, ...]:
    return (
        set(dump.links),
        set(dump.addresses),
        set(dump.routes),
        {(row.index, row.address, row.known) for row in dump.neighbours if row.known},
        set(dump.pooled),
    )


@pytest.mark.parametrize("name", CHANGES)
async def test_what_changed_is_seen_by_the_very_next_look(
    name: str, host: Host, upstream: Peer, netlink: Netlink
) -> None:
    before, change = CHANGES[name]
    host.shell(before)
    old = await netlink.dump()
    host.shell(change)

    kept = await netlink.dump()
    fresh = Netlink()
    told = await fresh.dump()
    await fresh.close()

    assert content(kept) == content(told)
    assert content(kept) != content(old)


async def test_looking_again_at_what_did_not_change_reads_nothing(upstream: Peer, netlink: Netlink) -> None:
    first = await netlink.dump()
    read = netlink.tables_read

    second = await netlink.dump()

    assert netlink.tables_read == read == 4
    assert content(second) == content(first)
    assert second.at > first.at


async def test_proxy_entries_that_are_the_same_are_not_read_out_again(
    host: Host, upstream: Peer, netlink: Netlink
) -> None:
    host.shell("ip -6 neigh add proxy fe80::a dev up0")
    first = await netlink.proxies()
    assert await netlink.proxies() is first

    host.shell("ip -6 neigh add proxy fe80::b dev up0; ip -6 neigh del proxy fe80::a dev up0")

    assert [format_address(row.address) for row in await netlink.proxies()] == ["fe80::b"]


async def test_a_neighbour_that_is_only_heard_again_is_no_news(host: Host, upstream: Peer, netlink: Netlink) -> None:
    host.shell(f"ping -c1 -W2 {GATEWAY}")
    async with netlink.notices() as notices:
        await netlink.dump()
        notices.drain()
        lladdr = upstream.shell("ip -brief link show dn0").split()[2]
        host.shell(f"ip -6 neigh replace {GATEWAY} lladdr {lladdr} nud stale dev up0")
        host.shell(f"ip -6 neigh replace {GATEWAY} lladdr {lladdr} nud reachable dev up0")
        host.shell(f"ip -6 neigh replace fe80::9 lladdr {lladdr} dev up0")
        seen = await gathered(notices, lambda found: any(about(notice, "fe80::9") for notice in found))

    assert not any(about(notice, GATEWAY) for notice in seen)


async def test_a_thousand_addresses_of_the_pool_come_without_a_table_being_read(
    host: Host, upstream: Peer, netlink: Netlink
) -> None:
    dump = await netlink.dump()
    up0 = dump.link("up0")
    assert up0 is not None
    read, base = netlink.tables_read, parse_address("2001:db8:4f8:10::1:0")

    await netlink.assign(range(base, base + 1_000), up0.index)

    assert len([row for row in (await netlink.dump()).pooled if row.index == up0.index]) == 1_000
    assert netlink.tables_read == read


@pytest.fixture
async def makes(host: Host, netlink: Netlink, tmp_path: Path) -> AsyncIterator[Makes]:
    made: list[HostReach] = []

    def make(strategy: str) -> HostReach:
        made.append(HostReach(NetworkSettings(ndp=strategy), tmp_path / "state", netlink))
        return made[-1]

    yield make
    for reach in made:
        await reach.withdraw_all()


@pytest.mark.parametrize("strategy", ["auto", "routed", "ndppd", "responder", "address", "proxy"])
async def test_an_idle_engine_reads_no_table_and_runs_no_program(
    strategy: str, upstream: Peer, netlink: Netlink, makes: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach, runs = makes(strategy), []
    real = Firewall._nft

    async def counted(self: Firewall, *arguments: str) -> tuple[int, str, str]:
        runs.append(arguments)
        return await real(self, *arguments)

    monkeypatch.setattr(Firewall, "_nft", counted)
    watch = KernelWatch(NetworkSettings(), netlink)
    views = watch.views()
    prefix = (await anext(views)).prefixes[0]
    await reach.announce(prefix)
    base = prefix.network | 0xBEEF << 32
    await reach.answer_only([base + number for number in range(MANY)])

    async def settled() -> bool:
        """The firewall has looked at its own change, the network has answered, the views tell no more."""
        read, run = netlink.tables_read, len(runs)
        (row,) = await reach.inspect()
        found = row.on_link is not None or strategy != "auto"
        return found and (netlink.tables_read, len(runs)) == (read, run) and len(runs) > 2

    await until(settled)
    following = asyncio.ensure_future(anext(views))
    read, run = netlink.tables_read, len(runs)
    for _ in range(LOOKS):
        await reach.inspect()

    # The kernel never says that a proxy entry went, so those are looked over, once in seconds.
    assert netlink.tables_read - read <= (1 if strategy == "proxy" else 0)
    assert len(runs) == run
    assert not following.done()
    following.cancel()


def about(notice: Notice, address: str) -> bool:
    row = notice.row
    return (
        notice.kind is NoticeKind.NEIGHBOUR
        and isinstance(row, Neighbour)
        and format_address(row.address) == format_address(parse_address(address))
    )


async def gathered(notices: Notices, enough: Callable[[list[Notice]], bool]) -> list[Notice]:
    seen: list[Notice] = []
    async with asyncio.timeout(20):
        while not enough(seen):
            seen.extend(await notices.next())
    return seen
