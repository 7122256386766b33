"""Prefixes of every length, and many addresses at once."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from ipaddress import IPv6Network
from pathlib import Path

import pytest
import uvloop

from ipv6console.config import NetworkSettings
from ipv6console.freebind import bound_socket
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import select
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import format_address, parse_address
from ipv6console.wire.status import Level
from tests.linux.conftest import PREFIX, SITE, Host, Peer, seen_from, until

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
MANY = 2_000
WINDOW = 250
"""Neighbour tables are limited to 1,024 entries for the whole machine, and others use it too."""

ECHO = f"""
import socket
here = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
here.bind(("{SITE}", 7))
print("ready", flush=True)
while True:
    here.sendto(*here.recvfrom(100))
"""


@pytest.mark.parametrize("strategy", ["ndppd", "responder"])
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


@pytest.mark.parametrize("length", [127, 128])
async def test_a_prefix_too_small_to_draw_from_is_refused_with_the_reason(
    length: int, host: Host, upstream: Peer, netlink: Netlink
) -> None:
    dump = await netlink.dump()
    with pytest.raises(ValueError, match="too long to draw addresses from; the longest is /126"):
        select(dump, NetworkSettings(prefixes=(f"2001:db8:7::/{length}",)))
    host.shell(f"ip addr replace 2001:db8:9::2/{length} dev up0 nodad")

    found = select(await netlink.dump(), NetworkSettings())

    assert any("is one address, not a prefix to draw from" in finding.text for finding in found.findings)


@pytest.mark.parametrize("strategy", ["responder", "ndppd"])
async def test_no_solicitation_for_two_thousand_live_addresses_stays_unanswered(
    strategy: str, upstream: Peer, netlink: Netlink, tmp_path: Path
) -> None:
    upstream.run(ECHO)
    # A solicitation that is not answered is not repeated before the test has failed.
    upstream.shell("sysctl -qw net.ipv6.neigh.dn0.retrans_time_ms=10000")
    settings = NetworkSettings(ndp=strategy)
    reach = HostReach(settings, tmp_path, netlink)
    (prefix,) = (await KernelWatch(settings, netlink).view()).prefixes
    await reach.announce(prefix)
    base = parse_address(PREFIX.split("/")[0]) | 0xBEEF << 32
    live = [base + number for number in range(MANY)]
    await reach.answer_for(live)
    seen = 0

    for place in range(0, MANY, WINDOW):
        upstream.shell("ip -6 neigh flush dev dn0")
        seen += len(await echoed(live[place : place + WINDOW]))

    assert seen == MANY
    if strategy == "responder":

        async def counted() -> bool:
            (row,) = await reach.inspect()
            return row.ndp.solicited == row.ndp.answered and (row.ndp.answered or 0) >= MANY

        await until(counted)
    (row,) = await reach.inspect()
    assert row.ndp.level is Level.OK
    await reach.withdraw_all()


async def echoed(sources: list[int]) -> set[int]:
    """Send one datagram from each source and return those that got it back."""
    loop = asyncio.get_running_loop()
    back: set[int] = set()
    sockets = {source: bound_socket(format_address(source), socket.SOCK_DGRAM) for source in sources}
    for source, sock in sockets.items():
        sock.setblocking(False)
        loop.add_reader(sock, _take, sock, source, back)
    for sock in sockets.values():
        sock.sendto(b"here", (SITE, 7))
    try:
        await until(lambda: len(back) == len(sources), within=3)
    finally:
        for sock in sockets.values():
            loop.remove_reader(sock)
            sock.close()
    return back


def _take(sock: socket.socket, source: int, back: set[int]) -> None:
    if sock.recv(100) == b"here":
        back.add(source)


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
