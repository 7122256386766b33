"""Prefixes of every length, and several at once."""

from __future__ import annotations

import asyncio
import os
import signal
from ipaddress import IPv6Network
from pathlib import Path

import pytest
import uvloop

from ipv6console.config import NetworkSettings
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import select
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Level
from tests.linux.conftest import GATEWAY, PREFIX, SITE, Host, Peer, seen_from

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

SIZES = [
    "2001:db8:7::/48",
    "2001:db8:7:100::/56",
    "2001:db8:7:10::/60",
    "2001:db8:7:1::/64",
    "2001:db8:7:1:ab00::/72",
    "2001:db8:7:1::5:0/112",
    "2001:db8:7:1::5:700/120",
]
ON_LINK = ("ndppd", "responder", "address", "proxy")


@pytest.mark.parametrize("strategy", ON_LINK)
@pytest.mark.parametrize("text", SIZES)
async def test_an_on_link_prefix_of_any_length_works(
    text: str, strategy: str, host: Host, netlink: Netlink, tmp_path: Path
) -> None:
    prefix = IPv6Network(text)
    peer = host.peer()
    peer.shell(f"ip addr add fe80::1/64 dev dn0 nodad && ip addr add {prefix[1]}/{prefix.prefixlen} dev dn0 nodad")
    peer.shell(f"ip addr add {SITE}/128 dev lo")
    peer.serve()
    # The gateway is inside the prefix, as some providers have it.
    host.shell(f"ip addr add {prefix[2]}/{prefix.prefixlen} dev up0 nodad && ip -6 route add default via {prefix[1]}")
    settings = NetworkSettings(ndp=strategy)
    reach = HostReach(settings, tmp_path, netlink)
    (found,) = (await KernelWatch(settings, netlink).view()).prefixes
    assert (found.length, found.on_link) == (prefix.prefixlen, True)
    sources = [str(prefix[number]) for number in (3, 77, prefix.num_addresses - 2)]

    await reach.announce(found)
    await reach.answer_for([parse_address(source) for source in sources])

    assert [await seen_from(source) for source in sources] == sources
    assert await seen_from(sources[0], str(prefix[1])) == sources[0]
    await reach.withdraw_all()


@pytest.mark.parametrize("text", SIZES)
async def test_a_routed_prefix_of_any_length_works(
    text: str, host: Host, upstream: Peer, netlink: Netlink, tmp_path: Path
) -> None:
    prefix = IPv6Network(text)
    upstream.shell(f"ip -6 route add {prefix} via fe80::2 dev dn0")
    host.shell("ip addr add fe80::2/64 dev up0 nodad")
    settings = NetworkSettings(prefixes=(text,))
    reach = HostReach(settings, tmp_path, netlink)
    (found,) = (await KernelWatch(settings, netlink).view()).prefixes

    await reach.announce(found)

    source = str(prefix[prefix.num_addresses - 2])
    assert await seen_from(source) == source
    await reach.withdraw_all()


@pytest.mark.parametrize("strategy", ON_LINK)
async def test_two_prefixes_of_different_lengths_at_once_work_and_one_stays_when_the_other_goes(
    strategy: str, host: Host, upstream: Peer, netlink: Netlink, tmp_path: Path
) -> None:
    """The gateway is inside the first, and a routed prefix is there beside them."""
    routed, small = "2001:db8:5::/56", "2001:db8:7:1::5:700/120"
    upstream.shell(f"ip addr add 2001:db8:7:1::5:701/120 dev dn0 nodad && ip -6 route add {routed} via fe80::2 dev dn0")
    host.shell("ip addr add 2001:db8:7:1::5:702/120 dev up0 nodad && ip addr add fe80::2/64 dev up0 nodad")
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    settings = NetworkSettings(ndp=strategy, prefixes=(PREFIX, small, routed))
    reach = HostReach(settings, tmp_path, netlink)
    sources = ["2001:db8:4f8:10::cafe", "2001:db8:7:1::5:7ca", "2001:db8:5:77::cafe"]
    prefixes = (await KernelWatch(settings, netlink).view()).prefixes
    for prefix in prefixes:
        await reach.announce(prefix)
    await reach.answer_for([parse_address(source) for source in sources])

    assert [await seen_from(source) for source in sources] == sources
    assert [row.ndp.level for row in await reach.inspect()] == [Level.OK] * 3

    await reach.withdraw(prefixes[0].network, prefixes[0].length)
    upstream.shell("ip -6 neigh flush dev dn0")
    assert [await seen_from(source) for source in sources[1:]] == sources[1:]
    asked = f"ping -c1 -W0.2 {sources[0]} >/dev/null; ip -6 neigh show {sources[0]} dev dn0"
    assert "lladdr" not in upstream.shell(asked)
    await reach.withdraw_all()


@pytest.mark.parametrize("length", [127, 128])
async def test_a_prefix_too_small_to_draw_from_is_refused_with_the_reason(
    length: int, host: Host, upstream: Peer, netlink: Netlink
) -> None:
    dump = await netlink.dump()
    with pytest.raises(ValueError, match="too long to draw addresses from; the longest is /126"):
        select(dump, NetworkSettings(prefixes=(f"2001:db8:7::/{length}",)))
    host.add_address(f"2001:db8:9::2/{length}")

    found = select(await netlink.dump(), NetworkSettings())

    assert any("is one address, not a prefix to draw from" in finding.text for finding in found.findings)


async def _dies_and_is_told(state_dir: Path) -> None:
    netlink = Netlink()
    settings = NetworkSettings(ndp="responder")
    reach = HostReach(settings, state_dir, netlink)
    try:
        (prefix,) = (await KernelWatch(settings, netlink).view()).prefixes
        await reach.announce(prefix)
        (row,) = await reach.inspect()
        process_id = row.ndp.pid
        assert process_id is not None
        os.kill(process_id, signal.SIGKILL)
        for number in range(50):
            await reach.answer_for([prefix.network + 1000 + number])
    finally:
        await reach.withdraw_all()
        await netlink.close()


def test_telling_a_responder_that_has_just_died_raises_nothing_on_the_loop_of_the_engine(
    upstream: Peer, tmp_path: Path
) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_dies_and_is_told(tmp_path))
