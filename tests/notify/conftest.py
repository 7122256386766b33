"""Notices to carry, and a web server on loopback whose answers a test lays out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ipv6console.wire.event import EventLevel
from ipv6console.wire.notify import Notice, NoticeState

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def notice() -> Notice:
    return Notice(
        id="edge1/41/fault/reach.broken",
        state=NoticeState.FAULT,
        level=EventLevel.ERROR,
        kind="reach.broken",
        subject="2001:db8::/64",
        text="2001:db8::/64: ndppd is dead; größer\nas two lines",
        host="edge1",
        version="0.1.0",
        at=1_790_000_000.5,
        since=1_790_000_000.5,
        count=3,
        fix="ipv6console doctor",
    )


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """The server; `answers` are given in turn, the last one for ever."""

    port: int = 0
    answers: list[bytes | Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/s3cret?key=hush"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Request(method, path, headers, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def status(line: str, *headers: str) -> bytes:
    """Return an answer without a body."""
    return "\r\n".join((f"HTTP/1.1 {line}", "content-length: 0", "connection: close", *headers, "", "")).encode()


OK = status("200 OK")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site(answers=[OK])
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
