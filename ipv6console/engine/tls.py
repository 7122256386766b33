"""The TLS context of checks: what was negotiated with a server once is resumed from every source address."""

from __future__ import annotations

import ssl
from typing import Self


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
