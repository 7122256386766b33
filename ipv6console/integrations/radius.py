"""RADIUS dynamic authorization (RFC 5176): a NAS is told of a subscriber's prefix, or told to end the session.

pyrad makes and reads the packets. They are sent by sockets of the running loop, so that no thread waits for a NAS that
does not answer, and a request ends at once when the engine does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any

from pyrad.dictionary import Dictionary
from pyrad.packet import CoAACK, CoANAK, CoAPacket, CoARequest, DisconnectACK, DisconnectNAK, DisconnectRequest
from pyrad.packet import PacketError as BadPacket

from ipv6console.cause import cause
from ipv6console.config import RadiusSettings
from ipv6console.configvalue import radius_server
from ipv6console.engine.external import InvalidSession, SessionAnswer, SessionRequest, Verdict
from ipv6console.integrations.secretfile import NoSecret, secret

_DICTIONARY = Path(__file__).with_name("dictionary.radius")
_NAMES = {
    CoARequest: ("CoA-Request", {CoAACK: "CoA-ACK", CoANAK: "CoA-NAK"}),
    DisconnectRequest: ("Disconnect-Request", {DisconnectACK: "Disconnect-ACK", DisconnectNAK: "Disconnect-NAK"}),
}
_REFUSED = {CoANAK, DisconnectNAK}
_MESSAGE_AUTHENTICATOR = 80
_VALUE = 253
"""Octets that fit in an attribute (RFC 2865, 5)."""

_PER_NAS = "nas"


class Radius:
    """A SessionControl that asks the server of `settings`, or the NAS of each request."""

    def __init__(self, settings: RadiusSettings) -> None:
        self._settings = settings
        self._host, self._port = radius_server(settings.server)
        self._words = Dictionary(str(_DICTIONARY))

    async def change(self, request: SessionRequest) -> SessionAnswer:
        """See SessionControl."""
        if request.network is None or request.length is None:
            raise InvalidSession("a CoA tells of a prefix, and there is none", next="allocate a prefix first")
        prefix = _prefix(request.network, request.length)
        return await self._ask(CoARequest, request, {"Delegated-IPv6-Prefix": str(prefix)})

    async def disconnect(self, request: SessionRequest) -> SessionAnswer:
        """See SessionControl."""
        return await self._ask(DisconnectRequest, request, {})

    async def _ask(self, code: int, request: SessionRequest, attributes: dict[str, str]) -> SessionAnswer:
        attributes = {"User-Name": _username(request.username), **attributes}
        nas = _nas(request.nas_ip)
        if nas is not None:
            attributes["NAS-IP-Address" if nas.version == 4 else "NAS-IPv6-Address"] = str(nas)
        host = self._host
        if host == _PER_NAS:
            if nas is None:
                raise InvalidSession(
                    'radius.server is "nas", so each request has to name the NAS it is for',
                    next="give nas_ip, or put the server's address into radius.server",
                )
            host = str(nas)
        started = time.monotonic()
        server = f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"
        exchange = _Exchange(server, self._settings)
        try:
            shared = await secret(self._settings.secret_file, "radius.secret_file")
            packet = self._packet(code, shared, attributes)
            reply = await exchange.run(packet, host, self._port)
        except NoSecret as error:
            text = f"{server} was not asked: {error.detail}; {error.next}"
            return SessionAnswer(verdict=Verdict.SILENCE, server=server, text=text, took=time.monotonic() - started)
        took = time.monotonic() - started
        if reply is None:
            return SessionAnswer(
                verdict=Verdict.SILENCE, server=server, text=exchange.silence(_NAMES[code][0], took), took=took
            )
        return _judged(reply, _NAMES[code][1][reply.code], server, took)

    def _packet(self, code: int, shared: str, attributes: dict[str, str]) -> CoAPacket:
        packet = CoAPacket(code=code, secret=shared.encode(), dict=self._words)
        # RFC 5176, 3.3 and 6.3: without a time in it a request can be played again.
        for name, value in {**attributes, "Event-Timestamp": int(time.time())}.items():
            packet[name] = value
        packet.add_message_authenticator()
        return packet


@dataclass(slots=True)
class _Exchange:
    """One request and what comes back; `seen` is what came and was no answer."""

    server: str
    settings: RadiusSettings
    seen: list[str] = field(default_factory=list)
    sent: int = 0

    async def run(self, packet: CoAPacket, host: str, port: int) -> CoAPacket | None:
        """Send `packet` until it is answered or was sent often enough; return the answer."""
        loop = asyncio.get_running_loop()
        mail = _Mail()
        patience = self.settings.timeout
        try:
            async with asyncio.timeout(patience):
                line = await _connected(host, port)
        except OSError as error:
            self.seen.append(cause(error) if str(error) else "its name was not resolved in time")
            return None
        transport, _ = await loop.create_datagram_endpoint(lambda: mail, sock=line)
        try:
            raw = packet.RequestPacket()
            for _ in range(self.settings.retries + 1):
                transport.sendto(raw)
                self.sent += 1
                try:
                    async with asyncio.timeout(patience):
                        return await self._answer(packet, mail)
                except TimeoutError:
                    continue
            return None
        finally:
            transport.close()

    async def _answer(self, packet: CoAPacket, mail: _Mail) -> CoAPacket:
        while True:
            came = await mail.queue.get()
            told = cause(came) if isinstance(came, Exception) else self._fault(packet, came)
            if not told:
                return packet.CreateReply(packet=came)
            if told not in self.seen:
                self.seen.append(told)

    def _fault(self, packet: CoAPacket, raw: bytes) -> str:
        """Return why a datagram is no answer to `packet`, nothing when it is one."""
        try:
            reply = packet.CreateReply(packet=raw)
        except (BadPacket, ValueError, KeyError, struct.error):
            return "a datagram came that is no RADIUS packet"
        if not packet.VerifyReply(reply, raw):
            return "an answer came that was made with another secret"
        if reply.code not in _NAMES[packet.code][1]:
            return f"a packet of code {reply.code} came, which is no answer to it"
        if self.settings.require_message_authenticator and _MESSAGE_AUTHENTICATOR not in reply:
            return "an answer came without Message-Authenticator, which radius.require_message_authenticator asks for"
        return ""

    def silence(self, name: str, took: float) -> str:
        """Return what there is to say when no answer came."""
        if not self.sent:
            return f"{self.server} was not asked: {', '.join(self.seen)}"
        told = f"no answer to a {name} from {self.server} within {took:.1f} s, sent {self.sent} times"
        why = "its secret may be another, Message-Authenticator may be wanted otherwise, or packets are lost"
        return f"{told}: {'; '.join(self.seen) or why}"


class _Mail(asyncio.DatagramProtocol):
    """What comes to a socket: datagrams, and errors of the kernel."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.queue.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self.queue.put_nowait(exc)


