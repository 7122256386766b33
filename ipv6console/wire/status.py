"""How well a thing is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """A verdict as screens show it; UNKNOWN is never to be shown as well."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a value was true (unix seconds) and who said so ("netlink", "engine", "/proc", "echo")."""

    at: float
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an operator should know: what it concerns, what is so, and the command that mends it, if one does."""

    subject: str
    level: Level
    text: str
    fix: str | None = None


_SEVERITY = (Level.OFF, Level.OK, Level.UNKNOWN, Level.WARN, Level.FAIL)


def worst(levels: tuple[Level, ...]) -> Level:
    """Return the gravest of `levels`; OFF when there is none."""
    return max(levels, key=_SEVERITY.index, default=Level.OFF)
