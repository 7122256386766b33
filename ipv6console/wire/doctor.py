"""The doctor's report: interface, prefix, route, bind, NDP, echo."""

from __future__ import annotations

from dataclasses import dataclass

from ipv6console.wire.status import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorStep:
    """One link of the chain: what was looked at, what was seen, what it means and the command that mends it."""

    name: str
    level: Level
    text: str
    evidence: tuple[str, ...] = ()
    fix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """The chain for one prefix; `verdict` is "routed", "on-link" or "not usable" with the first failed step."""

    at: float
    prefix: str | None
    interface: str | None
    verdict: str
    steps: tuple[DoctorStep, ...]
