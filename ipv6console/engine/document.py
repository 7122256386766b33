"""The state document: built from what the engine knows, told in deltas."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from ipv6console import __version__
from ipv6console.engine.assignment import Assignment
from ipv6console.engine.checker import Checker
from ipv6console.engine.core import Core
from ipv6console.engine.feed import Feed
from ipv6console.engine.health import judge_mirror, judge_pool
from ipv6console.engine.notifying import Notifying
from ipv6console.engine.prefixes import PrefixKeeper
from ipv6console.engine.spawner import Spawner
from ipv6console.pool.mirror import Mirror
from ipv6console.pool.prefix import Prefix, Standing, format_prefix
from ipv6console.pool.share import Shares
from ipv6console.wire.delta import Delta, difference
from ipv6console.wire.presence import AttachedRow
from ipv6console.wire.state import (
    EngineState,
    MirrorRow,
    NdpRow,
    PoolState,
    PrefixRow,
    PrefixState,
    State,
)
from ipv6console.wire.status import Finding, Level, Stamp

TICK = 0.1
GONE_LISTED = 20
_RATE_SECONDS = 5.0


class Document:
    """Builds the document when it is asked for, and ten times a second while somebody watches it."""

    def __init__(
        self,
        core: Core,
        keeper: PrefixKeeper,
        spawner: Spawner,
        checker: Checker,
        *,
        privileged: bool,
        state_dir: str,
        lab: str | None,
        watchers: Callable[[], int],
        attached: Callable[[], tuple[AttachedRow, ...]],
        notifying: Notifying,
        assignment: Assignment,
    ) -> None:
        self.feed: Feed[Delta] = Feed()
        self.listeners: tuple[str, ...] = ()
        self._core = core
        self._keeper = keeper
        self._spawner = spawner
        self._checker = checker
        self._privileged = privileged
        self._state_dir = state_dir
        self._lab = lab
        self._watchers = watchers
        self._attached = attached
        self._notifying = notifying
        self._assignment = assignment
        self._started_at = core.clock.now()
        self._host = socket.gethostname()
        self._rates = _Rates()
        self._shares = Shares(core.settings.network.weights)
        self._latest: State | None = None

    async def run(self) -> None:
        """Publish a delta at every tick at which something changed, until cancelled."""
        while True:
            await self.feed.watched()
            await asyncio.sleep(TICK)
            self.now()

    def now(self) -> State:
        """Return the document as it is; what changed since the last one goes out as a delta first."""
        fresh = self._build()
        latest = self._latest
        if latest is None:
            self._latest = fresh
            return fresh
        delta = difference(latest, replace(fresh, generation=latest.generation + 1))
        if _empty(delta):
            return latest
        self._latest = replace(fresh, generation=delta.generation)
        self.feed.publish(delta)
        return self._latest

    def findings(self) -> tuple[Finding, ...]:
        """Return what concerns the engine itself."""
        findings = [
            *self._core.fallen,
            *self._core.store.findings,
            *self._keeper.findings(),
            *self._notifying.findings(),
        ]
        if not self._privileged:
            findings.append(
                Finding(
                    subject="privilege",
                    level=Level.WARN,
                    text="without CAP_NET_ADMIN routes and NDP cannot be set up from here",
                    fix="sudo ipv6console net apply",
                )
            )
        return tuple(findings)

    def _build(self) -> State:
        core = self._core
        now = core.clock.now()
        # Whole seconds: an age shown to a tenth would make every value a change at every tick.
        stamp = Stamp(float(int(now)), "engine")
        self._rates.sample(now, core.pool.mirrors)
        return State(
            generation=self._latest.generation if self._latest else 1,
            at=now,
            engine=self._engine(stamp),
            prefixes=tuple(self._prefix(prefix, stamp) for prefix in _listed(core.pool.prefixes.values())),
            ndp=self._ndp(),
            pool=self._pool(stamp),
            mirrors=tuple(self._mirror(mirror, stamp) for mirror in core.pool.mirrors.values()),
            store=replace(core.store.status(), stamp=Stamp(stamp.at, "store")),
            space=self._assignment.state(stamp),
        )

    def _engine(self, stamp: Stamp) -> EngineState:
        return EngineState(
            stamp=stamp,
            version=__version__,
            pid=os.getpid(),
            host=self._host,
            started_at=self._started_at,
            role="standalone",
            privileged=self._privileged,
            listeners=self.listeners,
            state_dir=self._state_dir,
            lab=self._lab,
            watchers=self._watchers(),
            last_event=self._core.journal.last,
            findings=self.findings(),
            attached=self._attached(),
            notifiers=self._notifying.count,
        )

    def _prefix(self, prefix: Prefix, stamp: Stamp) -> PrefixRow:
        key = (prefix.network, prefix.length)
        host = self._keeper.host_prefix(*key)
        reach = self._keeper.reachability.get(key)
        view = self._keeper.view
        serving = prefix.standing in (Standing.ACTIVE, Standing.DRAINING)
        return PrefixRow(
            stamp=reach.stamp if reach else view.stamp if view and host else stamp,
            id=prefix.id,
            prefix=format_prefix(*key),
            interface=prefix.interface,
            source=prefix.source,
            state=PrefixState(prefix.standing.value),
            preferred_until=host.preferred_until if host else None,
            valid_until=host.valid_until if host else None,
            first_seen=prefix.first_seen,
            changed_at=prefix.changed_at,
            strategy=reach.ndp.strategy if reach else "",
            route=reach.route if reach else (Level.UNKNOWN if serving else Level.OFF),
            ndp=reach.ndp.level if reach else (Level.UNKNOWN if serving else Level.OFF),
            text=reach.text if reach else "",
            addresses=prefix.live,
            leased=self._core.leased_in(prefix),
            weight=self._shares.weight(prefix),
        )

    def _ndp(self) -> tuple[NdpRow, ...]:
        return tuple(reach.ndp for reach in self._keeper.reachability.values())

    def _pool(self, stamp: Stamp) -> PoolState:
        core, spawner = self._core, self._spawner
        need = spawner.neediest()
        level, text = judge_pool(core, spawner, self._checker)
        return PoolState(
            stamp=stamp,
            total=core.pool.table.live,
            usable_num=need.wanted,
            idle=need.idle,
            neediest=need.name,
            leased=sum(len(mirror.leases) for mirror in core.pool.mirrors.values()),
            max_total=core.settings.pool.max_total,
            spawning=spawner.checking,
            spawned=spawner.spawned,
            spawned_per_min=spawner.per_minute(),
            checks_failed=spawner.failed,
            pace_used=spawner.pace.used,
            pace_limit=spawner.pace.limit,
            pace_window=spawner.pace.window,
            check_urls=self._checker.urls(),
            level=level,
            text=text,
        )

    def _mirror(self, mirror: Mirror, stamp: Stamp) -> MirrorRow:
        count = mirror.count()
        level, text = judge_mirror(mirror, self._core.clock.now(), self._core.pool.severed)
        return MirrorRow(
            stamp=stamp,
            name=mirror.name,
            total=count.total,
            idle=count.idle,
            using=count.using,
            bad=count.bad,
            draining=mirror.draining,
            picks=mirror.picks,
            reports=mirror.reports,
            bans=mirror.bans,
            expired=mirror.expired,
            picks_per_s=self._rates.of(mirror.name),
            last_pick_at=mirror.last_pick_at,
            level=level,
            text=text,
        )


def _listed(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """Leave out what has been gone for longest: an ISP that renumbers daily would make the document grow for good."""
    known = list(prefixes)
    gone = sorted(
        (prefix for prefix in known if prefix.standing is Standing.GONE), key=lambda it: (it.changed_at, it.id)
    )
    left_out = {prefix.id for prefix in gone[:-GONE_LISTED]}
    return [prefix for prefix in known if prefix.id not in left_out]


class _Rates:
    """Picks a second of every mirror, over the last few whole seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, dict[str, int]]] = deque()

    def sample(self, now: float, mirrors: dict[str, Mirror]) -> None:
        if self._samples and now - self._samples[-1][0] < 1.0:
            return
        self._samples.append((now, {name: mirror.picks for name, mirror in mirrors.items()}))
        while len(self._samples) > 2 and now - self._samples[1][0] >= _RATE_SECONDS:
            self._samples.popleft()

    def of(self, name: str) -> float:
        if len(self._samples) < 2:
            return 0.0
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return round(max(0, after.get(name, 0) - before.get(name, 0)) / (end - start), 1)


def _empty(delta: Delta) -> bool:
    return not (
        delta.engine
        or delta.prefixes
        or delta.prefixes_gone
        or delta.ndp is not None
        or delta.pool
        or delta.mirrors
        or delta.mirrors_gone
        or delta.store
        or delta.space
    )
