"""The web site of the lab: answers every caller with its address, and remembers each of them.

`GET /ip` (and anything below it) answers the caller's address as text, `GET /seen` who called: a JSON object with
`total` (requests so far), `counts` (requests by address) and `requests` (a list of [address, host, path, unix time],
oldest first). `/seen?since=N` leaves out the first N requests, `/seen?path=/job` keeps the paths that begin so.
Asking /seen is not remembered. Any other path answers a small page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

_HEAD_LIMIT = 16_384


@dataclass(slots=True)
class Visits:
    """Every request the site has had, oldest first: address, host it was sent to, path, unix time."""

    requests: list[tuple[str, str, str, float]] = field(default_factory=list)

    def report(self, since: int, path: str) -> str:
        """Return the answer to /seen as JSON."""
        chosen = [request for request in self.requests[since:] if request[2].startswith(path)]
        counts = Counter(request[0] for request in chosen)
        return json.dumps({"total": len(self.requests), "counts": counts, "requests": chosen})


class Visitor(asyncio.Protocol):
    """One connection to the site: HTTP/1.1 with keep-alive and bodies of a stated length, which are not read."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._buffer = b""
        self._skip = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who called."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker: streams get no other
        self._transport = transport
        self._address = str(transport.get_extra_info("peername")[0])
        self._host = str(transport.get_extra_info("sockname")[0])

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._buffer += data
        while self._buffer and not self._transport.is_closing():
            if self._skip:
                dropped = min(self._skip, len(self._buffer))
                self._buffer, self._skip = self._buffer[dropped:], self._skip - dropped
                continue
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                if len(head) > _HEAD_LIMIT:
                    self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return
            self._buffer = rest
            self._take(head)

    def _take(self, head: bytes) -> None:
        try:
            request, *lines = head.decode("ascii").split("\r\n")
            method, target, version = request.split(" ")
            headers = {
                name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            self._skip = int(headers.get("content-length", "0"))
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        if "transfer-encoding" in headers or self._skip < 0:
            self._refuse(HTTPStatus.LENGTH_REQUIRED)
            return
        keep = headers.get("connection", "").lower() != "close" and version == "HTTP/1.1"
        kind, body = self._answer(target)
        self._send(HTTPStatus.OK, kind, body, keep=keep, with_body=method != "HEAD")

    def _answer(self, target: str) -> tuple[str, str]:
        parts = urlsplit(target)
        if parts.path == "/seen":
            query = parse_qs(parts.query)
            since = query.get("since", ["0"])[0]
            return "application/json", self._visits.report(
                int(since) if since.isdecimal() else 0, query.get("path", [""])[0]
            )
        self._visits.requests.append((self._address, self._host, target, time.time()))
        if parts.path == "/ip" or parts.path.startswith("/ip/"):
            return "text/plain", f"{self._address}\n"
        return "text/html", f"<!doctype html><title>site</title><p>{len(self._visits.requests)} visits so far</p>\n"

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(status, "text/plain", f"{status.phrase}\n", keep=False, with_body=True)

    def _send(self, status: HTTPStatus, kind: str, body: str, *, keep: bool, with_body: bool) -> None:
        data = body.encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {kind}; charset=utf-8\r\n"
            f"content-length: {len(data)}\r\nconnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        )
        self._transport.write(head.encode() + (data if with_body else b""))
        if not keep:
            self._transport.close()


async def serve(addresses: Sequence[str], port: int) -> None:
    """Serve one site on every one of `addresses` until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    visits = Visits()
    servers = [await loop.create_server(lambda: Visitor(visits), address, port, backlog=1_024) for address in addresses]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    for server in servers:
        server.close()


def main() -> None:
    """Run the site on the addresses and the port of the command line."""
    parser = argparse.ArgumentParser(description="The web site of the lab.")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("addresses", nargs="+")
    options = parser.parse_args()
    asyncio.run(serve(options.addresses, options.port))


if __name__ == "__main__":
    main()
