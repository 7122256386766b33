"""Plain requests about one binding, answered without the framework: it costs more than all that they ask for.

As with the hot path, only what is plain is taken: a body with known fields of the right types, no query. Everything else,
every mistake in a request's form above all, is left to the framework, and both answer with the same bytes.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ipv6console.api.document import Document
from ipv6console.api.problem import answer, problem_of
from ipv6console.engine.caller import Caller
from ipv6console.engine.caller import Scope as Right
from ipv6console.engine.engine import Engine
from ipv6console.engine.errors import Refusal
from ipv6console.wire.space import BindingRequest

_PATH = "/bindings"
_LONGEST = 64 << 10
_LONGEST_NAME = 200
_TEXTS = ("space", "instance", "id", "kind", "resource")
_NEEDED = frozenset({"space", "instance", "id"})
_FIELDS = frozenset({*_TEXTS, "address", "family", "tags", "metadata", "ttl"})


class Shortcut:
    """ASGI middleware inside the gate: binds, shows and releases one address."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain request, and pass on every other."""
        if scope["type"] != "http" or not scope["path"].startswith(_PATH) or scope["query_string"]:
            await self._app(scope, receive, send)
        elif scope["path"] == _PATH:
            await self._bind(scope, receive, send)
        else:
            await self._one(scope, receive, send)

    async def _bind(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller = scope["state"]["caller"]
        if scope["method"] != "POST" or Right.OPERATE not in caller.scopes or not _says_json(scope):
            await self._app(scope, receive, send)
            return
        message = await receive()
        request = None if message.get("more_body") else read(message.get("body", b""))
        if request is None:
            await self._app(scope, _heard(message, receive), send)
            return
        try:
            document = Document(await self._engine.spaces.bind(request, caller))
        except Refusal as refusal:
            await answer(problem_of(refusal))(scope, receive, send)
            return
        await document(scope, receive, send)

    async def _one(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller = scope["state"]["caller"]
        parts = scope["path"].split("/")
        right = {"GET": Right.READ, "DELETE": Right.OPERATE}.get(scope["method"])
        plain = len(parts) == 4 and all(0 < len(part) <= _LONGEST_NAME for part in parts[2:])
        if right not in caller.scopes or not plain or not _is_spelled(scope):
            await self._app(scope, receive, send)
            return
        spaces, space, address = self._engine.spaces, parts[2], parts[3]
        try:
            if right is Right.READ:
                document = Document(spaces.binding(space, address, caller))
            else:
                document = Document(await spaces.release(space, address, caller))
        except Refusal as refusal:
            await answer(problem_of(refusal))(scope, receive, send)
            return
        await document(scope, receive, send)


def read(body: bytes) -> BindingRequest | None:
    """Return what a plain body asks for; None when the framework has to look at it."""
    if len(body) > _LONGEST or not body.isascii() or b"\\u" in body:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if type(found) is not dict or not _NEEDED <= found.keys() <= _FIELDS:
        return None
    family, ttl = found.get("family"), found.get("ttl")
    tags, metadata = found.get("tags", []), found.get("metadata", {})
    fits = (
        all(type(found.get(name, "")) is str for name in _TEXTS)
        and type(found.get("address", "")) in (str, type(None))
        and type(family) in (int, type(None))
        and (ttl is None or (type(ttl) in (int, float) and isfinite(ttl)))
        and _are_texts(tags, list)
        and _are_texts(metadata, dict)
    )
    if not fits:
        return None
    more = {**found, "tags": tuple(tags), "metadata": metadata, "ttl": None if ttl is None else float(ttl)}
    return BindingRequest(**more)


def _are_texts(values: Any, kind: type[list[Any] | dict[str, Any]]) -> bool:
    if type(values) is not kind:
        return False
    return all(type(text) is str for text in (values.values() if isinstance(values, dict) else values))


def _says_json(scope: Scope) -> bool:
    return any(name == b"content-type" and value == b"application/json" for name, value in scope["headers"])


def _is_spelled(scope: Scope) -> bool:
    """Return whether the path has nothing that only its raw form would tell."""
    return unquote(scope["raw_path"].decode("latin-1")) == scope["path"] and b"%2f" not in scope["raw_path"].lower()


def _heard(first: Message, receive: Receive) -> Receive:
    """Return a `receive` that says again what was heard already."""
    said = [first]

    async def again() -> Message:
        return said.pop() if said else await receive()

    return again
