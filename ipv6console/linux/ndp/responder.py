"""The NDP responder: answers neighbour solicitations for a given set of addresses on one interface.

A process of its own, so that a busy engine does not delay answers: `python -m ipv6console.linux.ndp.responder up0`. It
needs CAP_NET_RAW and the standard library alone. The set comes as lines on standard input, each of a sign and
addresses as 32 hexadecimal digits: `=` answer for exactly these, `+` for these too, `-` for these no longer, and `/`
for the prefixes (digits, slash, length) to count by. Each line is acknowledged by `done`. The end of input ends the
process, so it cannot outlive the engine; after `~` and seconds it goes on for so long, in silence, while an engine makes way
for its successor. Counters are told as `count PREFIX SEEN ANSWERED`.

Sources: RFC 4861 sections 4.3, 4.4, 7.1.1 and 7.2.4 for what is asked and answered, RFC 4862 section 5.4 for duplicate
address detection, packet(7).
"""

from __future__ import annotations

import argparse
import array
import errno
import os
import select
import socket
import struct
import sys
import time

SOLICITATION = 135
ADVERTISEMENT = 136
SOLICITED = 0x40000000
OVERRIDE = 0x20000000

_ETH_P_IPV6 = 0x86DD
_ICMPV6 = 58
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_IGNORE_OUTGOING = 23
_PACKET_MR_ALLMULTI = 2
_BUFFER = 4 << 20
_GROUPS_OF_A_SOCKET = 2_000
_TOLD_EVERY = 0.5
_BURST = 512

_ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
_ALL_NODES_LINK = bytes.fromhex("333300000001")
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")
_UNSPECIFIED = bytes(16)

_FILTER = (
    (0x28, 0, 0, 12),
    (0x15, 0, 7, _ETH_P_IPV6),
    (0x30, 0, 0, 20),
    (0x15, 0, 5, _ICMPV6),
    (0x30, 0, 0, 54),
    (0x15, 0, 3, SOLICITATION),
    (0x30, 0, 0, 21),
    (0x15, 0, 1, 255),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
)
"""Ethernet type, next header, ICMPv6 type, hop limit 255: everything else stays in the kernel (bpf)."""


def advertisement(frame: bytes, target: bytes, mine: bytes) -> bytes:
    """Return the frame that answers the solicitation for `target` in `frame`, a valid one, from link address `mine`.

    A probe for duplicates (source ::) is answered to all nodes, without the solicited flag.
    """
    source = frame[22:38]
    probe = source == _UNSPECIFIED
    destination = _ALL_NODES if probe else source
    link = _ALL_NODES_LINK if probe else _link_address(frame)
    flags = OVERRIDE if probe else OVERRIDE | SOLICITED
    body = struct.pack("!BBHI16sBB6s", ADVERTISEMENT, 0, 0, flags, target, 2, 1, mine)
    total = checksum(target, destination, body)
    body = body[:2] + total.to_bytes(2, "big") + body[4:]
    header = struct.pack("!IHBB16s16s", 0x60000000, len(body), _ICMPV6, 255, target, destination)
    return link + mine + _ETH_P_IPV6.to_bytes(2, "big") + header + body


def solicited(frame: bytes) -> bytes | None:
    """Return the target of the neighbour solicitation in `frame`, None when it is not a valid one (RFC 4861, 7.1.1)."""
    if len(frame) < 78 or frame[12:14] != b"\x86\xdd" or frame[20] != _ICMPV6 or frame[21] != 255:
        return None
    length = int.from_bytes(frame[18:20], "big")
    body, target = frame[54 : 54 + length], frame[62:78]
    if len(body) != length or length < 24 or body[0] != SOLICITATION or body[1] != 0 or target[0] == 0xFF:
        return None
    if checksum(frame[22:38], frame[38:54], body) != 0:
        return None
    if frame[22:38] == _UNSPECIFIED and (frame[38:51] != _SOLICITED_NODE or _option(body, 1) is not None):
        return None
    return target


def checksum(source: bytes, destination: bytes, body: bytes) -> int:
    """Return the ICMPv6 checksum of `body` (RFC 4443, 2.3); 0 when `body` bears the right one."""
    data = source + destination + struct.pack("!II", len(body), _ICMPV6) + body
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _link_address(frame: bytes) -> bytes:
    option = _option(frame[54:], 1)
    return frame[6:12] if option is None or len(option) != 6 else option


def _option(body: bytes, kind: int) -> bytes | None:
    place = 24
    while place + 8 <= len(body) and body[place + 1]:
        size = body[place + 1] * 8
        if body[place] == kind:
            return body[place + 2 : place + size]
        place += size
    return None


