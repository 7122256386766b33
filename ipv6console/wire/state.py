"""The state document: everything a screen shows, each part with when and from where it is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ipv6console.wire.presence import AttachedRow
from ipv6console.wire.status import Finding, Level, Stamp


class PrefixState(StrEnum):
    """Where a prefix of the pool stands."""

    ACTIVE = "active"
    DRAINING = "draining"
    GONE = "gone"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """The engine process itself; `notifiers` is how many webhooks and commands are told of faults."""

    stamp: Stamp
    version: str
    pid: int
    host: str
    started_at: float
    role: str
    privileged: bool
    listeners: tuple[str, ...]
    state_dir: str
    lab: str | None
    watchers: int
    last_event: int
    findings: tuple[Finding, ...]
    attached: tuple[AttachedRow, ...] = ()
    notifiers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixRow:
    """One prefix; lifetimes are unix seconds until they end, None when they never do or are not known.

    `weight` is its part of fresh addresses in proportion to the other prefixes' (network.weights).
    """

    stamp: Stamp
    id: int
    prefix: str
    interface: str
    source: str
    state: PrefixState
    preferred_until: float | None
    valid_until: float | None
    first_seen: float
    changed_at: float
    strategy: str
    route: Level
    ndp: Level
    text: str
    addresses: int
    leased: int
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NdpRow:
    """How neighbours learn that this host answers for one prefix, and whether they do.

    `solicited` and `answered` count neighbour solicitations for addresses of the prefix, None where nobody counts them.
    """

    stamp: Stamp
    prefix: str
    interface: str
    strategy: str
    why: str
    level: Level
    text: str
    fix: str | None
    pid: int | None
    started_at: float | None
    restarts: int
    cpu: float | None
    config: str | None
    solicited: int | None = None
    answered: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUrl:
    """One echo URL as the checker judges it; times are unix seconds."""

    url: str
    level: Level
    ok: int
    failed: int
    last_ok_at: float | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """The verified addresses and what keeps them coming; `pace_used` of `pace_limit` fresh on-link addresses."""

    stamp: Stamp
    total: int
    usable_num: int
    idle: int
    neediest: str | None
    leased: int
    max_total: int
    spawning: int
    spawned: int
    spawned_per_min: float
    checks_failed: int
    pace_used: int
    pace_limit: int
    pace_window: float
    check_urls: tuple[CheckUrl, ...]
    level: Level
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorRow:
    """One mirror; idle + using + bad = total. Counters run from the engine's start, the rate is per second."""

    stamp: Stamp
    name: str
    total: int
    idle: int
    using: int
    bad: int
    draining: bool
    picks: int
    reports: int
    bans: int
    expired: int
    picks_per_s: float
    last_pick_at: float | None
    level: Level
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """The database: where it is, what waits to be committed, how long the last commit took (ms)."""

    stamp: Stamp
    url: str
    level: Level
    text: str
    queue: int
    commits: int
    last_commit_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceState:
    """Lasting assignments: how many, how subscribers' prefixes stand, and whether the systems beside ours answer.

    `revision` grows with every change of a space or subscriber, so a list that was read can be seen to be old. `states`
    counts subscribers by state. `pending` steps wait for another system, the oldest since `pending_since`.
    """

    stamp: Stamp
    revision: int
    spaces: int
    bindings: int
    delegations: int
    resting: int
    subscribers: int
    states: dict[str, int]
    pending: int
    pending_since: float | None
    stuck: int
    leaks: int | None
    registry: str
    ipam: Level
    ipam_text: str
    radius: Level
    radius_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The whole document; `generation` grows by one with every delta."""

    generation: int
    at: float
    engine: EngineState
    prefixes: tuple[PrefixRow, ...]
    ndp: tuple[NdpRow, ...]
    pool: PoolState
    mirrors: tuple[MirrorRow, ...]
    store: StoreState
    space: SpaceState | None = None
