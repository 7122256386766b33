"""Requests that can be answered without the framework: which they are, and what the engine is asked.

Only what is plain is taken: known parameters, each once, and bodies that fit. Everything else, every mistake above all, is
left to the framework, so that there is one place that explains mistakes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel

from ipv6console.api.body import ReportBody, ReportsBody
from ipv6console.api.parameter import DEFAULT_MIRROR
from ipv6console.engine.caller import Caller
from ipv6console.engine.engine import Engine
from ipv6console.wire.reply import PickReply, PicksReply, Reply

Model = TypeVar("Model", bound=BaseModel)


class Turn(NamedTuple):
    """One request as the engine is asked: the call, and whether the caller would wait when there is nothing."""

    answer: Awaitable[PickReply | PicksReply | Reply]
    waits: bool = False


Reader = Callable[[Engine, Caller, bytes, bytes], Turn | None]
"""Makes a turn of a query string and a body; None when the framework has to look at them."""

_ESCAPES = frozenset(b"%+")
_MIRROR = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}(\.[0-9]{1,6})?")
_WAIT = re.compile(r"[1-9]?[0-9](\.[0-9]{1,6})?|[12][0-9]{2}(\.[0-9]{1,6})?|300")
_COUNT = re.compile(r"[1-9][0-9]?|100")

_PICKS = {"dbname": _MIRROR, "ttl": _NUMBER, "holder": _LINE, "target": _LINE, "num": _COUNT}
_PICK = {"dbname": _MIRROR, "ttl": _NUMBER, "holder": _LINE, "target": _LINE, "wait": _WAIT}


def _query(text: bytes, allowed: dict[str, re.Pattern[str]]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    try:
        for pair in text.split(b"&") if text else ():
            name, _, value = pair.partition(b"=")
            if not _ESCAPES.isdisjoint(value):
                value = unquote_to_bytes(value.replace(b"+", b" "))
            key, word = name.decode("ascii"), value.decode()
            pattern = allowed.get(key)
            if pattern is None or key in found or pattern.fullmatch(word) is None:
                return None
            found[key] = word
    except UnicodeDecodeError:
        return None
    return found


def _pick(engine: Engine, caller: Caller, query: bytes, body: bytes) -> Turn | None:
    found = _query(query, _PICK)
    if found is None or body:
        return None
    ttl = found.get("ttl")
    answer = engine.pick(
        found.get("dbname", DEFAULT_MIRROR),
        caller,
        ttl=None if ttl is None else float(ttl),
        holder=found.get("holder"),
        target=found.get("target"),
    )
    return Turn(answer, waits=float(found.get("wait", "0")) > 0)


def _picks(engine: Engine, caller: Caller, query: bytes, body: bytes) -> Turn | None:
    found = _query(query, _PICKS)
    if found is None or body:
        return None
    ttl = found.get("ttl")
    answer = engine.picks(
        found.get("dbname", DEFAULT_MIRROR),
        int(found.get("num", "1")),
        caller,
        ttl=None if ttl is None else float(ttl),
        holder=found.get("holder"),
        target=found.get("target"),
    )
    return Turn(answer)


def _report(engine: Engine, caller: Caller, query: bytes, body: bytes) -> Turn | None:
    found = None if query else _body(ReportBody, body)
    return None if found is None else Turn(engine.report(found.dbname, [found.report_info.item()]))


def _reports(engine: Engine, caller: Caller, query: bytes, body: bytes) -> Turn | None:
    found = None if query else _body(ReportsBody, body)
    if found is None:
        return None
    return Turn(engine.report(found.dbname, [info.item() for info in found.report_infos]))


def _body(kind: type[Model], body: bytes) -> Model | None:
    try:
        # As the framework does it: pydantic's own JSON parser takes some documents that Python's does not.
        return kind.model_validate(json.loads(body))
    except (ValueError, RecursionError):
        return None


READERS: dict[tuple[bytes, bytes], Reader] = {
    (b"GET", b"/pick"): _pick,
    (b"GET", b"/picks"): _picks,
    (b"POST", b"/report"): _report,
    (b"POST", b"/reports"): _reports,
}
"""Who reads what, by method and path."""
