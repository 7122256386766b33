"""The same act outside the console: its command line and its curl line, ready to copy."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from ipv6console.wire.codec import encode
from ipv6console.wire.plan import Plan, PlanAction, PlanRequest


@dataclass(frozen=True, slots=True)
class Call:
    """One act as a command and as a request; `curl` is empty when no engine is asked, `note` says what else to know."""

    cli: str
    curl: str = ""
    note: str = ""

    def as_json(self) -> Call:
        """Return the same call with its answer as JSON."""
        return self if "--json" in shlex.split(self.cli) else replace(self, cli=f"{self.cli} --json")


@dataclass(frozen=True, slots=True)
class Door:
    """Where the engine is, as the command line and curl name it: a Unix socket's path or a base URL.

    `guarded` means a token was shown to it. It is in none of the lines: both take it from IPV6CONSOLE_TOKEN, and curl
    reads it from a pipe, since arguments can be seen by everybody on the host.
    """

    target: str
    guarded: bool = False

    @property
    def is_url(self) -> bool:
        """Whether `target` is a URL."""
        return "://" in self.target

    def cli(self, *words: str) -> str:
        """Return the command line for `words`."""
        where = ("--url", self.target) if self.is_url else ("--socket", self.target)
        return command(words[0], *words[1:], *where)

    def curl(self, method: str, path: str, body: dict[str, object] | None = None) -> str:
        """Return the curl line for one request."""
        words = ["curl"] if self.is_url else ["curl", "--unix-socket", self.target]
        if self.guarded:
            words += ["-H", "@-"]
        if body is not None:
            words += ["--json", json.dumps(body, separators=(",", ":"))]
        elif method != "GET":
            words += ["-X", method]
        line = shlex.join((*words, (self.target.rstrip("/") if self.is_url else "http://localhost") + path))
        return f"{_SHOWING_IT}{line}" if self.guarded else line

    def get(self, path: str, **given: str | float | None) -> str:
        """Return the curl line that looks at `path`; what is None is left out of the query."""
        query = urlencode({name: value for name, value in given.items() if value is not None}, safe=":/")
        return self.curl("GET", f"{path}?{query}" if query else path)


_STEPS = "/api/v1/network/outbox"
_SHOWING_IT = """printf 'Authorization: Bearer %s' "$IPV6CONSOLE_TOKEN" | """


def command(*words: str) -> str:
    """Return a command line of ipv6console."""
    return shlex.join(("ipv6console", *words))


def spawn(door: Door, number: int) -> Call:
    """Making `number` addresses."""
    return Call(door.cli("spawn", str(number)), door.curl("GET", f"/spawns?num={number}"))


def drain_mirror(door: Door, dbname: str, *, draining: bool) -> Call:
    """Draining a mirror, or taking it up again."""
    words = ("drain", "--dbname", dbname) if draining else ("drain", "--dbname", dbname, "--off")
    return Call(door.cli(*words), door.curl("POST", f"/mirrors/{quote(dbname, safe='')}/drain", {"draining": draining}))


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
        case PlanAction.RELEASE_INSTANCE:
            words = ("bindings", "release-instance", request.space or "", request.instance or "", *_reasoned(plan, why))
        case PlanAction.REPAIR_LEAK:
            words = ("leaks", "--repair")
        case _:
            words = _lifecycle(request)
    body: dict[str, object] = {"plan": plan.id if plan else "PLAN"}
    if plan is not None and plan.needs_reason:
        body["reason"] = reason or "REASON"
    return Call(door.cli(*words), door.curl("POST", "/apply", body))


def _reasoned(plan: Plan | None, why: tuple[str, str]) -> tuple[str, ...]:
    return why if plan is not None and plan.needs_reason else ()


def _lifecycle(request: PlanRequest) -> tuple[str, ...]:
    """Return the words of an act on a subscriber."""
    words = ["subscriber", request.action.value.partition("-")[2], request.subscriber_id or ""]
    for option, value in (("--tenant", request.tenant), ("--username", request.username), ("--nas", request.nas_ip)):
        words += [option, value] if value else []
    match request.action:
        case PlanAction.SUBSCRIBER_ALLOCATE if request.prefix_size is not None:
            words += ["--size", str(request.prefix_size)]
        case PlanAction.SUBSCRIBER_ACTIVATE if request.radius:
            words.append("--coa")
        case PlanAction.SUBSCRIBER_REVOKE:
            words += ["--disconnect"] if request.radius else []
            words += [] if request.release else ["--keep"]
    return tuple(words)


def _meant(request: PlanRequest) -> dict[str, object]:
    """Return the request without what is as it is when nothing is said."""
    silent = encode(PlanRequest(action=request.action))
    return {name: value for name, value in encode(request).items() if name == "action" or value != silent[name]}


def retry_step(door: Door, step: str) -> Call:
    """Trying a step of the outbox now."""
    return Call(door.cli("outbox", "retry", step), door.curl("POST", f"{_STEPS}/{quote(step, safe='')}/retry"))


def cancel_step(door: Door, step: str, reason: str) -> Call:
    """Letting a step of the outbox not be taken."""
    why = reason or "REASON"
    line = door.curl("POST", f"{_STEPS}/{quote(step, safe='')}/cancel", {"reason": why})
    return Call(door.cli("outbox", "cancel", step, "--reason", why), line)


def release_binding(door: Door, space: str, address: str) -> Call:
    """Releasing the binding of an address."""
    path = f"/bindings/{quote(space, safe='')}/{quote(address, safe=':')}"
    return Call(door.cli("bindings", "release", space, address), door.curl("DELETE", path))


def planning(door: Door, request: PlanRequest) -> Call:
    """Asking for the plan of an act: the command plans, asks and applies, the curl line only plans."""
    return Call(planned(door, request, None, "").cli, door.curl("POST", "/plan", _meant(request)))


def reset(door: Door, dbname: str, addrs: tuple[str, ...]) -> Call:
    """Making addresses idle again in a mirror."""
    body: dict[str, object] = {"dbname": dbname, "addrs": list(addrs)}
    return Call(door.cli("reset", *addrs, "--dbname", dbname), door.curl("POST", "/resets", body))


def reset_all(door: Door, dbname: str) -> Call:
    """Making every address of a mirror idle again."""
    return Call(
        door.cli("reset", "--all", "--dbname", dbname), door.curl("POST", f"/reset_all?dbname={quote(dbname, safe='')}")
    )


def notify_test(door: Door) -> Call:
    """Telling every webhook and command that this is a test."""
    return Call(door.cli("notify", "test"), door.curl("POST", "/notify/test", {}))


def stop(pid: int) -> Call:
    """Stopping an engine: on its own host only, as whoever runs it; no endpoint does that."""
    return Call(f"kill -TERM {pid}", note="no endpoint stops an engine; this does, on its own host")


def attach(door: Door, *, read_only: bool) -> Call:
    """Opening a console on this engine."""
    words = ("attach", door.target, *(("--read-only",) if read_only else ()))
    return Call(command(*words), note="only this console changes, the engine is asked nothing")


def opening(target: str, *, read_only: bool, file: str = "", token: bool = False) -> Call:
    """Opening a console on an engine as it was typed; a token that was typed is asked for again, never an argument."""
    door = Door(target or "TARGET", guarded=bool(file or token))
    given = ("--token-file", file) if file else ("--ask-token",) if token else ()
    words = ("attach", door.target, *given, *(("--read-only",) if read_only else ()))
    return Call(command(*words), door.get("/state"))