class Groups:
    """Solicited-node groups of the addresses, joined so that switches which snoop MLD send solicitations here."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._room = _GROUPS_OF_A_SOCKET
        self._members: dict[bytes, int] = {}
        self._sockets: list[tuple[socket.socket, set[bytes]]] = []

    def add(self, address: bytes) -> None:
        """Join the group of `address`; raises OSError."""
        group = _SOLICITED_NODE + address[-3:]
        if group not in self._members:
            self._join(group)
        self._members[group] = self._members.get(group, 0) + 1

    def _join(self, group: bytes) -> None:
        sock, groups = next((pair for pair in self._sockets if len(pair[1]) < self._room), (None, set[bytes]()))
        if sock is None:
            sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            self._sockets.append((sock, groups))
        try:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", self._index))
        except OSError as error:
            if error.errno not in (errno.ENOMEM, errno.ENOBUFS) or not groups:
                raise
            # How many a socket holds follows from net.core.optmem_max, which kernels before 6.7 had much smaller.
            self._room = len(groups)
            self._join(group)
            return
        groups.add(group)

    def remove(self, address: bytes) -> None:
        """Leave the group of `address`, unless another address shares it."""
        group = _SOLICITED_NODE + address[-3:]
        self._members[group] -= 1
        if self._members[group]:
            return
        del self._members[group]
        home = next(pair for pair in self._sockets if group in pair[1])
        sock, groups = home
        groups.discard(group)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP, group + struct.pack("@I", self._index))
        if not groups:
            sock.close()
            self._sockets.remove(home)


class Responder:
    """Answers on one interface until its input ends, and for as long after that as it was told."""

    def __init__(self, interface: str, *, join: bool) -> None:
        self._interface = interface
        self._index = socket.if_nametoindex(interface)
        self._socket = _listen(interface, self._index)
        self._groups = Groups(self._index) if join else None
        self._answered: set[bytes] = set()
        self._prefixes: list[tuple[bytes, int, int]] = []
        self._counts: dict[bytes, list[int]] = {}
        self._input = b""
        self._told = 0.0
        self._fresh = False
        self._stay = 0.0

    def run(self) -> None:
        """Serve; raises OSError when the interface is gone."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._socket, select.POLLIN)
        while True:
            ready = {number for number, _ in poll.poll(_TOLD_EVERY * 1_000 if self._fresh else None)}
            if self._socket.fileno() in ready:
                self._answer()
            if 0 in ready and not self._read():
                return self._go_on()
            self._tell()

    def _go_on(self) -> None:
        """Answer without anybody to hear of it."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        until = time.monotonic() + self._stay
        while (left := until - time.monotonic()) > 0:
            if poll.poll(left * 1_000):
                self._answer()

    def _answer(self) -> None:
        mine = self._socket.getsockname()[4]
        for _ in range(_BURST):
            try:
                frame = self._socket.recv(2_048)
                target = solicited(frame)
                if target is None:
                    continue
                counts = self._counted(target)
                counts[0] += 1
                self._fresh = True
                if target in self._answered:
                    self._socket.send(advertisement(frame, target, mine))
                    counts[1] += 1
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in (errno.ENETDOWN, errno.ENOBUFS) or not self._there():
                    raise
                return

    def _there(self) -> bool:
        try:
            return socket.if_nametoindex(self._interface) == self._index
        except OSError:
            return False

    def _counted(self, target: bytes) -> list[int]:
        value = int.from_bytes(target, "big")
        for name, network, shift in self._prefixes:
            if value >> shift == network:
                return self._counts[name]
        return [0, 0]

    def _read(self) -> bool:
        data = os.read(0, 1 << 16)
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self._take(line[:1], line[1:].split())
            os.write(1, b"done\n")
        return bool(data)

    def _take(self, sign: bytes, words: list[bytes]) -> None:
        if sign == b"/":
            self._count_by(words)
            return
        if sign == b"~":
            self._stay = float(words[0])
            return
        addresses = {bytes.fromhex(word.decode()) for word in words}
        if sign == b"+":
            self._change(addresses - self._answered, set())
        elif sign == b"-":
            self._change(set(), addresses & self._answered)
        elif sign == b"=":
            self._change(addresses - self._answered, self._answered - addresses)

    def _change(self, added: set[bytes], removed: set[bytes]) -> None:
        self._answered |= added
        self._answered -= removed
        if self._groups is not None:
            for address in removed:
                self._groups.remove(address)
            for address in added:
                self._groups.add(address)

    def _count_by(self, words: list[bytes]) -> None:
        self._prefixes = []
        for word in words:
            digits, length = word.split(b"/")
            shift = 128 - int(length)
            self._prefixes.append((word, int(digits, 16) >> shift, shift))
        self._counts = {word: self._counts.get(word, [0, 0]) for word in words}

    def _tell(self) -> None:
        now = time.monotonic()
        if not self._fresh or now - self._told < _TOLD_EVERY:
            return
        self._fresh, self._told = False, now
        for name, (seen, answered) in self._counts.items():
            os.write(1, b"count %b %d %d\n" % (name, seen, answered))


def _listen(interface: str, index: int) -> socket.socket:
    """Return a packet socket that hears nothing but solicitations.

    It is opened deaf, filtered, then bound, so that no other frame ever gets into its queue.
    """
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    program = array.array("B", b"".join(struct.pack("=HBBI", *row) for row in _FILTER))
    sock.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HxxxxxxP", len(_FILTER), program.buffer_info()[0])
    )
    sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, struct.pack("@iHH8s", index, _PACKET_MR_ALLMULTI, 0, bytes(8)))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:
        # Without CAP_NET_ADMIN the system's largest ordinary buffer has to do.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.bind((interface, _ETH_P_IPV6))
    sock.setblocking(False)
    return sock


def main() -> int:
    """Run the responder; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="responder", description="Answer neighbour solicitations for addresses read from standard input."
    )
    parser.add_argument("interface")
    parser.add_argument("--join", action="store_true", help="join the solicited-node group of each address")
    parser.add_argument("--owner", help="a word by which the process is found in the process list")
    given = parser.parse_args()
    try:
        Responder(given.interface, join=given.join).run()
    except OSError as error:
        sys.stderr.write(f"(error) {given.interface}: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
