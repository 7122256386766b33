"""What one mirror does differently from the pool."""

from __future__ import annotations

from typing import NamedTuple

from ipv6console.pool.limits import Limits


class Custom(NamedTuple):
    """What one mirror does differently; None means as the pool does, durations are seconds."""

    usable_num: int | None = None
    lease_ttl: float | None = None
    bad_cooldown: float | None = None
    max_leases_per_64: int | None = None
    check_urls: tuple[str, ...] = ()

    def longest(self, limits: Limits, *, owned: bool) -> float:
        """Return how long a lease may live."""
        if self.lease_ttl is not None:
            return self.lease_ttl
        return limits.lease_ttl if owned else limits.tokenless_ttl

    def crowd(self, limits: Limits) -> int:
        """Return how many leases one /64 may have at a time, 0 for no bound."""
        return limits.max_leases_per_64 if self.max_leases_per_64 is None else self.max_leases_per_64

    def cooldown(self, limits: Limits, strikes: int = 1) -> float:
        """Return how long the bad verdict cools down that is the `strikes`-th in a row."""
        first = limits.bad_cooldown if self.bad_cooldown is None else self.bad_cooldown
        return first if strikes == 1 else min(first * 2 ** min(strikes - 1, 30), limits.bad_cooldown_max)
