"""Asks the network itself how a prefix reaches this host: on-link, address by address, or routed as a whole.

A packet from an address nobody uses yet goes to the gateway. To answer, the gateway has to reach that address: either it
asks on the link who has it (a neighbour solicitation, RFC 4861, 4.3), or it has a route and the answer comes straight.
Whatever comes first is the evidence. Nothing on the host or beyond the gateway is changed by it.
"""

from __future__ import annotations

import array
import asyncio
import secrets
import select
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress

from ipv6console.engine.protocol import HostPrefix
from ipv6console.freebind import IPV6_FREEBIND
from ipv6console.linux.dump import Dump
from ipv6console.linux.ndp.strategy import Evidence
from ipv6console.linux.prefixes import unused
from ipv6console.pool.address import format_address

PATIENCE = 1.0
"""Seconds after which nobody is expected to answer any more."""

_AGAIN_AT = (0.3, 0.6)
_GLANCE = 0.1
_ETH_P_IPV6 = 0x86DD
_ICMPV6 = 58
_SOLICITATION = 135
_ECHO_REQUEST = 128
_MOST_NEIGHBOURS = 8
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")
_ALL_ROUTERS = 0xFF02 << 112 | 2
_SO_ATTACH_FILTER = 26
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_IGNORE_OUTGOING = 23
_PACKET_MR_ALLMULTI = 2
_UNPRIVILEGED = "CAP_NET_RAW is missing, so the network could not be asked"

Way = tuple[str, int, int]
"""Interface, its number, and the address there that is to answer."""


async def ask(prefix: HostPrefix, dump: Dump) -> Evidence:
    """Return what the network shows of `prefix` within PATIENCE; the running loop goes on meanwhile."""
    ways, source = _ways(prefix, dump), unused(prefix, dump)
    if not ways:
        return Evidence(None, None, "there is neither a gateway nor a neighbour to ask")
    if source is None:
        return Evidence(None, None, "every address of the prefix is in use, so none is left to ask with")
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_asked, source, ways, stop)
    finally:
        stop.set()


def _ways(prefix: HostPrefix, dump: Dump) -> list[Way]:
    """Return whom to ask: the gateways, that of the prefix's own interface first, else neighbours there."""
    routes = [(dump.by_index[r.index], r.gateway) for r in dump.default_routes() if r.index in dump.by_index]
    routes.sort(key=lambda pair: pair[0].name != prefix.interface)
    ways = {
        (link.name, link.index, _ALL_ROUTERS if gateway is None else gateway): None
        for link, gateway in routes
        if link.carrier and not link.loopback
    }
    link = dump.link(prefix.interface)
    if not ways and link is not None and link.carrier and not link.loopback:
        known = [row.address for row in dump.neighbours if row.known and row.index == link.index]
        ways = {(link.name, link.index, address): None for address in known[:_MOST_NEIGHBOURS]}
    return list(ways)


def _asked(address: int, ways: list[Way], stop: threading.Event) -> Evidence:
    source = format_address(address)
    names = ", ".join(dict.fromkeys(name for name, _, _ in ways))
    try:
        with ExitStack() as stack:
            ears = {name: stack.enter_context(_ear(name, index, address)) for name, index, _ in ways}
            mouths = [(stack.enter_context(_mouth(source, way[0])), way) for way in ways]
            return _listen(address, list(ears.values()), mouths, stop) or Evidence(
                None, None, f"nobody answered a packet from {source} on {names}"
            )
    except PermissionError:
        return Evidence(None, None, _UNPRIVILEGED)
    except OSError as error:
        return Evidence(None, None, f"the network on {names} could not be asked ({error.strerror})")


def _listen(
    address: int, ears: list[socket.socket], mouths: list[tuple[socket.socket, Way]], stop: threading.Event
) -> Evidence | None:
    began = time.monotonic()
    call = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, secrets.randbits(16), 1) + b"ipv6console"
    for until in (*_AGAIN_AT, PATIENCE):
        for mouth, (_, index, target) in mouths:
            # One that is not reachable must not keep the others from being asked.
            with suppress(OSError):
                mouth.sendto(call, (format_address(target), 0, 0, index))
        over = False
        while not over and not stop.is_set():
            # What came while this thread could not run counts too, so the last look is one after the time is over.
            left = began + until - time.monotonic()
            over = left <= 0
            for ear in select.select(ears, [], [], min(max(left, 0), _GLANCE))[0]:
                found = _read(ear, address)
                if found is not None:
                    return found
    return None


def _read(ear: socket.socket, address: int) -> Evidence | None:
    packet, (name, *_) = ear.recvfrom(2_048)
    if len(packet) < 40:
        return None
    who, source = format_address(int.from_bytes(packet[8:24], "big")), format_address(address)
    if packet[6] == _ICMPV6 and len(packet) >= 64 and packet[40] == _SOLICITATION:
        return Evidence(True, name, f"{who} asked who has {source} on {name}")
    return Evidence(False, name, f"{who} answered {source} on {name} without asking who has it")


def _ear(interface: str, index: int, address: int) -> socket.socket:
    """Return a packet socket that hears what is for `address`, and who asks for it: opened deaf, filtered, then bound."""
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    program = _filter(address.to_bytes(16, "big"))
    code = array.array("B", b"".join(struct.pack("=HBBI", *row) for row in program))
    try:
        ear.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HxxxxxxP", len(program), _place(code)))
        ear.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        everyone = struct.pack("@iHH8s", index, _PACKET_MR_ALLMULTI, 0, bytes(8))
        ear.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, everyone)
        ear.bind((interface, _ETH_P_IPV6))
    except OSError:
        ear.close()
        raise
    return ear


def _mouth(source: str, interface: str) -> socket.socket:
    """Return a socket that sends from `source` out of `interface`, and is in the group of those asked for it.

    Being in the group makes switches that snoop MLD send the question here.
    """
    mouth = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        mouth.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        mouth.bind((source, 0))
        group = _SOLICITED_NODE + socket.inet_pton(socket.AF_INET6, source)[-3:]
        with suppress(OSError):
            mouth.setsockopt(
                socket.IPPROTO_IPV6,
                socket.IPV6_JOIN_GROUP,
                group + struct.pack("@I", socket.if_nametoindex(interface)),
            )
    except OSError:
        mouth.close()
        raise
    return mouth


def _filter(address: bytes) -> list[tuple[int, int, int, int]]:
    """Return the program (bpf) that passes IPv6 packets for `address` and solicitations that ask for it."""
    words = struct.unpack("!4I", address)
    rows = []
    for place, word in enumerate(words):
        rows += [(0x20, 0, 0, 24 + 4 * place), (0x15, 0, 7 - 2 * place, word)]
    rows += [(0x06, 0, 0, 0x40000), (0x30, 0, 0, 6), (0x15, 0, 11, _ICMPV6), (0x30, 0, 0, 40)]
    rows += [(0x15, 0, 9, _SOLICITATION)]
    for place, word in enumerate(words):
        rows += [(0x20, 0, 0, 48 + 4 * place), (0x15, 0, 7 - 2 * place, word)]
    return [*rows, (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0)]


def _place(code: array.array[int]) -> int:
    return code.buffer_info()[0]
