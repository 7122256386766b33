"""Figures about subscribers' prefixes for metrics: counts, never an address or a subscriber."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.core import Core
from ipv6console.engine.leaks import LeakFinder
from ipv6console.engine.spaces import Spaces
from ipv6console.engine.subscribers import Subscribers
from ipv6console.engine.traffic import Distribution
from ipv6console.ipam.lifecycle import State

MOST_TENANTS = 20
OTHER = "other"
NONE = "none"
_READER = Caller("metrics", frozenset({Scope.READ}))


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeFigures:
    """Prefixes by pool and state, operations by name, result and tenant, how long each took (s), and what waits.

    `utilization` is the part of each pool that is not available (0 to 1), `outbox` the pending steps by name and
    `outbox_age` the seconds the oldest of them has been pending, `leaks` None before the first look.
    """

    prefixes: Mapping[tuple[str, str], int]
    operations: Mapping[tuple[str, str, str], int]
    durations: Mapping[str, Distribution]
    utilization: Mapping[str, float]
    stuck: Mapping[str, int]
    outbox: Mapping[str, int]
    outbox_age: float
    leaks: int | None


class LifeMeter:
    """Reads the figures off."""

    def __init__(self, core: Core, subscribers: Subscribers, spaces: Spaces, leaks: LeakFinder) -> None:
        self._core = core
        self._subscribers = subscribers
        self._spaces = spaces
        self._leaks = leaks
        self._tenants = TenantLabels()

    def read(self) -> LifeFigures:
        """Return the figures as they are now."""
        desk, now = self._subscribers.desk, self._core.clock.now()
        limits = self._core.settings.lifecycle
        stuck = desk.stuck(now - limits.stuck_allocated, now - limits.stuck_revoking)
        waiting = list(desk.outbox)
        return LifeFigures(
            prefixes=self._prefixes(),
            operations=self._operations(),
            durations={name: taken.copy() for name, taken in self._subscribers.durations.items()},
            utilization={
                row.name: (row.total - row.available) / row.total
                for row in self._spaces.page(_READER).spaces
                if row.total
            },
            stuck={
                state.value: sum(row.ipv6_state == state for row in stuck)
                for state in (State.ALLOCATED, State.REVOKING)
            },
            outbox=Counter(step.step for step in waiting),
            outbox_age=max(0.0, now - min((step.created_at for step in waiting), default=now)),
            leaks=self._leaks.count,
        )

    def _prefixes(self) -> dict[tuple[str, str], int]:
        spaces = {row.id: row.space for row in self._spaces.ranges(None, _READER).ranges}
        found: Counter[tuple[str, str]] = Counter()
        for (registry, parent, state), number in self._subscribers.desk.book.places().items():
            if registry is None:
                pool = NONE
            elif registry == "embedded":
                pool = spaces.get(parent or 0, registry)
            else:
                pool = registry if parent is None else f"{registry}:{parent}"
            found[pool, state.value] += number
        return found

    def _operations(self) -> dict[tuple[str, str, str], int]:
        counted = self._subscribers.operations
        tallies = self._subscribers.desk.book.tallies()
        self._tenants.see(sorted(tallies, key=lambda name: -tallies[name].states.total()))
        self._tenants.see(tenant for tenant, _, _ in counted)
        found: Counter[tuple[str, str, str]] = Counter()
        for (tenant, operation, result), number in counted.items():
            found[operation, result, self._tenants.label(tenant)] += number
        return found


class TenantLabels:
    """Which tenants have a label of their own: the largest when first asked, then who comes; all others are `other`.

    Who has one keeps it, and who has none gets none, or what counts up would go down.
    """

    def __init__(self, most: int = MOST_TENANTS) -> None:
        self._most = most
        self._known: dict[str, str] = {}

    def see(self, tenants: Iterable[str]) -> None:
        """Give labels to these tenants, in this order, while there are any."""
        for tenant in tenants:
            if tenant not in self._known and len(self._known) < self._most:
                self._known[tenant] = tenant

    def label(self, tenant: str) -> str:
        """Return what the tenant is called."""
        return self._known.get(tenant, OTHER)
