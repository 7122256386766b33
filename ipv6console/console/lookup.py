"""What a pane or a dialog shows, outside the console: the command that prints it and the request that returns it."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from ipv6console.console.call import Call, Door, command

_NETWORK = "/api/v1/network"
_MOST = 1_000
"""The most rows one request returns of most lists."""


def state(door: Door) -> Call:
    """The whole document."""
    return Call(door.cli("status", "--json"), door.get("/state"))


def state_at(door: Door, at: float) -> Call:
    """The document as it was at a moment (unix seconds)."""
    return Call(door.cli("status", "--at", _moment(at), "--json"), door.get("/state", at=f"{at:.0f}"))


def health(door: Door) -> Call:
    """What is not well."""
    return Call(door.cli("status"), door.get("/health"))


def addresses(door: Door) -> Call:
    """The pool's addresses."""
    return Call(door.cli("addresses"), door.get("/addresses", limit=5_000))


def leases(door: Door, dbname: str) -> Call:
    """Who holds what in a mirror."""
    return Call(door.cli("leases", "--dbname", dbname), door.get("/leases", dbname=dbname, limit=_MOST))


def targets(door: Door, dbname: str) -> Call:
    """Who bans a mirror."""
    return Call(door.cli("targets", "--dbname", dbname), door.get("/targets", dbname=dbname, limit=_MOST))


def mirror(door: Door, dbname: str) -> Call:
    """A mirror, with what it does differently."""
    return Call(door.cli("mirror", "show", dbname), door.get(f"/mirrors/{quote(dbname)}/settings"))


def who(door: Door, addr: str) -> Call:
    """Who held an address."""
    return Call(door.cli("who", addr), door.get("/history", addr=addr))


def prefixes(door: Door) -> Call:
    """Every prefix."""
    return Call(door.cli("prefixes"), door.get("/state"))


def story(door: Door, prefix: str) -> Call:
    """The life of a prefix."""
    return Call(door.cli("prefixes", prefix), door.get("/prefixes/history", prefix=prefix))


def ndp(door: Door, prefix: str | None = None) -> Call:
    """How neighbours learn of a prefix, or of each."""
    if prefix is None:
        return Call(door.cli("ndp"), door.get("/state"))
    return Call(door.cli("ndp", prefix), door.get("/ndp/config", prefix=prefix))


def doctor(door: Door, prefix: str | None) -> Call:
    """The chain from interface to echo."""
    words = ("doctor",) if prefix is None else ("doctor", "--prefix", prefix)
    return Call(door.cli(*words), door.get("/doctor", prefix=prefix))


def events(
    door: Door, *, since: int | None = None, level: str | None = None, start: float | None = None, limit: int = 100
) -> Call:
    """What happened: after an event's number, from a moment (unix seconds) on, at least so loud."""
    words = ["events", "--limit", str(limit)]
    given: dict[str, str | float | None] = {"since": since, "level": level, "limit": limit}
    if since is not None:
        words += ["--since", str(since)]
    if level is not None:
        words += ["--level", level]
    if start is not None:
        words += ["--from", _moment(start)]
        given["from"] = f"{start:.0f}"
    return Call(door.cli(*words), door.get("/events", **given))


def subscribers(door: Door) -> Call:
    """Every subscriber."""
    return Call(door.cli("subscriber", "list"), door.get(f"{_NETWORK}/subscribers", limit=_MOST))


def life(door: Door, tenant: str, subscriber_id: str) -> Call:
    """What became of a subscriber's prefix."""
    path = f"{_NETWORK}/subscribers/{quote(subscriber_id, safe='')}/ipv6/history"
    return Call(door.cli("subscriber", "history", subscriber_id, "--tenant", tenant), door.get(path, tenant=tenant))


def outbox(door: Door, subscriber: tuple[str, str] | None = None) -> Call:
    """The steps that other systems take, of one subscriber (tenant and id) or all."""
    tenant, name = (None, None) if subscriber is None else subscriber
    words = () if subscriber is None else ("--tenant", subscriber[0], "--subscriber", subscriber[1])
    asked = door.get(f"{_NETWORK}/outbox", tenant=tenant, subscriber_id=name, limit=_MOST)
    return Call(door.cli("outbox", "list", "--all", *words), asked)


def bindings(door: Door) -> Call:
    """Every binding."""
    return Call(door.cli("bindings", "list"), door.get("/bindings", limit=_MOST))


def binding(door: Door, space: str, address: str) -> Call:
    """What an address is bound to."""
    path = f"/bindings/{quote(space, safe='')}/{quote(address, safe=':')}"
    return Call(door.cli("bindings", "show", space, address), door.get(path))


def manual(door: Door) -> Call:
    """What can be done, and how."""
    return Call(command("--help"), door.get("/openapi.json"), note="man ipv6console tells all of it")


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def engines(targets: tuple[str, ...]) -> Call:
    """A console on all of these engines."""
    return Call(command("attach", *targets), note="opens all of them in one console")