async def _connected(host: str, port: int) -> socket.socket:
    """Return a socket to the first address of `host` that there is a route to; raises OSError.

    Being connected, it hears of a port that nobody listens on. The loop's own way to one leaves a socket open when there
    is no route (uvloop 0.23).
    """
    places = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    for number, (family, kind, protocol, _, address) in enumerate(places):
        line = socket.socket(family, kind, protocol)
        try:
            line.setblocking(False)
            line.connect(address)
        except OSError:
            line.close()
            if number == len(places) - 1:
                raise
        else:
            return line
    raise OSError(f"{host} has no address")


def _judged(reply: CoAPacket, name: str, server: str, took: float) -> SessionAnswer:
    said = _read(reply, "Reply-Message")
    text = f"{name} of {server} after {took * 1_000:.0f} ms"
    if reply.code not in _REFUSED:
        return SessionAnswer(verdict=Verdict.ACK, server=server, text=f"{text}{said and f': {said}'}", took=took)
    why = _read(reply, "Error-Cause")
    told = why or "without an Error-Cause"
    return SessionAnswer(
        verdict=Verdict.NAK, server=server, text=f"{text}: {told}{said and f' ({said})'}", took=took, cause=why or None
    )


def _read(reply: CoAPacket, name: str) -> str:
    """Return an attribute of an answer as text, nothing when it has none that can be read."""
    try:
        values = reply.get(name, [])
    except (ValueError, struct.error):
        return ""
    text = " ".join(str(value) for value in values)
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _prefix(network: int, length: int) -> IPv6Network:
    """Return a prefix that RADIUS can tell; pyrad itself would mask host bits away and take a missing length for 128."""
    try:
        prefix = IPv6Network((network, length))
    except ValueError as error:
        raise InvalidSession(
            f"no prefix of IPv6: {error}", next="give the prefix without bits beyond its length"
        ) from None
    if not length or prefix.is_multicast or prefix.is_link_local or prefix.is_loopback or prefix.is_unspecified:
        raise InvalidSession(f"{prefix} is no prefix that a subscriber could have", next="give a global unicast prefix")
    return prefix


def _username(name: str | None) -> str:
    if not name:
        raise InvalidSession(
            "no session is named: RADIUS finds it by the user's name",
            next="give the username of the subscriber's session",
        )
    if not name.isprintable() or len(name.encode(errors="replace")) > _VALUE:
        raise InvalidSession(
            "the username cannot be sent", next=f"give one of printable text, {_VALUE} octets of UTF-8 at most"
        )
    return name


def _nas(text: str | None) -> IPv4Address | IPv6Address | None:
    if not text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        raise InvalidSession(
            f"{text!r} is no address of a NAS", next="give nas_ip as an IPv4 or IPv6 address"
        ) from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise InvalidSession(f"{text} has a zone, so it is for one link only", next="give a global address")
        address = address.ipv4_mapped or address
    if address.is_unspecified or address.is_multicast:
        raise InvalidSession(f"{text} is no address of one NAS", next="give the address that the NAS is known by")
    return address
