"""The same pick and report in memory, by a bare protocol on httptools: what Python can do at best, and nothing more.

    python benchmarks/rival.py PORT ADDRESSES

Serves 127.0.0.1 until it is ended: no leases, no store, no checks of who asks, nothing else than the two requests.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from typing import cast

import httptools
import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


class Pool:
    """Addresses in a circle; who is given one has it until it is reported."""

    def __init__(self, count: int) -> None:
        self._idle = deque(f"2001:db8:1:0:{number >> 16:x}:{number & 0xFFFF:x}:aaaa:1" for number in range(count))
        self._using: set[str] = set()

    def pick(self, mirror: str) -> dict[str, object]:
        """Give the address that was reported least recently."""
        address = self._idle.popleft()
        self._using.add(address)
        return {"success": True, "addr": address, "dbname": mirror}

    def report(self, document: dict[str, dict[str, str]]) -> dict[str, object]:
        """Take an address back."""
        address = document["report_info"]["addr"]
        self._using.remove(address)
        self._idle.append(address)
        return {"success": True}


class Protocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._url = self._body = b""
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Begin a request."""
        self._url, self._body = url, b""

    def on_body(self, body: bytes) -> None:
        """Take a piece of its body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answer it."""
        path, _, query = self._url.partition(b"?")
        if path == b"/pick":
            answer = self._pool.pick(query.partition(b"=")[2].decode())
        else:
            answer = self._pool.report(json.loads(self._body))
        body = json.dumps(answer, separators=(",", ":")).encode()
        self._transport.write(_HEAD % (len(body), body))


async def main(port: int, addresses: int) -> None:
    """Serve until cancelled."""
    pool = Pool(addresses)
    server = await asyncio.get_running_loop().create_server(lambda: Protocol(pool), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
