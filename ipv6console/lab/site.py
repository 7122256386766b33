"""The web site of the lab: answers every caller with its address, and remembers each of them.

`GET /ip` (and anything below it) answers the caller's address as text, to everyone. `GET /seen` tells who called: a JSON object with
`total` (requests so far), `counts` (requests by address) and `requests` (a list of [address, host, path, unix time],
oldest first). `/seen?since=N` leaves out the first N requests, `/seen?path=/job` keeps the paths that begin so.
Asking /seen is not remembered. Any other path answers a small page, or 403 to an address that is banned. Some pages
ban their caller by themselves now and then, as sites do (TEMPERS).

On its Unix socket it takes orders: `/ban?share=S&by=address|64` bans that share of the addresses, or of the /64s, that
have called, the most frequent first, and answers {"banned": [...]}; `/pardon` forgets all bans: {"pardoned": N}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv6Network
from urllib.parse import parse_qs, urlsplit

_HEAD_LIMIT = 16_384

TEMPERS = {"/prices/": 0.003, "/maps/": 0.0005, "/reviews/": 0.017}
"""How likely a page below each path bans who asks for it."""


@dataclass(slots=True)
class Bans:
    """Who is banned: addresses and /64s from every page, and (address, path) from the pages below one path."""

    networks: set[IPv6Network] = field(default_factory=set)
    pages: set[tuple[str, str]] = field(default_factory=set)
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - who is banned is no secret

    def refuses(self, address: str, path: str) -> bool:
        """Return whether `address` is banned from `path`; asking may be what bans it."""
        for below, temper in TEMPERS.items():
            if path.startswith(below):
                if self.chance.random() < temper:
                    self.pages.add((address, below))
                if (address, below) in self.pages:
                    return True
        return any(IPv6Network((address, length), strict=False) in self.networks for length in (64, 128))

    def add(self, counts: Counter[str], share: float, length: int) -> list[str]:
        """Ban the `share` of the networks of `length` bits that called most; return them."""
        called: Counter[IPv6Network] = Counter()
        for address, count in counts.items():
            called[IPv6Network((address, length), strict=False)] += count
        chosen = [network for network, _ in called.most_common(math.ceil(share * len(called)))]
        self.networks.update(chosen)
        return [str(network) for network in chosen]

    def forget(self) -> int:
        """Lift every ban; return how many there were."""
        count = len(self.networks) + len(self.pages)
        self.networks.clear()
        self.pages.clear()
        return count


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

    def __init__(self, visits: Visits, bans: Bans) -> None:
        self._visits = visits
        self._bans = bans
        self._buffer = b""
        self._skip = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who called."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker: streams get no other
        self._transport = transport
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self._is_order = isinstance(own, str)
        self._address, self._host = ("", "") if self._is_order else (str(peer[0]), str(own[0]))

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
        status, kind, body = self._obey(target) if self._is_order else self._answer(target)
        self._send(status, kind, body, keep=keep, with_body=method != "HEAD")

    def _answer(self, target: str) -> tuple[HTTPStatus, str, str]:
        parts = urlsplit(target)
        if parts.path == "/seen":
            query = parse_qs(parts.query)
            since = query.get("since", ["0"])[0]
            seen = self._visits.report(int(since) if since.isdecimal() else 0, query.get("path", [""])[0])
            return HTTPStatus.OK, "application/json", seen
        self._visits.requests.append((self._address, self._host, target, time.time()))
        if parts.path == "/ip" or parts.path.startswith("/ip/"):
            return HTTPStatus.OK, "text/plain", f"{self._address}\n"
        if self._bans.refuses(self._address, parts.path):
            return HTTPStatus.FORBIDDEN, "text/plain", f"{self._address} is banned\n"
        page = f"<!doctype html><title>site</title><p>{len(self._visits.requests)} visits so far</p>\n"
        return HTTPStatus.OK, "text/html", page

    def _obey(self, target: str) -> tuple[HTTPStatus, str, str]:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        if parts.path == "/ban":
            counts = Counter(request[0] for request in self._visits.requests if not request[2].startswith("/ip"))
            banned = self._bans.add(counts, float(query["share"][0]), 64 if query["by"] == ["64"] else 128)
            return HTTPStatus.OK, "application/json", json.dumps({"banned": banned})
        if parts.path == "/pardon":
            return HTTPStatus.OK, "application/json", json.dumps({"pardoned": self._bans.forget()})
        return HTTPStatus.NOT_FOUND, "text/plain", "not found\n"

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


async def serve(addresses: Sequence[str], port: int, control: str) -> None:
    """Serve one site on every one of `addresses`, and take orders at the path `control`, until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    visits, bans = Visits(), Bans()
    servers: list[asyncio.AbstractServer] = [
        await loop.create_server(lambda: Visitor(visits, bans), address, port, backlog=1_024) for address in addresses
    ]
    servers.append(await loop.create_unix_server(lambda: Visitor(visits, bans), control))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    for server in servers:
        server.close()


def main() -> None:
    """Run the site on the addresses and the port of the command line."""
    parser = argparse.ArgumentParser(description="The web site of the lab.")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--control", required=True, metavar="PATH")
    parser.add_argument("addresses", nargs="+")
    options = parser.parse_args()
    asyncio.run(serve(options.addresses, options.port, options.control))


if __name__ == "__main__":
    main()
