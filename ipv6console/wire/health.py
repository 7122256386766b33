"""GET /health: whether the engine can do its work, and what is in its way."""

from __future__ import annotations

from dataclasses import dataclass

from ipv6console.wire.status import Finding, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The gravest level of all findings, and the findings that are not ok."""

    level: Level
    at: float
    version: str
    prefix: str | None
    findings: tuple[Finding, ...]
