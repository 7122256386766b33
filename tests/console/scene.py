"""A scripted engine for the console's tests: seeded documents, a clock that stands still, acts that are recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network

from ipv6console.console.app import ConsoleApp
from ipv6console.console.source import Frame, Joined, LossKind, Lost, Refused
from ipv6console.wire.address import AddressChanges, AddressPage, AddressRow
from ipv6console.wire.delta import difference
from ipv6console.wire.doctor import DoctorReport, DoctorStep
from ipv6console.wire.event import EVERY_EVENT, Event, EventFilter, EventLevel, EventPage
from ipv6console.wire.frame import DeltaFrame, EventsFrame, StateFrame
from ipv6console.wire.history import HistoryPage, HistoryRow
from ipv6console.wire.lease import LeasePage, LeaseRow
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.notify import NotifyTested
from ipv6console.wire.plan import Applied, ApplyRequest, Plan, PlanAction, PlanRequest
from ipv6console.wire.prefix import PrefixMoment, PrefixStory, PrefixTurn
from ipv6console.wire.reply import ResetReply, SpawnsReply
from ipv6console.wire.rewind import RewindSpan
from ipv6console.wire.space import BindingPage, BindingReleased, BindingRow
from ipv6console.wire.state import (
    CheckUrl,
    EngineState,
    MirrorRow,
    NdpRow,
    PoolState,
    PrefixRow,
    PrefixState,
    State,
    StoreState,
)
from ipv6console.wire.status import Finding, Level, Stamp
from ipv6console.wire.subscriber import (
    LifecycleHistory,
    LifecycleStep,
    OutboxPage,
    OutboxRow,
    SubscriberPage,
    SubscriberRow,
)
from ipv6console.wire.target import TargetPage, TargetRow

NOW = 1_790_000_000.0
PREFIX = "2001:db8:0:1::/64"
SOCKET = "/run/ipv6console/engine.sock"
KEPT = 1_800.0
NO_PRIVILEGE = Finding(
    subject="privilege",
    level=Level.WARN,
    text="without CAP_NET_ADMIN routes and NDP cannot be set up from here",
    fix="sudo ipv6console net apply",
)


def stamp(source: str = "engine", age: float = 0.0) -> Stamp:
    return Stamp(NOW - age, source)


def prefix_row(prefix: str = PREFIX, **changes: object) -> PrefixRow:
    row = PrefixRow(
        stamp=stamp("netlink", 2.0),
        id=1,
        prefix=prefix,
        interface="eth0",
        source="interface",
        state=PrefixState.ACTIVE,
        preferred_until=NOW + 86_390.0,
        valid_until=NOW + 2_591_990.0,
        first_seen=NOW - 7_300.0,
        changed_at=NOW - 7_300.0,
        strategy="ndppd",
        route=Level.OK,
        ndp=Level.OK,
        text="local route on lo, 3 neighbours excluded",
        addresses=1_024,
        leased=23,
    )
    return replace(row, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def ndp_row(**changes: object) -> NdpRow:
    row = NdpRow(
        stamp=stamp("/proc", 1.0),
        prefix=PREFIX,
        interface="eth0",
        strategy="ndppd",
        why="neighbours ask for addresses of the prefix, so it is on-link",
        level=Level.OK,
        text="answers for the prefix",
        fix=None,
        pid=812,
        started_at=NOW - 7_290.0,
        restarts=0,
        cpu=0.003,
        config="/run/ipv6console/ndppd.conf",
    )
    return replace(row, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def responder_row(**changes: object) -> NdpRow:
    row = ndp_row(
        strategy="responder", text="answers for 1,024 addresses", config=None, pid=844, cpu=0.001, solicited=20_480,
        answered=20_311,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type] # the tests name fields of the row


INBOUND = Finding(
    subject="firewall",
    level=Level.WARN,
    text="nft is not installed; services of this host answer new connections on all pool addresses",
    fix="apt-get install -y nftables",
)


def mirror_row(name: str, using: int = 0, bad: int = 0, total: int = 1_024, **changes: object) -> MirrorRow:
    row = MirrorRow(
        stamp=stamp(),
        name=name,
        total=total,
        idle=total - using - bad,
        using=using,
        bad=bad,
        draining=False,
        picks=4_120,
        reports=4_100,
        bans=bad,
        expired=0,
        picks_per_s=0.0,
        last_pick_at=NOW - 4.0,
        level=Level.OK,
        text="",
    )
    return replace(row, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def state(**changes: object) -> State:
    document = State(
        generation=812,
        at=NOW,
        engine=EngineState(
            stamp=stamp(),
            version="0.1.0",
            pid=801,
            host="edge-1",
            started_at=NOW - 7_320.0,
            role="standalone",
            privileged=True,
            listeners=("127.0.0.1:16000", "[::1]:16000", SOCKET),
            state_dir="/var/lib/ipv6console",
            lab=None,
            watchers=1,
            last_event=9,
            findings=(),
        ),
        prefixes=(prefix_row(),),
        ndp=(ndp_row(),),
        pool=PoolState(
            stamp=stamp(),
            total=1_024,
            usable_num=200,
            idle=412,
            neediest="shop-de",
            leased=23,
            max_total=100_000,
            spawning=4,
            spawned=1_052,
            spawned_per_min=118.0,
            checks_failed=28,
            pace_used=120,
            pace_limit=1_000,
            pace_window=30.0,
            check_urls=(
                CheckUrl(
                    url="https://test.ipw.cn", level=Level.OK, ok=1_052, failed=28, last_ok_at=NOW - 1, last_error=None
                ),
            ),
            level=Level.OK,
            text="",
        ),
        mirrors=(
            mirror_row("news", using=12, bad=3, picks_per_s=31.2),
            mirror_row("prices", using=11, picks_per_s=4.5),
            mirror_row(
                "shop-de", using=0, bad=612, level=Level.WARN, text="its target bans 6 of 10 addresses", bans=655
            ),
            mirror_row("archive", draining=True, last_pick_at=NOW - 4_000),
        ),
        store=StoreState(
            stamp=Stamp(NOW, "store"),
            url="/var/lib/ipv6console/engine.db",
            level=Level.OK,
            text="/var/lib/ipv6console/engine.db",
            queue=0,
            commits=9_120,
            last_commit_ms=0.4,
        ),
    )
    return replace(document, **changes)  # type: ignore[arg-type] # the tests name fields of the document


def calm() -> State:
    """A document in which all is well."""
    full = state()
    return replace(full, mirrors=tuple(row for row in full.mirrors if row.level is Level.OK))


def broken() -> State:
    """ndppd is dead, a renumbering is under way, the pool starves and the engine lacks a privilege."""
    full = state()
    return replace(
        full,
        engine=replace(full.engine, privileged=False, findings=(NO_PRIVILEGE,)),
        prefixes=(
            prefix_row(ndp=Level.FAIL, preferred_until=NOW + 1_200),
            prefix_row(
                "2001:db8:0:9::/64", id=2, state=PrefixState.DRAINING, first_seen=NOW - 90_000, changed_at=NOW - 70, leased=3
            ),
        ),
        ndp=(
            ndp_row(
                level=Level.FAIL, text="ndppd has exited with code 1 and is started again", fix="sudo systemctl stop ndppd",
                restarts=3, pid=None, started_at=None, cpu=None,
            ),
        ),
        pool=replace(
            full.pool, level=Level.FAIL, text="no address is idle: checks fail", idle=0, pace_used=1_000, spawning=0,
            check_urls=(
                CheckUrl(url="https://test.ipw.cn", level=Level.FAIL, ok=3, failed=90, last_ok_at=NOW - 400, last_error="timed out"),
            ),
        ),
    )  # fmt: skip


def empty() -> State:
    """An engine that has just started on a host without a prefix."""
    full = state()
    return replace(
        full,
        prefixes=(),
        ndp=(),
        mirrors=(),
        pool=replace(
            full.pool, total=0, idle=0, neediest=None, leased=0, spawning=0, spawned=0, spawned_per_min=0.0, checks_failed=0,
            pace_used=0, level=Level.FAIL, text="there is no prefix to draw addresses from",
            check_urls=(CheckUrl(url="https://test.ipw.cn", level=Level.UNKNOWN, ok=0, failed=0, last_ok_at=None, last_error=None),),
        ),
    )  # fmt: skip


def events() -> tuple[Event, ...]:
    told: list[tuple[float, EventLevel, str, str, str | None]] = [
        (7_320, EventLevel.INFO, "engine.started", "engine 0.1.0 started, pid 801", None),
        (7_300, EventLevel.INFO, "prefix.appeared", f"prefix {PREFIX} appeared on eth0", None),
        (7_290, EventLevel.INFO, "ndp.started", "ndppd answers for the prefix on eth0, pid 812", None),
        (7_100, EventLevel.INFO, "spawn.batch", "100 addresses spawned, 3 failed their check", "unix pid 812 uid 0"),
        (900, EventLevel.INFO, "mirror.drained", "mirror archive is draining", "unix pid 812 uid 0"),
        (
            240,
            EventLevel.WARNING,
            "mirror.banned",
            "shop-de: 512 of 1,024 addresses are bad, shop.example bans them",
            None,
        ),
        (95, EventLevel.INFO, "lease.expired", "news: 2 leases expired", None),
        (62, EventLevel.ERROR, "ndp.failed", "ndppd exited with code 1", None),
        (61, EventLevel.INFO, "ndp.started", "ndppd answers for the prefix on eth0, pid 844", None),
    ]
    return tuple(
        Event(id=number, at=NOW - ago, level=level, kind=kind, text=text, actor=actor)
        for number, (ago, level, kind, text, actor) in enumerate(told, 1)
    )


def moment(ago: float, turn: PrefixTurn, text: str, leases: int | None = None, **changes: object) -> PrefixMoment:
    entry = PrefixMoment(at=NOW - ago, turn=turn, text=text, leases=leases, actor=None, event=2)
    return replace(entry, **changes)  # type: ignore[arg-type] # the tests name fields of the entry


def story(prefix: str) -> PrefixStory:
    """A prefix that is in use; one that is not the first drains."""
    entries = [moment(7_300, PrefixTurn.SEEN, f"{prefix} on eth0 (interface, on-link)")]
    if prefix != PREFIX:
        told = f"{prefix} on eth0 is deprecated: it drains, its leases may end in peace"
        entries = [replace(entries[0], at=NOW - 90_000), moment(70, PrefixTurn.DEPRECATED, told, 3)]
    return PrefixStory(prefix=prefix, entries=tuple(entries))


_CONFIG = """proxy eth0 {
   router no
   timeout 500
   ttl 30000
   rule 2001:db8:0:1::/64 {
      static
   }
}
"""


def ndp_config(prefix: str, **changes: object) -> NdpConfig:
    path = "/run/ipv6console/ndppd.conf"
    text = "the engine's own ndppd reads this file alone"
    told = NdpConfig(prefix=prefix, strategy="ndppd", path=path, wanted=_CONFIG, found=_CONFIG, diff=(), text=text)
    return replace(told, **changes)  # type: ignore[arg-type] # the tests name fields of the document


class Clock:
    """Monotonic seconds that move only when told to."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class ScriptedSource:
    """A source whose frames are put by the test and whose answers are laid out beforehand."""

    document: State = field(default_factory=state)
    clock: Clock = field(default_factory=Clock)
    asked: list[tuple[str, object]] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    """Taken by whatever is asked next; where pages go on asking, `refused` is sure to meet the one that is meant."""

    refused: dict[str, Refused] = field(default_factory=dict)
    spawned: SpawnsReply | None = None
    gate: asyncio.Event | None = None
    crash: Exception | None = None
    closed: bool = False
    kept: tuple[Event, ...] = ()
    introduced: list[bool] = field(default_factory=list)
    stories: dict[str, PrefixStory] = field(default_factory=dict)
    config: NdpConfig | None = None
    past: dict[int, State] = field(default_factory=dict)
    pool: list[AddressRow] = field(default_factory=list)
    reset_count: int | None = None
    tested: NotifyTested = field(default_factory=lambda: NotifyTested(success=True, results=()))
    changes: list[AddressChanges] = field(default_factory=list)
    people: list[SubscriberRow] = field(default_factory=list)
    steps: dict[str, list[OutboxRow]] = field(default_factory=dict)
    lives: dict[str, tuple[LifecycleStep, ...]] = field(default_factory=dict)
    bound: list[BindingRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._sent_at = self.clock()

    def put(self, *frames: Frame) -> None:
        for frame in frames:
            self._frames.put_nowait(frame)

    def go_live(self, *, told: tuple[Event, ...] = ()) -> None:
        self._sent_at = self.clock()
        self.put(Joined(), StateFrame(state=self.document))
        if told:
            self.put(EventsFrame(events=told))

    def change(self, document: State) -> None:
        """Send the delta to `document`."""
        document = replace(document, generation=self.document.generation + 1)
        self.put(DeltaFrame(delta=difference(self.document, document)))
        self._sent_at = self.clock()
        self.document = document

    def lose(self, **changes: object) -> None:
        loss = Lost(
            text=f"No engine answers at {SOCKET}: Connection refused.",
            next="It is tried again by itself. Start one with: ipv6console serve",
        )
        self.put(replace(loss, **changes))  # type: ignore[arg-type] # the tests name fields of Lost

    def deny(self) -> None:
        self.lose(
            text=f"This user may not open {SOCKET}.",
            next=f"Join the group that owns it (ls -l {SOCKET}), or use sudo.",
            kind=LossKind.DENIED,
        )

    async def frames(self) -> AsyncGenerator[Frame, None]:
        while True:
            frame = await self._frames.get()
            if self.crash is not None:
                raise self.crash
            yield frame
            self._frames.task_done()

    async def taken(self) -> None:
        """Wait until every frame put so far was taken in."""
        await self._frames.join()

    async def _answer(self, name: str, what: object) -> None:
        self.asked.append((name, what))
        if self.gate is not None:
            await self.gate.wait()
        if name in self.refused:
            raise self.refused.pop(name)
        if self.refusals:
            raise self.refusals.pop(0)

    async def state(self) -> State:
        await self._answer("state", None)
        return replace(self.document, at=self.document.at + self.clock() - self._sent_at)

    async def spawn(self, number: int) -> SpawnsReply:
        await self._answer("spawn", number)
        return self.spawned or SpawnsReply(
            success=True,
            addrs=tuple(f"2001:db8:0:1::{index:x}" for index in range(1, number + 1)),
            should_stop=False,
            spawned_count=number,
            requested_count=number,
        )

    async def plan(self, request: PlanRequest) -> Plan:
        number = 1 + sum(name == "plan" for name, _ in self.asked)
        await self._answer("plan", request)
        target = (
            request.dbname
            or request.prefix
            or ("pool" if request.action is PlanAction.FLUSH_POOL else f"{len(request.addrs)} addresses")
        )
        return (
            Plan(
                id=f"p{number}",
                action=request.action,
                target=target,
                generation=811 + number,
                count=1_024 if not request.addrs else len(request.addrs),
                sample=request.addrs or tuple(f"2001:db8:0:1::{index:x}" for index in range(0xA0, 0xAA)),
                leases=23,
                mirrors=("news", "prices"),
                needs_reason=request.action in {PlanAction.REVOKE_ADDRESSES, PlanAction.REVOKE_PREFIX},
                created_at=NOW,
                expires_at=NOW + 60,
            )
            if request.subscriber_id is None and request.instance is None
            else self._lasting(request, number)
        )

    def _lasting(self, request: PlanRequest, number: int) -> Plan:
        """A plan about a subscriber or an instance."""
        steps = {
            PlanAction.SUBSCRIBER_ALLOCATE: ("netbox allocates a /56",),
            PlanAction.SUBSCRIBER_ACTIVATE: ("RADIUS is told with CoA", "then it is active", "netbox marks it active"),
            PlanAction.SUBSCRIBER_REVOKE: (
                "RADIUS ends the session",
                "netbox takes the prefix back",
                "then it is revoked",
            ),
        }
        mine = [row for row in self.bound if (row.space, row.instance) == (request.space, request.instance)]
        return Plan(
            id=f"p{number}", action=request.action, target=request.subscriber_id or f"{request.instance} in {request.space}",
            generation=811 + number, count=len(mine) if request.instance else 1,
            sample=tuple(row.address for row in mine[:20]), leases=0, mirrors=(),
            needs_reason=request.action is PlanAction.SUBSCRIBER_REVOKE, created_at=NOW, expires_at=NOW + 300,
            steps=steps.get(request.action, ()),
        )  # fmt: skip

    async def apply(self, request: ApplyRequest) -> Applied:
        await self._answer("apply", request)
        planned = next(what for name, what in reversed(self.asked) if name == "plan")
        assert isinstance(planned, PlanRequest)
        if planned.subscriber_id is not None or planned.instance is not None:
            made = self._lasting(planned, 1)
            return Applied(plan=request.plan, action=made.action, target=made.target, count=made.count, leases_ended=0)
        target = planned.dbname or planned.prefix or "pool"
        return Applied(plan=request.plan, action=planned.action, target=target, count=1_024, leases_ended=23)

    async def drain_mirror(self, dbname: str, draining: bool) -> MirrorRow:
        await self._answer("drain_mirror", (dbname, draining))
        return mirror_row(dbname, draining=draining)

    async def drain_prefix(self, prefix: str, draining: bool) -> PrefixRow:
        await self._answer("drain_prefix", (prefix, draining))
        return prefix_row(prefix, state=PrefixState.DRAINING if draining else PrefixState.ACTIVE)

    async def doctor(self, prefix: str | None) -> DoctorReport:
        await self._answer("doctor", prefix)
        return DoctorReport(
            at=NOW,
            prefix=prefix,
            interface="eth0",
            verdict="not usable",
            steps=(
                DoctorStep(name="interface", level=Level.OK, text="eth0 is up", evidence=("mtu 1500, state UP",)),
                DoctorStep(name="prefix", level=Level.OK, text=f"{PREFIX} preferred for 23 h 59 m"),
                DoctorStep(
                    name="route", level=Level.FAIL, text="no local route for the prefix",
                    evidence=("ip -6 route show table local: no entry",), fix=f"ip -6 route replace local {PREFIX} dev lo",
                ),
                DoctorStep(
                    name="inbound", level=Level.WARN, text="services of this host answer on every address of the prefix",
                    evidence=("nftables table `ipv6console`: missing",), fix="nft -f /run/ipv6console/guard.nft",
                ),
                DoctorStep(name="echo", level=Level.UNKNOWN, text="not tried: the route is missing"),
            ),
        )  # fmt: skip

    async def mirror_settings(self, dbname: str) -> MirrorSettings:
        await self._answer("mirror_settings", dbname)
        return MirrorSettings(usable_num=300, lease_ttl=900.0, max_leases_per_64=0)

    async def targets(self, dbname: str, limit: int) -> TargetPage:
        await self._answer("targets", dbname)
        return TargetPage(targets=(
            TargetRow(
                dbname=dbname, target="shop.example", bans=654, addresses=612, last_at=NOW - 4, last_reason="HTTP 403",
            ),
            TargetRow(dbname=dbname, target="cdn.example", bans=1, addresses=1, last_at=NOW - 7_000, last_reason=None),
        ))  # fmt: skip

    async def leases(self, dbname: str, limit: int) -> LeasePage:
        await self._answer("leases", dbname)
        holders = ("unix pid 4711 uid 1000 (python3 scraper.py)", "nightly", "tcp 127.0.0.1")
        rows = tuple(
            LeaseRow(
                addr=f"2001:db8:0:1:5:{index:x}:1:9", dbname=dbname, holder=holder, leased_at=NOW - 12 * (index + 1),
                expires_at=NOW + 3_000 + index,
            )
            for index, holder in enumerate(holders)
        )  # fmt: skip
        return LeasePage(leases=rows, total=23, next="3")

    async def history(self, addr: str, limit: int) -> HistoryPage:
        await self._answer("history", addr)
        if addr.endswith("::dead"):
            return HistoryPage(entries=())
        rows = (
            (NOW - 12, None, None, None, None),
            (NOW - 9_000, NOW - 8_000, "bad", "shop.example", "HTTP 403"),
            (NOW - 90_000, NOW - 86_400, "expired", None, None),
        )
        return HistoryPage(entries=tuple(
            HistoryRow(
                addr=addr, dbname="shop-de", holder="unix pid 4711 uid 1000 (python3 scraper.py)", since=since,
                until=until, verdict=verdict, target=target, reason=reason,
            )
            for since, until, verdict, target, reason in rows
        ))  # fmt: skip

    async def addresses(self, cursor: str | None, limit: int) -> AddressPage:
        await self._answer("addresses", (cursor, limit))
        start = int(cursor or 0)
        rows = tuple(self.pool[start : start + limit])
        after = str(start + limit) if start + limit < len(self.pool) else None
        return AddressPage(addresses=rows, total=len(self.pool), next=after)

    async def address_changes(self, since: int | None) -> AddressChanges:
        await self._answer("address_changes", since)
        if since is None or not self.changes:
            return AddressChanges(seq=since or 0, rows=(), gone=(), missed=False)
        return self.changes.pop(0)

    async def lease_page(self, dbname: str | None, cursor: str | None, limit: int) -> LeasePage:
        await self._answer("lease_page", (dbname, cursor, limit))
        return await self._leased(dbname or "shop-de")

    async def _leased(self, dbname: str) -> LeasePage:
        holders = ("unix pid 4711 uid 1000 (python3 scraper.py)", "nightly", "tcp 127.0.0.1")
        rows = tuple(
            LeaseRow(
                addr=f"2001:db8:0:1:5:{index:x}:1:9", dbname=dbname, holder=holder, leased_at=NOW - 12 * (index + 1),
                expires_at=NOW + 3_000 + index,
            )
            for index, holder in enumerate(holders)
        )  # fmt: skip
        return LeasePage(leases=rows, total=len(rows), next=None)

    async def reset(self, dbname: str, addrs: tuple[str, ...]) -> ResetReply:
        await self._answer("reset", (dbname, addrs))
        return ResetReply(
            success=True,
            dbname=dbname,
            reset_count=len(addrs) if self.reset_count is None else self.reset_count,
            total_count=len(addrs),
        )

    async def events(
        self, since: int = 0, limit: int = 100, wanted: EventFilter | None = None, *, before: int | None = None
    ) -> EventPage:
        await self._answer("events", (since, limit, wanted, before))
        known = self.kept or events()
        found = [
            event
            for event in known
            if event.id > since and (before is None or event.id < before) and (wanted or EVERY_EVENT).wants(event)
        ]
        chosen = found[:limit] if before is None else found[-limit:]
        return EventPage(events=tuple(chosen), last=known[-1].id)

    async def state_at(self, at: float) -> State:
        await self._answer("state_at", at)
        if self.document.at - at > KEPT:
            raise Refused("Nothing that old is kept.", kind="not-found", title="Not found")
        return self.past.get(round(at), replace(self.document, at=float(round(at))))

    async def rewind(self) -> RewindSpan:
        await self._answer("rewind", None)
        return RewindSpan(oldest=self.document.at - KEPT, newest=self.document.at, kept=int(KEPT))

    async def prefix_story(self, prefix: str) -> PrefixStory:
        await self._answer("prefix_story", prefix)
        return self.stories.get(prefix) or story(prefix)

    async def ndp_config(self, prefix: str) -> NdpConfig:
        await self._answer("ndp_config", prefix)
        return self.config or ndp_config(prefix)

    def introduce(self, *, read_only: bool) -> None:
        self.introduced.append(read_only)

    async def reset_all(self, dbname: str) -> ResetReply:
        await self._answer("reset_all", dbname)
        return ResetReply(
            success=True, dbname=dbname, reset_count=612 if self.reset_count is None else self.reset_count
        )

    async def notify_test(self) -> NotifyTested:
        await self._answer("notify_test", None)
        return self.tested

    async def subscribers(
        self, *, state: str | None, text: str | None, cursor: str | None, limit: int
    ) -> SubscriberPage:
        await self._answer("subscribers", (state, text, cursor, limit))
        found = [
            row
            for row in self.people
            if (state is None or row.state == state)
            and (
                text is None or any(text in part for part in (row.subscriber_id, row.username or "", row.prefix or ""))
            )
        ]
        start = int(cursor or 0)
        after = str(start + limit) if start + limit < len(found) else None
        return SubscriberPage(subscribers=tuple(found[start : start + limit]), total=len(found), next=after)

    async def subscriber_history(self, tenant: str, subscriber_id: str, limit: int) -> LifecycleHistory:
        await self._answer("subscriber_history", (tenant, subscriber_id))
        steps = self.lives.get(subscriber_id, ())
        return LifecycleHistory(tenant=tenant, subscriber_id=subscriber_id, steps=steps)

    async def outbox(self, tenant: str, subscriber_id: str, limit: int) -> OutboxPage:
        await self._answer("outbox", (tenant, subscriber_id))
        found = tuple(self.steps.get(subscriber_id, ()))
        return OutboxPage(steps=found, total=len(found), next=None)

    def _step(self, step: str) -> OutboxRow:
        return next(row for rows in self.steps.values() for row in rows if row.id == step)

    async def retry_step(self, step: str) -> OutboxRow:
        await self._answer("retry_step", step)
        return self._step(step)

    async def cancel_step(self, step: str, reason: str) -> OutboxRow:
        await self._answer("cancel_step", (step, reason))
        return replace(self._step(step), state="cancelled", reason=reason)

    async def bindings(self, *, address: str | None, text: str | None, cursor: str | None, limit: int) -> BindingPage:
        await self._answer("bindings", (address, text, cursor, limit))
        found = [
            row
            for row in self.bound
            if (address is None or ip_address(row.address) in ip_network(address))
            and (
                text is None
                or any(text in part for part in (row.address, row.instance, row.id, row.resource, *row.tags))
            )
        ]
        start = int(cursor or 0)
        after = str(start + limit) if start + limit < len(found) else None
        return BindingPage(bindings=tuple(found[start : start + limit]), total=len(found), next=after)

    async def release_binding(self, space: str, address: str) -> BindingReleased:
        await self._answer("release_binding", (space, address))
        return BindingReleased(count=1, sample=())

    async def close(self) -> None:
        self.closed = True


@dataclass
class RecordedOwner:
    """An engine child that only remembers what it was told."""

    told: list[str] = field(default_factory=list)
    failure: str | None = None

    def leave_running(self) -> None:
        self.told.append("leave_running")

    def stop(self) -> None:
        self.told.append("stop")


def console(source: ScriptedSource, clock: Clock | None = None, **options: object) -> ConsoleApp:
    from datetime import UTC

    given: dict[str, object] = {"label": "LOCAL", "target": SOCKET, "clock": clock or Clock(), "zone": UTC, **options}
    return ConsoleApp(source, **given)  # type: ignore[arg-type] # the tests name options of the app
