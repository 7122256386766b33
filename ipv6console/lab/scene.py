"""Where a fault happens, and how it is wished for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ipv6console.lab.plan import LabPlan
    from ipv6console.lab.topology import Topology


class Scene(Protocol):
    """A running lab as its faults see it."""

    plan: LabPlan
    topology: Topology
    directory: Path

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` once, `seconds` from now."""
        ...

    def note(self, text: str) -> None:
        """Write `text` into the lab's log."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a fault is to happen; what a fault does not take is left at its default.

    `grace`: seconds between a prefix's deprecation and its end; `silent`: the host is told nothing; `share`: of the
    callers, those that called most, 0 to 1; `by`: what is banned, "address" or "64"; `address`: the one to claim;
    `urls`: how many check URLs.
    """

    grace: float = 3.0
    silent: bool = False
    share: float = 0.5
    by: str = "address"
    address: str = ""
    urls: int = 3
