from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncIterator

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostView
from ipv6console.linux.dump import Dump, NoticeKind
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import prefix_text
from ipv6console.linux.trouble import HostError
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Level
from tests.linux.conftest import ADDRESS, PREFIX, Host, Peer

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

BY_RA = 9
"""RTPROT_RA."""


def shown(view: HostView) -> list[tuple[str, bool]]:
    return [(prefix_text(prefix.network, prefix.length), prefix.deprecated) for prefix in view.prefixes]


async def later(views: AsyncIterator[HostView], wanted: list[tuple[str, bool]]) -> HostView:
    async with asyncio.timeout(20):
        async for view in views:
            if shown(view) == wanted:
                return view
    raise AssertionError("the views ended")


async def test_the_present_prefix_comes_first_with_addresses_and_interface(upstream: Peer, netlink: Netlink) -> None:
    view = await KernelWatch(NetworkSettings(), netlink).view()

    (prefix,) = view.prefixes
    assert shown(view) == [(PREFIX, False)]
    assert (prefix.interface, prefix.on_link, prefix.source) == ("up0", True, "interface")
    assert parse_address(ADDRESS) in view.addresses
    assert view.stamp.source == "netlink"


async def test_an_address_that_comes_deprecates_and_goes_is_told_each_time(
    host: Host, upstream: Peer, netlink: Netlink
) -> None:
    views = KernelWatch(NetworkSettings(), netlink).views()
    await later(views, [(PREFIX, False)])

    host.shell("ip addr add 2001:db8:f00d::2/64 dev up0 nodad valid_lft 600 preferred_lft 500")
    view = await later(views, [(PREFIX, False), ("2001:db8:f00d::/64", False)])
    assert view.prefixes[1].preferred_until == pytest.approx(time.time() + 500, abs=5)

    host.shell("ip addr change 2001:db8:f00d::2/64 dev up0 valid_lft 600 preferred_lft 0")
    await later(views, [(PREFIX, False), ("2001:db8:f00d::/64", True)])

    host.shell("ip addr del 2001:db8:f00d::2/64 dev up0")
    await later(views, [(PREFIX, False)])


async def test_a_tentative_address_counts_from_the_event_that_clears_it(
    host: Host, upstream: Peer, netlink: Netlink
) -> None:
    views = KernelWatch(NetworkSettings(), netlink).views()
    await later(views, [(PREFIX, False)])

    host.shell("sysctl -qw net.ipv6.conf.up0.accept_dad=1 && ip addr add 2001:db8:f00d::2/64 dev up0")
    async with asyncio.timeout(20):
        tentative = await anext(views)
    assert shown(tentative) == [(PREFIX, False)]
    assert any("tentative" in finding.text for finding in tentative.findings)

    await later(views, [(PREFIX, False), ("2001:db8:f00d::/64", False)])


async def test_the_poll_yields_a_view_without_any_event(host: Host, netlink: Netlink) -> None:
    views = KernelWatch(NetworkSettings(poll=0.05), netlink).views()

    async with asyncio.timeout(20):
        first, second = await anext(views), await anext(views)
    assert second.stamp.at > first.stamp.at


async def test_an_overrun_of_the_event_socket_is_survived(host: Host, upstream: Peer) -> None:
    netlink = Netlink(receive_buffer=2_304)
    views = KernelWatch(NetworkSettings(), netlink).views()
    await later(views, [(PREFIX, False)])
    batch = "\n".join(
        f"addr {act} 2001:db8:c::{n:x}/128 dev up0 nodad" for act in ("add", "del") for n in range(1, 300)
    )

    async with netlink.notices() as notices:
        kinds: set[NoticeKind] = set()
        while NoticeKind.OVERRUN not in kinds:
            host.shell(f"ip -6 -batch - <<'END'\n{batch}\nEND")
            async with asyncio.timeout(20):
                kinds |= {notice.kind for notice in await notices.next()}

    host.shell("ip addr add 2001:db8:f00d::2/64 dev up0 nodad")
    await later(views, [(PREFIX, False), ("2001:db8:f00d::/64", False)])
    await netlink.close()


async def test_errors_of_the_kernel_are_sentences_with_the_next_step(host: Host, netlink: Netlink) -> None:
    with pytest.raises(OSError, match="looking up the route to 2001:db8::1 failed") as caught:
        await netlink.resolve(parse_address("2001:db8::1"))

    assert "ip -6 route" in str(caught.value)


async def test_a_kernel_that_cannot_be_asked_for_a_moment_is_said_and_asked_again(
    host: Host, upstream: Peer, netlink: Netlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = KernelWatch(NetworkSettings(), netlink).views()
    await later(views, [(PREFIX, False)])

    async def refuse() -> Dump:
        raise HostError(errno.EAGAIN, "the kernel's tables change faster than they can be read")

    with monkeypatch.context() as patch:
        patch.setattr(netlink, "dump", refuse)
        host.shell("ip addr add 2001:db8:f00d::2/64 dev up0 nodad")
        async with asyncio.timeout(20):
            blind = await anext(views)
        assert shown(blind) == [(PREFIX, False)]
        assert [(one.subject, one.level) for one in blind.findings] == [("kernel", Level.FAIL)]

    view = await later(views, [(PREFIX, False), ("2001:db8:f00d::/64", False)])
    assert view.findings == ()


def advertise(router: Peer, prefix: str, *, preferred: int, valid: int) -> None:
    """Have the router advertise itself and a /64 to configure addresses from (RFC 4861, 4.2 and 4.6.2)."""
    program = (
        "import socket, struct; s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6); "
        's.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255); link = socket.if_nametoindex("dn0"); s.bind(("fe80::1", 0, 0, link)); '
        f'option = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, {valid}, {preferred}, 0); '
        f'option += socket.inet_pton(socket.AF_INET6, "{prefix}"); '
        's.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + option, ("ff02::1", 0, 0, link))'
    )
    router.shell(f"python3 -S -c '{program}'")


async def test_what_a_router_advertises_is_used_and_drained_when_it_says_so(host: Host, netlink: Netlink) -> None:
    router = host.peer()
    router.shell("ip addr add fe80::1/64 dev dn0 nodad")
    host.shell("sysctl -qw net.ipv6.conf.up0.accept_ra=1 net.ipv6.conf.up0.autoconf=1")
    views = KernelWatch(NetworkSettings(), netlink).views()
    await later(views, [])

    advertise(router, "2001:db8:f00d::", preferred=1_800, valid=3_600)
    view = await later(views, [("2001:db8:f00d::/64", False)])
    (prefix,) = view.prefixes
    assert (prefix.interface, prefix.on_link, prefix.source) == ("up0", True, "interface")
    assert prefix.preferred_until == pytest.approx(time.time() + 1_800, abs=60)
    (way,) = (await netlink.dump()).default_routes()
    assert (way.gateway, way.protocol) == (parse_address("fe80::1"), BY_RA)

    advertise(router, "2001:db8:f00d::", preferred=0, valid=3_600)
    await later(views, [("2001:db8:f00d::/64", True)])
