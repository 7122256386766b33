"""The life of a prefix, as the kept events tell it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PrefixTurn(StrEnum):
    """What happened to a prefix."""

    SEEN = "seen"
    DRAINED = "drained"
    DEPRECATED = "deprecated"
    SILENT = "silent"
    RETURNED = "returned"
    REFUSED = "refused"
    REVOKED = "revoked"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixMoment:
    """One turn in the life of a prefix, at unix seconds; `event` is the number of the event that tells it.

    `leases` is how many leases it ended (gone, revoked) or left to run out (deprecated, drained, silent), None where
    none were at stake.
    """

    at: float
    turn: PrefixTurn
    text: str
    leases: int | None
    actor: str | None
    event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixStory:
    """The kept turns in the life of `prefix`, oldest first."""

    prefix: str
    entries: tuple[PrefixMoment, ...]
