"""Acts that are planned first, of parts of the engine beside the pool."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from ipv6console.engine.caller import Caller
from ipv6console.wire.plan import PlanRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What an act would do: to how many things, some of them in words, and its steps in order.

    Two prospects with the same `fingerprint` are of the same set in the same state.
    """

    target: str
    count: int
    sample: tuple[str, ...]
    fingerprint: Hashable
    steps: tuple[str, ...] = ()
    needs_reason: bool = False


class Planner(Protocol):
    """Knows some actions."""

    def prospect(self, request: PlanRequest, caller: Caller) -> Prospect:
        """Return what the act would do now; raises Refusal when it cannot be done."""
        ...

    async def carry_out(self, request: PlanRequest, reason: str, caller: Caller) -> int:
        """Do it, and return to how many things it was done; raises Refusal."""
        ...
