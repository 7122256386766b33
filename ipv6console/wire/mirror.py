"""A mirror's own settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSettings:
    """What one mirror does differently; None means as the pool does. Durations are seconds.

    `check_urls` are asked when an address this mirror found bad is checked again, instead of the pool's.
    """

    usable_num: int | None = None
    lease_ttl: float | None = None
    bad_cooldown: float | None = None
    max_leases_per_64: int | None = None
    check_urls: tuple[str, ...] = ()
