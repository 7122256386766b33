"""What a session holds and for how long: the rules both sessions share, without any I/O.

Times are seconds of CLOCK_BOOTTIME, which also runs while the machine sleeps (clock_gettime(2)).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ipv6console.client.errors import EngineRefused, LeaseLost
from ipv6console.client.tls import shared_context
from ipv6console.wire.problem import Problem
from ipv6console.wire.reply import LeaseReply, PickReply

Clock = Callable[[], float]
ENDINGS = ("idle", "bad")
"""The verdicts that end a lease."""

STATUSES = (*ENDINGS, "using")


def boottime() -> float:
    """Return the seconds since boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a session asks for, and how long it waits for it: once, then `retries` times `interval` seconds apart."""

    dbname: str
    ttl: float
    holder: str | None
    interval: float
    retries: int

    def __post_init__(self) -> None:
        if not self.ttl > 0:
            raise ValueError(f"ttl is {self.ttl!r}; a lease needs a positive number of seconds")
        if self.interval < 0 or self.retries < 0:
            raise ValueError("adapt_retry_interval and adapt_max_retries cannot be negative")

    def pauses(self) -> Iterator[float | None]:
        """Yield, for each try, the seconds to wait after it found nothing; None after the last one."""
        yield from (self.interval for _ in range(self.retries))
        yield None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One lease: the address, its secret token, and when it ends (CLOCK_BOOTTIME)."""

    addr: str
    lease: str
    ends_at: float


def hold_from(reply: PickReply, asked_at: float) -> Hold | None:
    """Return the lease in a pick's reply, None when there was no address.

    The TTL counts from before the request, so that the session stops first and the engine after. Raises EngineRefused
    for a reply without a token, which no session can hold.
    """
    if not reply.success or reply.addr is None:
        return None
    if reply.lease is None or reply.ttl is None:
        raise EngineRefused(
            Problem(
                type="about:blank",
                title="The engine gave an address without a lease",
                status=200,
                detail=f"{reply.addr} came without a token or a TTL",
                next="use an ipv6console engine of this version",
            )
        )
    return Hold(addr=reply.addr, lease=reply.lease, ends_at=asked_at + reply.ttl)


class Book:
    """Which lease a session holds right now; at most one. Assignments are single, so that threads may read it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hold: Hold | None = None
        self._lost: str | None = None

    @property
    def hold(self) -> Hold | None:
        """The lease, also one that has ended without the session giving it back."""
        return self._hold

    def now(self) -> float:
        """Return the time of the book's clock."""
        return self._clock()

    def open(self, hold: Hold) -> None:
        """Begin to hold a lease."""
        self._lost = None
        self._hold = hold

    def extend(self, reply: LeaseReply, asked_at: float) -> None:
        """Take note that the lease was renewed."""
        if self._hold is not None:
            self._hold = replace(self._hold, ends_at=asked_at + reply.ttl)

    def lose(self, hold: Hold, cause: str) -> LeaseLost:
        """Let no more traffic through, but remember the lease until it is given back; return what to raise."""
        self._lost = cause
        return LeaseLost(hold.addr, cause)

    def close(self) -> None:
        """Hold nothing: the lease was given back."""
        self._hold = None
        self._lost = None

    def require(self, lease: str | None = None) -> Hold:
        """Return the lease; raises LeaseLost when there is none, or it has ended, or it is not the one with that token."""
        hold = self._hold
        if hold is None:
            raise LeaseLost(None, "the session holds no lease")
        if self._lost is not None:
            raise LeaseLost(hold.addr, self._lost)
        if lease is not None and lease != hold.lease:
            raise LeaseLost(None, f"the session has moved on to {hold.addr}")
        if self._clock() >= hold.ends_at:
            raise LeaseLost(hold.addr, "its lease has run out")
        return hold

    def guard(self, hold: Hold) -> Callable[[], None]:
        """Return the check that lets traffic pass only while `hold` is the lease."""

        def check() -> None:
            self.require(hold.lease)

        return check


def require_status(status: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError for a status the engine would refuse, before anything is given up."""
    if status not in allowed:
        raise ValueError(f"status {status!r} is none of {', '.join(allowed)}")


_REFUSED: Mapping[str, str] = {
    "proxy": "a proxy sends from its own address, not from the leased one",
    "mounts": "a mounted transport sends past the lease",
    "transport": "the session brings its own, bound to the leased address",
    "trust_env": "proxy variables would send past the lease; the session ignores the environment",
}

_TRANSPORT_OPTIONS = ("http1", "http2", "limits")


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the transport's share of httpx's client options (with the TLS context made), and what httpx may see.

    Raises TypeError for options by which traffic would leave from elsewhere than the leased address.
    """
    for name, why in _REFUSED.items():
        if options.get(name):
            raise TypeError(f"a session takes no {name}=: {why}; use a plain httpx client for that")
    rest = {name: value for name, value in options.items() if name not in _REFUSED}
    transport: dict[str, Any] = {name: rest[name] for name in _TRANSPORT_OPTIONS if name in rest}
    transport["verify"] = shared_context(
        http2=rest.get("http2", False), verify=rest.get("verify", True), cert=rest.get("cert")
    )
    return transport, rest
