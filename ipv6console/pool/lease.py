"""Leases: one address held by one scraper in one mirror."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

from ipv6console.pool.change import LeaseEnded


class NotLeased(ValueError):
    """A report, renewal or release without a live lease it is entitled to; nothing has changed."""


@dataclass(slots=True)
class Lease:
    """One live lease; times are unix seconds.

    `owned` means that its holder knows the token: from then on nothing about it changes without the token. `target` is
    the host it was picked for, if one was named; `process` whoever holds it, as the engine saw it and not as it calls itself.
    """

    row: int
    address: int
    mirror: str
    token: str
    holder: str
    since: float
    until: float
    owned: bool
    target: str | None = None
    process: str | None = None

    @property
    def who(self) -> str:
        """The holder for people: the name it gave itself, and its process where the name does not tell."""
        if self.process is None or self.process in self.holder:
            return self.holder
        return f"{self.holder} ({self.process})"

    def opened_by(self, token: str | None) -> bool:
        """Return whether `token` entitles to this lease: the right one, or none while nobody owns it."""
        if token is None:
            return not self.owned
        return compare_digest(token.encode(), self.token.encode())

    def ended(self, verdict: str, now: float, target: str | None = None, reason: str | None = None) -> LeaseEnded:
        """Return what the history keeps of the lease."""
        return LeaseEnded(
            self.address, self.mirror, self.holder, self.since, now, verdict, target, reason, self.process
        )


def history(ended: Iterable[Lease], verdict: str, now: float, reason: str = "") -> list[LeaseEnded]:
    """Return what the history keeps of leases that ended together."""
    return [lease.ended(verdict, now, None, reason or None) for lease in ended]


def compose_token(mirror_id: int, row: int, secret: str) -> str:
    """Return an opaque token that leads back to its lease."""
    return f"{mirror_id:x}-{row:x}-{secret}"


def locate_token(token: str) -> tuple[int, int] | None:
    """Return the (mirror id, row) a token leads to, None for text that is no token."""
    parts = token.split("-", 2)
    if len(parts) != 3 or len(token) > 100:
        return None
    try:
        return int(parts[0], 16), int(parts[1], 16)
    except ValueError:
        return None
