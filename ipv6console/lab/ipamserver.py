"""The lab's IPAM behind HTTP, as NetBox answers, with switches for what goes wrong in the field.

`GET /switches` tells the switches and how many requests were answered; `POST /switches` with a JSON object sets some of
them. They need no token, and are for the lab alone. Everything below `/api` needs the token, of version 1 or 2.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, fields
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import h11

from ipv6console.lab.ipam import Ipam, Json, Prefix, Refusal, containers

_VERSION = "4.6"
_CHUNK = 65_536
_BODY = 1_048_576


@dataclass(slots=True)
class Switches:
    """What goes wrong. Numbers of requests count down; -1 goes on until it is set anew.

    `latency` is seconds before a request is looked at, also when its caller has gone by then. `fail` is how many requests
    are answered with the status `status` (and Retry-After when `retry_after` is set), and not done; 3xx points elsewhere. `mute` is how many
    changes are done and never answered, `garble` how many answers are cut in the middle. `race` is seconds between the
    look for a duplicate and the making of a prefix by plain POST.
    """

    latency: float = 0.0
    fail: int = 0
    status: int = 503
    retry_after: str = ""
    mute: int = 0
    garble: int = 0
    race: float = 0.0

    def set(self, document: object) -> None:
        """Set those that `document` names; raises Refusal."""
        known = {key.name: type(getattr(self, key.name)) for key in fields(self)}
        if not isinstance(document, dict) or not document.keys() <= known.keys():
            raise Refusal(HTTPStatus.BAD_REQUEST, {"detail": f"an object with keys of {', '.join(known)} is expected"})
        for key, value in document.items():
            try:
                setattr(self, key, known[key](value))
            except (TypeError, ValueError):
                raise Refusal(HTTPStatus.BAD_REQUEST, {"detail": f"{key}: {value!r} does not fit"}) from None

    def strikes(self, name: str) -> bool:
        """Return whether a counted switch is on, and count it down."""
        left = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return bool(left)


@dataclass(slots=True)
class Answer:
    """One answer: `document` goes out as JSON, None as nothing."""

    status: int
    document: object = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class IpamServer:
    """Answers connections with what `ipam` says; `token` is shown as NetBox wants it."""

    ipam: Ipam
    token: str
    switches: Switches = field(default_factory=Switches)
    requests: int = 0
    root: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def listening(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None, control: str = ""
    ) -> AsyncIterator[str]:
        """Listen for the length of the block; the URL of the server is what it gives."""
        servers: list[asyncio.AbstractServer] = []
        listener = await asyncio.start_server(self._accept, host, port, ssl=tls)
        servers.append(listener)
        if control:
            servers.append(await asyncio.start_unix_server(self._accept, control))
        number = listener.sockets[0].getsockname()[1]
        self.root = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{number}"
        try:
            yield self.root
        finally:
            for server in servers:
                server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while connection.states[h11.CLIENT] is not h11.MUST_CLOSE:
                asked = await _request(connection, reader)
                if asked is None:
                    return
                answer = await self._answer(*asked)
                if answer is None:
                    await reader.read()  # until the caller gives up
                    return
                await self._send(connection, writer, answer)
                if connection.states[h11.SERVER] is h11.MUST_CLOSE:
                    return
                connection.start_next_cycle()
        except (h11.ProtocolError, OSError):
            return  # the caller went, or speaks something else
        finally:
            # Not close(): over TLS that waits for the caller to agree.
            writer.transport.abort()

    async def _answer(self, request: h11.Request, body: bytes) -> Answer | None:
        """Return the answer to a request, None for none ever."""
        parts = urlsplit(request.target.decode())
        method = request.method.decode()
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
        try:
            document = json.loads(body) if body else None
            if parts.path == "/switches":
                return self._switch(method, document)
            self.requests += 1
            if self.switches.latency:
                await asyncio.sleep(self.switches.latency)
            if self.switches.strikes("fail"):
                return self._failure(HTTPStatus(self.switches.status))
            self._authorise(headers.get("authorization", ""))
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            answer = await self._api(method, parts.path, query, document, headers.get("if-match"))
            answer.headers["API-Version"] = _VERSION
        except json.JSONDecodeError as error:
            return Answer(HTTPStatus.BAD_REQUEST, {"detail": f"JSON parse error - {error}"})
        except Refusal as refusal:
            return Answer(refusal.status, refusal.document)
        return None if method != "GET" and self.switches.strikes("mute") else answer

    def _failure(self, status: HTTPStatus) -> Answer:
        extra = {"Location": "https://elsewhere.example/api/"} if status // 100 == 3 else {}
        if self.switches.retry_after:
            extra["Retry-After"] = self.switches.retry_after
        return Answer(status, {"detail": status.phrase}, extra)

    def _switch(self, method: str, document: object) -> Answer:
        if method == "POST":
            self.switches.set(document)
        elif method != "GET":
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, {"detail": "GET or POST is expected"})
        return Answer(HTTPStatus.OK, {**asdict(self.switches), "requests": self.requests})

    def _authorise(self, shown: str) -> None:
        keyword = "Bearer" if self.token.startswith("nbt_") else "Token"
        if not shown:
            raise Refusal(HTTPStatus.FORBIDDEN, {"detail": "Authentication credentials were not provided."})
        if shown != f"{keyword} {self.token}":
            raise Refusal(HTTPStatus.FORBIDDEN, {"detail": "Invalid token"})

    async def _api(self, method: str, path: str, query: dict[str, str], document: Any, match: str | None) -> Answer:
        """Answer one request below /api, as NetBox 4.6 was observed to."""
        match path.strip("/").split("/"):
            case ["api", "ipam", "prefixes"]:
                return await self._prefixes(method, query, document)
            case ["api", "ipam", "prefixes", number] if number.isdigit():
                return self._prefix(method, int(number), document, match)
            case ["api", "ipam", "prefixes", number, "available-prefixes"] if number.isdigit():
                return self._available(method, int(number), document)
            case ["api", "extras", "tags"]:
                return self._named(method, self.ipam.tags, query.get("slug"), document)
            case ["api", "extras", "custom-fields"]:
                return self._named(method, self.ipam.fields, query.get("name"), document)
        raise Refusal(HTTPStatus.NOT_FOUND, {"detail": "Not found."})

    async def _prefixes(self, method: str, query: dict[str, str], document: Any) -> Answer:
        if method == "GET":
            rows, count, limit, offset = self.ipam.page(query)
            return Answer(HTTPStatus.OK, self._page([self._told(row) for row in rows], count, limit, offset, query))
        if method != "POST":
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, {"detail": f'Method "{method}" not allowed.'})
        self.ipam.require_new(document)
        if self.switches.race:
            await asyncio.sleep(self.switches.race)
        return Answer(HTTPStatus.CREATED, self._told(self.ipam.add(document)))

    def _prefix(self, method: str, number: int, document: Any, match: str | None) -> Answer:
        if method == "DELETE":
            self.ipam.remove(number, match)
            return Answer(HTTPStatus.NO_CONTENT)
        row = self.ipam.change(number, document, match) if method == "PATCH" else self.ipam.prefix(number)
        return Answer(HTTPStatus.OK, self._told(row), {"ETag": row.etag})

    def _available(self, method: str, number: int, document: Any) -> Answer:
        if method == "POST":
            made = [self._told(row) for row in self.ipam.cut(number, document)]
            return Answer(HTTPStatus.CREATED, made if isinstance(document, list) else made[0])
        free = self.ipam.free(number)
        told = [{"family": gap.version, "prefix": str(gap), "vrf": None} for gap in free]
        return Answer(HTTPStatus.OK, told)

    def _named(self, method: str, names: dict[str, str], wanted: str | None, document: Any) -> Answer:
        """Answer about tags or custom fields."""
        tags = names is self.ipam.tags
        if method == "POST":
            key = document["slug" if tags else "name"]
            names[key] = document["name"] if tags else document.get("filter_logic", "loose")
            return Answer(HTTPStatus.CREATED, self.ipam.tag(key, self.root) if tags else self.ipam.field(key))
        found = [name for name in names if wanted in {None, name}]
        told = [self.ipam.tag(name, self.root) if tags else self.ipam.field(name) for name in found]
        return Answer(HTTPStatus.OK, {"count": len(told), "next": None, "previous": None, "results": told})

    def _told(self, row: Prefix) -> Json:
        return self.ipam.document(row, self.root)

    def _page(self, rows: list[Json], count: int, limit: int, offset: int, query: dict[str, str]) -> Json:
        def link(start: int) -> str:
            return f"{self.root}/api/ipam/prefixes/?{urlencode({**query, 'limit': limit, 'offset': start})}"

        return {
            "count": count,
            "next": link(offset + limit) if offset + limit < count else None,
            "previous": link(max(0, offset - limit)) if offset else None,
            "results": rows,
        }

    async def _send(self, connection: h11.Connection, writer: asyncio.StreamWriter, answer: Answer) -> None:
        body = b"" if answer.document is None else json.dumps(answer.document).encode()
        if body and self.switches.strikes("garble"):
            body = body[: len(body) // 2]
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **answer.headers}
        for event in (
            h11.Response(
                status_code=int(answer.status),
                reason=HTTPStatus(answer.status).phrase.encode(),
                headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            ),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            writer.write(connection.send(event) or b"")
        await writer.drain()


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes] | None:
    """Return the next request and its body, None when the caller has no more."""
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _BODY:
                return None
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, bytes(body)
        else:
            return None


async def serve(options: argparse.Namespace) -> None:
    """Serve an IPAM until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ipam = Ipam(tags={options.tag: options.tag}, fields={options.field: "exact"})
    containers(ipam, options.parents)
    token = await asyncio.to_thread(Path(options.token_file).read_text, encoding="utf-8")
    server = IpamServer(ipam, token.strip())
    async with server.listening(options.host, options.port, control=options.control):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the IPAM that the command line asks for; it says "ready" when it listens."""
    parser = argparse.ArgumentParser(description="The IPAM of the lab.")
    parser.add_argument("--host", default="::1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--control", default="", metavar="PATH", help="a Unix socket that the switches are at, too")
    parser.add_argument("--token-file", required=True, metavar="PATH")
    parser.add_argument("--tag", default="ipv6console")
    parser.add_argument("--field", default="ipv6console_operation")
    parser.add_argument("parents", nargs="*", metavar="PREFIX", help="containers, numbered from 1 in this order")
    asyncio.run(serve(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
