"""Requests that can be answered without the framework: which they are, and what the engine is asked.

Only what is plain is taken: known parameters, each once, and bodies that fit. Everything else, every mistake above all, is
left to the framework, so that there is one place that explains mistakes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from ipv6console.api.body import ReportBody, ReportsBody
from ipv6console.api.document import render, render_pick
from ipv6console.api.parameter import DEFAULT_MIRROR
from ipv6console.engine.caller import Caller
from ipv6console.engine.decision import Decision, wish
from ipv6console.engine.leasing import Leasing
from ipv6console.engine.report import ReportItem
from ipv6console.wire.reply import Reply


class Turn(NamedTuple):
    """What one kind of request comes to, the same whoever's connection it came by and however often it is made.

    `decide` takes its body and does it, None when the framework has to look at that body; it raises Refusal. `render` makes
    the answer's body. `waits` says that the caller would wait when there is nothing.
    """

    decide: Callable[[bytes], Decision | None]
    render: Callable[[Decision], bytes]
    waits: bool = False


Reader = Callable[[Leasing, Caller, bytes], Turn | None]
"""Makes a turn of a query string; None when the framework has to look at it."""

_ESCAPES = frozenset(b"%+")
_MIRROR = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}(\.[0-9]{1,6})?")
_WAIT = re.compile(r"[1-9]?[0-9](\.[0-9]{1,6})?|[12][0-9]{2}(\.[0-9]{1,6})?|300")
_COUNT = re.compile(r"[1-9][0-9]?|100")

_STATUSES = frozenset({"idle", "using", "bad"})
_LONGEST_TEXT = 200
_NO_DOCUMENT = object()
_scan = cast("Callable[[str, int], tuple[Any, int]]", json.JSONDecoder().scan_once)  # type: ignore[attr-defined]  # json.decoder

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


def _pick(leasing: Leasing, caller: Caller, query: bytes) -> Turn | None:
    found = _query(query, _PICK)
    if found is None:
        return None
    asked = wish(
        found.get("dbname", DEFAULT_MIRROR),
        caller,
        ttl=float(found["ttl"]) if "ttl" in found else None,
        holder=found.get("holder"),
        target=found.get("target"),
    )
    return Turn(lambda _: leasing.decide_pick(asked), _picked, waits=float(found.get("wait", "0")) > 0)


def _picks(leasing: Leasing, caller: Caller, query: bytes) -> Turn | None:
    found = _query(query, _PICKS)
    if found is None:
        return None
    asked = wish(
        found.get("dbname", DEFAULT_MIRROR),
        caller,
        ttl=float(found["ttl"]) if "ttl" in found else None,
        holder=found.get("holder"),
        target=found.get("target"),
    )
    count = int(found.get("num", "1"))
    return Turn(lambda _: leasing.decide_picks(asked, count), _replied)


def _report(leasing: Leasing, _caller: Caller, query: bytes) -> Turn | None:
    return None if query else Turn(partial(_verdict, leasing), _replied)


def _reports(leasing: Leasing, _caller: Caller, query: bytes) -> Turn | None:
    return None if query else Turn(partial(_verdicts, leasing), _replied)


def _verdict(leasing: Leasing, body: bytes) -> Decision | None:
    document = _json(body)
    if type(document) is dict:
        item = _plain_item(document.get("report_info"))
        mirror = document.get("dbname", DEFAULT_MIRROR)
        if item is not None and type(mirror) is str and _MIRROR.fullmatch(mirror):
            return leasing.decide_report(mirror, [item])
    try:
        found = ReportBody.model_validate(document)
    except ValueError:
        return None
    return leasing.decide_report(found.dbname, [found.report_info.item()])


def _verdicts(leasing: Leasing, body: bytes) -> Decision | None:
    try:
        found = ReportsBody.model_validate(_json(body))
    except ValueError:
        return None
    return leasing.decide_report(found.dbname, [info.item() for info in found.report_infos])


def _json(body: bytes) -> Any:
    """Return what the body says; what cannot be read is no document, and every model refuses it."""
    try:
        if body.isascii():
            # What json.loads does, without the search for an encoding and for blanks around the document.
            text = body.decode("ascii")
            document, end = _scan(text, 0)
            if end == len(text):
                return document
    except (ValueError, StopIteration, RecursionError):
        pass
    try:
        # As the framework does it: pydantic's own JSON parser takes some documents that Python's does not.
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NO_DOCUMENT


def _plain_item(info: Any) -> ReportItem | None:
    """Return what nearly every report says without the time its model takes; None when the model has to look at it."""
    if type(info) is not dict:
        return None
    addr, status, lease = info.get("addr"), info.get("status"), info.get("lease", "")
    if len(info) != (3 if "lease" in info else 2) or not (type(addr) is type(status) is type(lease) is str):
        return None
    # Addresses of 2000::/3 need no further look, see AddressText.
    if addr[4:5] != ":" or addr[0] not in "23" or status not in _STATUSES:
        return None
    if not (len(addr) <= _LONGEST_TEXT >= len(lease) and addr.isascii() and lease.isascii()):
        return None
    return ReportItem(addr=addr, status=status, lease=lease if "lease" in info else None)


def _picked(decision: Decision) -> bytes:
    return render_pick(decision.leases[0]) if decision.leases else render(decision.reply())


def _replied(decision: Decision) -> bytes:
    reply = decision.reply()
    return _reported(reply.dbname) if type(reply) is Reply and reply.success else render(reply)


@lru_cache(maxsize=1_024)
def _reported(dbname: str) -> bytes:
    return render(Reply(success=True, dbname=dbname))


READERS: dict[tuple[bytes, bytes], Reader] = {
    (b"GET", b"/pick"): _pick,
    (b"GET", b"/picks"): _picks,
    (b"POST", b"/report"): _report,
    (b"POST", b"/reports"): _reports,
}
"""Who reads what, by method and path."""
