"""The same act outside the console: its command line and its curl line, ready to copy."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from urllib.parse import quote

from ipv6console.wire.plan import Plan, PlanAction, PlanRequest


@dataclass(frozen=True, slots=True)
class Call:
    """One act as a command and as a request."""

    cli: str
    curl: str


@dataclass(frozen=True, slots=True)
class Door:
    """Where the engine is, as the command line and curl name it: a Unix socket's path or a base URL."""

    target: str

    @property
    def is_url(self) -> bool:
        """Whether `target` is a URL."""
        return "://" in self.target

    def cli(self, *words: str) -> str:
        """Return the command line for `words`."""
        where = ("--url", self.target) if self.is_url else ("--socket", self.target)
        return shlex.join(("ipv6console", words[0], *words[1:], *where))

    def curl(self, method: str, path: str, body: dict[str, object] | None = None) -> str:
        """Return the curl line for one request."""
        words = ["curl"] if self.is_url else ["curl", "--unix-socket", self.target]
        if body is not None:
            words += ["--json", json.dumps(body, separators=(",", ":"))]
        elif method != "GET":
            words += ["-X", method]
        return shlex.join((*words, (self.target.rstrip("/") if self.is_url else "http://localhost") + path))


def spawn(door: Door, number: int) -> Call:
    """Making `number` addresses."""
    return Call(door.cli("spawn", str(number)), door.curl("GET", f"/spawns?num={number}"))


def drain_mirror(door: Door, dbname: str, *, draining: bool) -> Call:
    """Draining a mirror, or taking it up again."""
    words = ("drain", "--dbname", dbname) if draining else ("drain", "--dbname", dbname, "--off")
    return Call(door.cli(*words), door.curl("POST", f"/mirrors/{quote(dbname)}/drain", {"draining": draining}))


def drain_prefix(door: Door, prefix: str, *, draining: bool) -> Call:
    """Draining a prefix, or taking it up again."""
    words = ("drain", "--prefix", prefix) if draining else ("drain", "--prefix", prefix, "--off")
    return Call(door.cli(*words), door.curl("POST", "/prefixes/drain", {"prefix": prefix, "draining": draining}))


def planned(door: Door, request: PlanRequest, plan: Plan | None, reason: str) -> Call:
    """Doing what was planned: the command plans and asks by itself, the curl line applies this very plan."""
    why = ("--reason", reason or "REASON")
    match request.action:
        case PlanAction.FLUSH_MIRROR:
            words: tuple[str, ...] = ("flush", "--dbname", request.dbname or "")
        case PlanAction.FLUSH_POOL:
            words = ("flush", "--all")
        case PlanAction.REVOKE_ADDRESSES:
            words = ("revoke", *request.addrs, *why)
        case PlanAction.REVOKE_PREFIX:
            words = ("revoke", "--prefix", request.prefix or "", *why)
    body: dict[str, object] = {"plan": plan.id if plan else "PLAN"}
    if plan is not None and plan.needs_reason:
        body["reason"] = reason or "REASON"
    return Call(door.cli(*words), door.curl("POST", "/apply", body))


def reset(door: Door, dbname: str, addrs: tuple[str, ...]) -> Call:
    """Making addresses idle again in a mirror."""
    body: dict[str, object] = {"dbname": dbname, "addrs": list(addrs)}
    return Call(door.cli("reset", *addrs, "--dbname", dbname), door.curl("POST", "/resets", body))


def reset_all(door: Door, dbname: str) -> Call:
    """Making every address of a mirror idle again."""
    return Call(door.cli("reset", "--all", "--dbname", dbname), door.curl("POST", f"/reset_all?dbname={quote(dbname)}"))


def mirror(door: Door, dbname: str) -> Call:
    """Showing a mirror."""
    return Call(door.cli("mirror", "show", dbname), door.curl("GET", f"/mirrors/{quote(dbname)}/settings"))


def who(door: Door, addr: str) -> Call:
    """Asking who held an address."""
    return Call(door.cli("who", addr), door.curl("GET", f"/history?addr={addr}"))


def doctor(door: Door, prefix: str | None) -> Call:
    """Walking the chain."""
    words = ("doctor",) if prefix is None else ("doctor", "--prefix", prefix)
    query = "" if prefix is None else f"?prefix={quote(prefix, safe=':/')}"
    return Call(door.cli(*words), door.curl("GET", f"/doctor{query}"))
