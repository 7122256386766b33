"""A cut cable and a link that is down are told as such, and the return of the link mends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostView, Reachability
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Level
from tests.linux.conftest import ADDRESS, GATEWAY, PREFIX, Host, Peer, seen_from, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

Makes = Callable[[NetworkSettings], Awaitable[HostReach]]

POOLED = "2001:db8:4f8:10::beef"
ROUTED = "2001:db8:5::/56"


async def only(reach: HostReach) -> Reachability:
    (row,) = await reach.inspect()
    return row


async def told(reach: HostReach, level: Level) -> Reachability:
    """Return what is said once the kernel has noticed what became of the carrier, which takes up to a second."""

    async def so() -> bool:
        row = await only(reach)
        return (row.route, row.ndp.level) == (level, level) and (PREFIX not in subjects(row) or level is Level.FAIL)

    await until(so)
    return await only(reach)


def subjects(row: Reachability) -> list[str]:
    return [finding.subject for finding in row.findings]


@pytest.fixture
async def makes(upstream: Peer, netlink: Netlink, tmp_path: Path) -> AsyncIterator[Makes]:
    made: list[HostReach] = []

    async def make(settings: NetworkSettings) -> HostReach:
        made.append(HostReach(settings, tmp_path / "state", netlink))
        for prefix in (await KernelWatch(settings, netlink).view()).prefixes:
            await made[-1].announce(prefix)
        return made[-1]

    yield make
    for reach in made:
        await reach.withdraw_all()


@pytest.mark.parametrize("strategy", ["auto", "ndppd", "responder", "address", "proxy"])
async def test_a_cut_cable_is_told_in_every_row_and_a_mended_one_serves_again(
    strategy: str, upstream: Peer, makes: Makes
) -> None:
    reach = await makes(NetworkSettings(ndp=strategy))
    await reach.answer_for([parse_address(POOLED)])

    upstream.shell("ip link set dn0 down")
    row = await told(reach, Level.FAIL)
    assert row.severed == "up0 has no carrier"
    assert row.text.startswith("up0 has no carrier; ")
    assert row.ndp.text.startswith("up0 has no carrier, so nobody can ask; ")
    (said,) = [finding for finding in row.findings if finding.subject == PREFIX]
    assert (said.level, said.fix) == (Level.FAIL, None)
    assert "the cable" in said.text

    upstream.shell("ip link set dn0 up && ip addr replace fe80::1/64 dev dn0 nodad")
    upstream.shell(f"ip addr replace {GATEWAY}/64 dev dn0 nodad")
    assert (await told(reach, Level.OK)).severed is None
    assert await seen_from(POOLED) == POOLED


async def test_a_cut_cable_is_told_at_once(upstream: Peer, makes: Makes) -> None:
    reach = await makes(NetworkSettings(ndp="responder"))
    changes = reach.changes()
    heard = asyncio.ensure_future(anext(changes))

    upstream.shell("ip link set dn0 down")

    async with asyncio.timeout(20):
        await heard


async def test_a_link_that_was_set_down_is_told_with_the_command_that_sets_it_up(host: Host, makes: Makes) -> None:
    reach = await makes(NetworkSettings(ndp="responder"))
    host.shell("sysctl -qw net.ipv6.conf.up0.keep_addr_on_down=1 && ip link set up0 down")

    row = await only(reach)

    assert row.text.startswith("up0 is down; ")
    assert row.ndp.fix == "ip link set dev up0 up"
    host.shell(row.ndp.fix)
    await told(reach, Level.OK)


async def test_a_routed_prefix_is_cut_with_the_way_out_although_its_own_interface_is_fine(
    host: Host, upstream: Peer, makes: Makes
) -> None:
    host.shell("ip link add lan0 type veth peer name lan1 && ip link set lan0 up && ip link set lan1 up")
    host.shell("ip addr add 2001:db8:5::1/56 dev lan0 nodad && ip addr add fe80::2/64 dev up0 nodad")
    upstream.shell(f"ip -6 route add {ROUTED} via fe80::2 dev dn0")
    reach = await makes(NetworkSettings(interfaces=("lan0",)))
    await told(reach, Level.OK)

    upstream.shell("ip link set dn0 down")
    row = await told(reach, Level.FAIL)
    assert row.ndp.strategy == "routed"
    assert row.text.startswith("up0 has no carrier")

    upstream.shell("ip link set dn0 up")
    await told(reach, Level.OK)


async def test_a_prefix_stays_while_its_cable_is_cut(upstream: Peer, netlink: Netlink) -> None:
    watch = KernelWatch(NetworkSettings(), netlink)
    before = await watch.view()
    assert before.cut == ()

    upstream.shell("ip link set dn0 down")

    async def cut() -> HostView | None:
        view = await watch.view()
        return view if view.cut else None

    await until(cut)
    after = await watch.view()
    assert after.cut == (("up0", "up0 has no carrier"),)
    assert after.prefixes == before.prefixes


async def test_a_prefix_the_kernel_took_away_with_its_link_is_explained_and_comes_back(
    host: Host, upstream: Peer, netlink: Netlink
) -> None:
    watch = KernelWatch(NetworkSettings(), netlink)
    host.shell("ip link set up0 down")

    view = await watch.view()

    assert (view.prefixes, view.cut) == ((), (("up0", "up0 is down"),))
    (said,) = [finding for finding in view.findings if finding.subject == "prefix"]
    assert said.text == "no usable global IPv6 prefix on any interface: up0 is down"
    assert said.fix is not None
    host.shell(said.fix)
    host.add_address(f"{ADDRESS}/64")
    assert len((await watch.view()).prefixes) == 1
