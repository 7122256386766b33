"""TLS of checks: what was negotiated with a server once is resumed from every source address."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Self

_AT_ONCE = 16_384


class Resumption(ssl.SSLContext):
    """Trusts as `ssl.create_default_context` does, and offers a server the last session it gave (RFC 8446, 2.2).

    A session proves the server as its certificate did, and says nothing of the address it was given to.
    """

    def __new__(cls) -> Self:
        """Make a client's context that knows no session."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self) -> None:
        self.load_default_certs()
        self._sessions: dict[str, ssl.SSLSession] = {}

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Make a connection, to be resumed if a session is known for its server."""
        if session is None and isinstance(server_hostname, str):
            session = self._sessions.get(server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def keep(self, server: str, connection: ssl.SSLObject) -> None:
        """Keep the session of a connection to `server` that has sent something, unless it is a resumed one itself."""
        if connection.session_reused:
            return
        session = connection.session
        if session is not None and session.has_ticket:
            self._sessions[server] = session

    def forget(self, server: str) -> None:
        """Begin anew with `server`."""
        self._sessions.pop(server, None)


class Connection:
    """TLS over a connected non-blocking socket, for an exchange of a few kilobytes: a stream would cost as much again."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, server: str) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server)

    async def shake_hands(self) -> None:
        """Agree with the server; raises SSLError and OSError."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    raise ConnectionResetError("closed in the TLS handshake") from None
            except ssl.SSLError:
                # It is told why, as far as it listens.
                with suppress(OSError):
                    self._sock.send(self._outgoing.read())
                raise
            else:
                # What is left to say goes with the first words.
                return

    async def send(self, data: bytes) -> None:
        """Send."""
        self.tls.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        """Return what came, empty when there will be no more."""
        while True:
            try:
                return self.tls.read(_AT_ONCE)
            except ssl.SSLWantReadError:
                # An update of keys is answered.
                await self._flush()
                if not await self._fill():
                    return b""

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._loop.sock_sendall(self._sock, self._outgoing.read())

    async def _fill(self) -> bool:
        data = await self._loop.sock_recv(self._sock, _AT_ONCE)
        self._incoming.write(data)
        return bool(data)
