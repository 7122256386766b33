"""A large body in pieces: to parse 64 MiB of JSON at once would hold up every pick for seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from json import JSONDecodeError
from json.decoder import WHITESPACE, scanstring  # type: ignore[attr-defined] # the stubs leave both out
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from ipv6console.wire.importing import ImportedAddress, ImportedMirror, ImportedUsage, ImportRequest

_AT_ONCE = 200
"""So many values are read before others get their turn: about a millisecond."""

_ADDRESS = TypeAdapter(ImportedAddress)
_USAGE = TypeAdapter(ImportedUsage)
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined] # the stubs leave it out


class ImportRoute(APIRoute):
    """A route whose body is an ImportRequest, read a few items at a time.

    What is wrong with the body is told as with any other: what does not fit is left as it came, for the framework to judge.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def handle_in_pieces(request: Request) -> Response:
            return await handle(_ImportBody(request.scope, request.receive))

        return handle_in_pieces


class _ImportBody(Request):
    async def json(self) -> Any:
        body = await self.body()
        # As json.loads does it.
        return await read_import(body.decode(json.detect_encoding(body), "surrogatepass"))


async def read_import(text: str) -> Any:
    """Return the ImportRequest in `text`, or whatever else is there as JSON; raises JSONDecodeError as json.loads does."""
    reader = _Reader(text)
    reader.skip_space()
    found = await reader.members({"addresses": _addresses, "mirrors": _mirrors})
    reader.skip_space()
    if reader.place != len(text):
        raise JSONDecodeError("Extra data", text, reader.place)
    if not reader.sound or not isinstance(found, dict):
        return found
    match found.get("addresses"), found.get("mirrors", []), found.get("prefix", ""):
        case [list(addresses), list(mirrors), str(prefix)]:
            return ImportRequest(addresses=tuple(addresses), mirrors=tuple(mirrors), prefix=prefix)
    return found


async def _addresses(reader: _Reader) -> Any:
    async def read() -> Any:
        return reader.fitting(_ADDRESS)

    return await reader.items(read)


async def _usages(reader: _Reader) -> Any:
    async def read() -> Any:
        return reader.fitting(_USAGE)

    return await reader.items(read)


async def _mirrors(reader: _Reader) -> Any:
    async def read() -> Any:
        found = await reader.members({"usages": _usages})
        if isinstance(found, dict):
            match found.get("dbname"), found.get("usages"):
                case [str(dbname), list(usages)] if reader.sound:
                    return ImportedMirror(dbname=dbname, usages=tuple(usages))
        reader.sound = False
        return found

    return await reader.items(read)


class _Reader:
    """Where in the text we are. Values are read by the standard library's scanner, and only those around them by hand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.sound = True
        self._read = 0

    def skip_space(self) -> None:
        """Go on to what is no white space."""
        self.place = WHITESPACE.match(self.text, self.place).end()

    def fitting(self, adapter: TypeAdapter[Any]) -> Any:
        """Read a value as the document it ought to be; one that does not fit as it is, and then not all is sound."""
        value = self._value()
        try:
            return adapter.validate_python(value)
        except ValidationError:
            self.sound = False
            return value

    async def members(self, readers: Mapping[str, Callable[[_Reader], Awaitable[Any]]]) -> Any:
        """Read an object, some of its members with a reader of their own; anything else is read at once."""
        if self._next() != "{":
            return self._value()
        found: dict[str, Any] = {}
        self.place += 1
        self.skip_space()
        if self._next() == "}":
            self.place += 1
            return found
        while True:
            if self._next() != '"':
                raise JSONDecodeError("Expecting property name enclosed in double quotes", self.text, self.place)
            key, self.place = scanstring(self.text, self.place + 1, True)
            self.skip_space()
            if self._next() != ":":
                raise JSONDecodeError("Expecting ':' delimiter", self.text, self.place)
            self.place += 1
            self.skip_space()
            read = readers.get(key)
            found[key] = self._value() if read is None else await read(self)
            if not await self._goes_on("}"):
                return found

    async def items(self, read: Callable[[], Awaitable[Any]]) -> Any:
        """Read a list, each item with `read`; anything else is read at once."""
        if self._next() != "[":
            return self._value()
        found: list[Any] = []
        self.place += 1
        self.skip_space()
        if self._next() == "]":
            self.place += 1
            return found
        while True:
            found.append(await read())
            if not await self._goes_on("]"):
                return found

    async def _goes_on(self, end: str) -> bool:
        self._read += 1
        if self._read % _AT_ONCE == 0:
            await asyncio.sleep(0)
        self.skip_space()
        after = self._next()
        if after not in {end, ","}:
            raise JSONDecodeError("Expecting ',' delimiter", self.text, self.place)
        self.place += 1
        if after == ",":
            self.skip_space()
        return after == ","

    def _next(self) -> str:
        return self.text[self.place : self.place + 1]

    def _value(self) -> Any:
        try:
            value, self.place = _scan(self.text, self.place)
        except StopIteration as end:
            raise JSONDecodeError("Expecting value", self.text, end.value) from None
        return value
