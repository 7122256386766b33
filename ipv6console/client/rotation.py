"""When a session changes its address by itself, what it says about the old one, and what may be sent again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from ipv6console.client.errors import IPv6ConsoleError
from ipv6console.client.hold import Ending

Rotate = Literal["request", "blocked"] | int | None

BLOCKED = frozenset({403, 429})
"""The statuses by which sites say that they are done with an address."""

IDEMPOTENT = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})
"""Methods that may be sent twice (RFC 9110, 9.2.2)."""

_REASON_LENGTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """An address serves `limit` requests (None: any number) and is blamed for `statuses` and `errors`.

    A blamed request is sent again from another address up to `retries` times, if that can do no harm.
    """

    limit: int | None = None
    statuses: frozenset[int] = frozenset()
    errors: tuple[type[Exception], ...] = ()
    retries: int = 0

    def due(self, uses: int) -> bool:
        """Return whether an address that served `uses` requests has served enough."""
        return self.limit is not None and uses >= self.limit

    def of_status(self, status: int, host: str) -> Ending | None:
        """Return the verdict on an address whose request `host` answered with `status`; None: it stays."""
        return Ending(status="bad", target=host, reason=f"HTTP {status}") if status in self.statuses else None

    def of_error(self, error: Exception, host: str) -> Ending | None:
        """Return the verdict on an address whose request to `host` failed; None: it stays.

        What this library itself refuses to send is nobody's ban.
        """
        if isinstance(error, IPv6ConsoleError) or not isinstance(error, self.errors):
            return None
        reason = " ".join(f"{type(error).__name__} {error}".split())
        return Ending(status="bad", target=host, reason=reason[:_REASON_LENGTH])


def rotation_from(
    rotate: Rotate,
    on_status: Collection[int] | None,
    on_error: Collection[type[Exception]],
    retries: int,
) -> Rotation:
    """Return the rules for a session's options; raises ValueError for those that mean nothing."""
    if isinstance(rotate, bool) or not (rotate in {None, "request", "blocked"} or isinstance(rotate, int)):
        raise ValueError(f"rotate is {rotate!r}; it takes 'request', a number of requests, 'blocked' or None")
    if isinstance(rotate, int) and rotate < 1:
        raise ValueError(f"rotate is {rotate}; an address serves at least one request")
    statuses = frozenset(on_status or ())
    if rotate == "blocked" and not statuses and not on_error:
        statuses = BLOCKED
    if retries < 0:
        raise ValueError(f"retries is {retries}; it cannot be negative")
    if retries and not statuses and not on_error:
        raise ValueError("retries repeats what rotate_on_status or rotate_on name; give one of them")
    limit = 1 if rotate == "request" else rotate if isinstance(rotate, int) else None
    return Rotation(limit=limit, statuses=statuses, errors=tuple(on_error), retries=retries)


def harmless(method: str, *, declined: bool, replayable: bool) -> bool:
    """Return whether a request may be sent once more: its body can be had again, and doing it twice changes nothing.

    `declined` says that it was not done the first time: nothing was sent, or the site answered with a 4xx.
    """
    return replayable and (declined or method.upper() in IDEMPOTENT)
