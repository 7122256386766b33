"""Bounds of the pool, and what a mirror may be called."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MIRROR_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}\Z")


class InvalidName(ValueError):
    """A mirror name that is not 1-64 of A-Z a-z 0-9 . _ - or starts with a dot."""


class TooManyMirrors(ValueError):
    """One more mirror than `max_mirrors`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds, and bounds.

    A mirror's breaker trips when of its last `breaker_verdicts` verdicts at least the share `breaker_ratio` were bad;
    `max_leases_per_64` 0 means no bound.
    """

    lease_ttl: float = 3_600.0
    tokenless_ttl: float = 21_600.0
    bad_cooldown: float = 900.0
    bad_cooldown_max: float = 86_400.0
    max_mirrors: int = 1_000
    max_leases_per_64: int = 0
    breaker_verdicts: int = 20
    breaker_ratio: float = 0.8


def check_name(name: str) -> None:
    """Raise InvalidName unless `name` can be a mirror's."""
    if not _MIRROR_NAME.match(name):
        raise InvalidName(f"{name[:80]!r} is no mirror name: 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front")
