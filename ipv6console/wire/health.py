"""GET /health: whether the engine can do its work, and what is in its way."""

from __future__ import annotations

from dataclasses import dataclass

from ipv6console.wire.status import Finding, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The gravest level of all findings, and the findings that are not ok.

    `hot_requests` and `framework_requests` count what was answered on the hot path and by the framework since the start.
    """

    level: Level
    at: float
    version: str
    prefix: str | None
    findings: tuple[Finding, ...]
    hot_requests: int = 0
    framework_requests: int = 0
