"""What a session holds and for how long: the rules both sessions share, without any I/O.

Times are seconds of CLOCK_BOOTTIME, which also runs while the machine sleeps (clock_gettime(2)).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from math import inf
from typing import Any

from ipv6console.client.errors import EngineRefused, LeaseLost
from ipv6console.client.origin import Origin
from ipv6console.client.tls import shared_context
from ipv6console.wire.problem import Problem
from ipv6console.wire.reply import PickReply

Clock = Callable[[], float]
ENDINGS = ("idle", "bad")
"""The verdicts that end a lease."""

STATUSES = (*ENDINGS, "using")

RETRY_INTERVAL = 5.0
"""Seconds between two tries to renew a lease, or a twentieth of its TTL if that is less."""

RETRY_LEAST = 0.01

LONGEST_WAIT = 300.0
"""Seconds the engine lets a pick wait at most."""


def boottime() -> float:
    """Return the seconds since boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a session asks for, and how long it waits for it: once, then `retries` times `interval` seconds apart.

    `retries` None never gives up. `target` is the host it is to visit, None any.
    """

    dbname: str
    ttl: float
    holder: str | None
    interval: float
    retries: int | None
    target: str | None = None

    def __post_init__(self) -> None:
        if not self.ttl > 0:
            raise ValueError(f"ttl is {self.ttl!r}; a lease needs a positive number of seconds")
        if not 0 <= self.interval < inf:
            raise ValueError(f"adapt_retry_interval is {self.interval!r}; it takes a number of seconds from 0 on")
        if self.retries is not None and self.retries < 0:
            raise ValueError(f"adapt_max_retries is {self.retries!r}; it cannot be negative, and None never gives up")

    def pauses(self) -> Iterator[float | None]:
        """Yield, for each try, the seconds to wait in line before the next one; None for the last."""
        yield from repeat(self.interval) if self.retries is None else repeat(self.interval, self.retries)
        yield None


def in_line(pause: float | None) -> float | None:
    """Return the seconds for which the engine may let a pick wait that has `pause` seconds until the next one."""
    return None if pause is None else min(pause, LONGEST_WAIT)


def closed() -> LeaseLost:
    """Return what to raise in a session that was closed."""
    return LeaseLost(None, "the session is closed", "make another session")


class Hold:
    """One lease as its holder knows it. Times are CLOCK_BOOTTIME.

    `lease` is its secret token, `ttl` what it was last granted for, `origin` the process it is held by. Any thread may ask
    it, without a lock: whether it lets traffic through depends on one value at a time.
    """

    def __init__(self, *, addr: str, lease: str, ttl: float, ends_at: float, clock: Clock) -> None:
        self.addr = addr
        self.lease = lease
        self.ttl = ttl
        self.ends_at = ends_at
        self._clock = clock
        self.origin = Origin()
        self._lost: str | None = None

    @property
    def renew_at(self) -> float:
        """When half of its time will have passed."""
        return self.ends_at - self.ttl / 2

    def retry_at(self, now: float) -> float:
        """When to try again to renew it after a failure at `now`; its end is the last time."""
        return max(min(now + min(RETRY_INTERVAL, self.ttl / 20), self.ends_at), now + RETRY_LEAST)

    def ended(self) -> bool:
        """Return whether its time is over."""
        return self._clock() >= self.ends_at

    def extend(self, ttl: float, asked_at: float) -> None:
        """Take note that the engine, asked at `asked_at`, granted `ttl` seconds more."""
        self.ttl = ttl
        self.ends_at = asked_at + ttl

    def lose(self, cause: str) -> LeaseLost:
        """Let no more traffic through; return what to raise."""
        self._lost = cause
        return LeaseLost(self.addr, cause)

    def require(self) -> None:
        """Raise LeaseLost unless the lease still runs: what connections ask before every connect and write."""
        if self._lost is not None:
            raise LeaseLost(self.addr, self._lost)
        self.origin.require(self.addr)
        if self.ended():
            raise LeaseLost(self.addr, "its lease has run out")


def hold_from(reply: PickReply, asked_at: float, clock: Clock) -> Hold | None:
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
    return Hold(addr=reply.addr, lease=reply.lease, ttl=reply.ttl, ends_at=asked_at + reply.ttl, clock=clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The verdict a lease is given back with: `status` idle or bad, the host that banned the address, and why."""

    status: str = "idle"
    target: str | None = None
    reason: str | None = None


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
