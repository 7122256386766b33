"""The engine: everything a caller may ask, and the tasks that keep it true."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ipv6console.config import Settings
from ipv6console.engine.answering import Answering
from ipv6console.engine.areas import Areas
from ipv6console.engine.assignment import Assignment
from ipv6console.engine.caller import Caller, Grant
from ipv6console.engine.checker import Asks, Checker
from ipv6console.engine.clock import BootClock, Clock
from ipv6console.engine.core import Core
from ipv6console.engine.decision import wish
from ipv6console.engine.document import Document
from ipv6console.engine.echo import Echo
from ipv6console.engine.embedded import registries
from ipv6console.engine.errors import NotFound, Unavailable
from ipv6console.engine.examination import Examination
from ipv6console.engine.external import Registry, SessionControl
from ipv6console.engine.feed import Feed
from ipv6console.engine.health import health_of
from ipv6console.engine.janitor import Janitor
from ipv6console.engine.leaks import LeakFinder
from ipv6console.engine.leasing import Leasing
from ipv6console.engine.lifefigures import LifeMeter
from ipv6console.engine.lifeplan import planners_of
from ipv6console.engine.lookout import Lookout
from ipv6console.engine.moving import Moving
from ipv6console.engine.notifying import Notifying
from ipv6console.engine.operating import Operating
from ipv6console.engine.prefixes import PrefixKeeper
from ipv6console.engine.presence import Attendance
from ipv6console.engine.prober import Prober
from ipv6console.engine.protocol import Carrier, Delegations, Doctor, PrefixWatch, Reach, Store
from ipv6console.engine.records import Records, parsed_prefix
from ipv6console.engine.report import ReportItem
from ipv6console.engine.rewind import Rewind
from ipv6console.engine.spaces import Spaces
from ipv6console.engine.spawner import Spawner
from ipv6console.engine.story import story_of
from ipv6console.engine.subscribers import Subscribers
from ipv6console.engine.tasks import Tasks
from ipv6console.engine.tokens import Tokens
from ipv6console.engine.vigil import Vigil
from ipv6console.pool.prefix import Standing, format_prefix
from ipv6console.quantity import many
from ipv6console.wire.address import AddressChanges, AddressFilter, AddressPage
from ipv6console.wire.delta import Delta
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.event import EVERY_EVENT, EventFilter, EventPage
from ipv6console.wire.health import Health
from ipv6console.wire.history import HistoryPage
from ipv6console.wire.importing import ImportReport, ImportRequest
from ipv6console.wire.lease import LeasePage
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.plan import Applied, ApplyRequest, Plan, PlanAction, PlanRequest
from ipv6console.wire.prefix import PrefixStory
from ipv6console.wire.reply import (
    CheckReply,
    FlushReply,
    LeaseReply,
    MirrorStats,
    PickReply,
    PicksReply,
    PoolStats,
    Reply,
    ResetReply,
    SaveReply,
    SpawnsReply,
)
from ipv6console.wire.state import MirrorRow, PrefixRow, State
from ipv6console.wire.target import TargetPage
from ipv6console.wire.token import TokenCreated, TokenRow


class Engine:
    """Owns the pool. Methods that change something return after the change is durable, or raise Refusal."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        watch: PrefixWatch,
        reach: Reach,
        doctor: Doctor,
        clock: Clock | None = None,
        echo: Asks | None = None,
        state_dir: str = "",
        lab: str | None = None,
        carriers: Sequence[Carrier] = (),
        registry: Registry | None = None,
        sessions: SessionControl | None = None,
        delegations: Sequence[Delegations] = (),
    ) -> None:
        self.settings = settings
        self._watch = watch
        self._reach = reach
        core = self._core = Core(settings, store, clock or BootClock())
        check = settings.check
        self._checker = Checker(echo or Echo(check.timeout), check.urls, core.clock, concurrency=check.concurrency)
        on_link: set[int] = set()
        self._answering = Answering(core, reach)
        self._spawner = Spawner(core, self._checker, self._answering, on_link)
        self._keeper = PrefixKeeper(core, watch, reach, on_link, on_change=self._spawner.start_over)
        self._janitor = Janitor(core, self._checker)
        self.leasing = Leasing(core)
        self._operating = Operating(core)
        self.spaces = Spaces(core)
        self._operating.planners[PlanAction.RELEASE_INSTANCE] = self.spaces.instances
        ipams = registries(registry, self.spaces)
        self.subscribers = Subscribers(core, ipams, sessions)
        self._operating.planners |= planners_of(self.subscribers, settings)
        self.leaks = LeakFinder(core, self.subscribers, ipams, delegations, Areas(settings, self.spaces))
        self._operating.planners[PlanAction.REPAIR_LEAK] = self.leaks
        self.meter = LifeMeter(core, self.subscribers, self.spaces, self.leaks)
        self._examination = Examination(core, self._checker, self._answering, self._spawner, watch=watch, doctor=doctor)
        self._prober = Prober(core, self._checker, self._keeper)
        self._records = Records(core)
        self._tokens = Tokens(core)
        folder = Path(state_dir) if state_dir else None
        self.notifying = Notifying(
            settings.notify, carriers, core.journal, core.clock, folder=folder, holds=self._keeper.holds
        )
        self._vigil = Vigil(core, self._spawner, self._checker)
        self._opened = False
        self._moving = Moving(core, self._checker, self._answering, self._spawner.pace, on_link)
        assignment = Assignment(core, self.spaces, self.subscribers, lambda: self.leaks.count)
        self._lookout = Lookout(core.journal, core.clock, assignment.state)
        self._document = Document(
            core,
            self._keeper,
            self._spawner,
            self._checker,
            privileged=reach.privileged(),
            state_dir=state_dir,
            lab=lab,
            watchers=lambda: self._document.feed.watchers,
            attached=lambda: self.presence.rows,
            notifying=self.notifying,
            assignment=assignment,
        )
        self.presence = Attendance(core.journal, core.clock)
        self.rewind = Rewind(self._document.now)
        self.news = core.journal.feed
        self.traffic = core.traffic
        self._tasks, self._telling = Tasks(core.fall), Tasks(core.fall)
        self._started = False

    @property
    def states(self) -> Feed[Delta]:
        """Deltas of the state document."""
        return self._document.feed

    def stay(self, why: str, fix: str) -> None:
        """Write down why the engine does not make way for a successor."""
        self._core.journal.fail("upgrade.refused", f"the engine goes on as it is: {why}; {fix}", fix=fix)

    def listening(self, listeners: tuple[str, ...]) -> None:
        """Say where callers reach this engine."""
        self._document.listeners = listeners

    async def open(self) -> None:
        """Read what was committed, and touch nothing else yet; `start` does so by itself otherwise."""
        self.notifying.open()
        await self._core.open()
        self._opened = True

    async def start(self) -> None:
        """Start the tasks; returns when the first view of the kernel was taken up."""
        if not self._opened:
            await self.open()
        started = self._core.journal.write("engine.started", "the engine started")
        await self._keeper.take(await self._watch.view())
        # Before the first pick: a cable that was cut meanwhile.
        await self._keeper.look()
        self._tasks.start(
            self._keeper.follow(),
            self._keeper.inspect(),
            self._spawner.run(),
            self._janitor.run(),
            self.spaces.run(),
            self.subscribers.run(),
            self.leaks.run(),
            self._prober.run(),
            self._answering.run(),
            self.leasing.room.run(),
            self._document.run(),
            self.rewind.run(),
            self._vigil.run(),
            self._lookout.run(),
            self._core.journal.mourn(started),
        )
        self._telling.start(self.notifying.run())
        self._started = True
        # A task cancelled before its first step would leave a coroutine nobody ever awaited.
        await asyncio.sleep(0)

    async def stop(self, *, leave: bool = False) -> None:
        """Stop the tasks, remove what was set up on the host, and write and tell what is left to write and tell.

        With `leave` what was set up stays, for a successor that starts now.
        """
        await self._tasks.stop()
        try:
            await (self._reach.leave() if leave else self._reach.withdraw_all())
        except OSError as error:
            self._core.journal.fail("prefix.refused", f"not everything set up could be removed: {error}")
        text = "the engine makes way for its successor; routes and NDP stay" if leave else "the engine stopped"
        self._core.journal.write("engine.stopped", text)
        if self._started:
            await self.notifying.stop()
        await self._telling.stop()
        await self.notifying.close()
        await self._core.close()

    async def pick(
        self,
        dbname: str,
        caller: Caller,
        *,
        ttl: float | None = None,
        holder: str | None = None,
        wait: float | None = None,
        target: str | None = None,
    ) -> PickReply:
        """Lease one address; with `ttl` (seconds) the lease is owned by who holds the token.

        With `wait` (seconds, at most 300) the caller waits its turn when there is none. With `target`, the host it is
        for, also an address that only other hosts ban.
        """
        return await self.leasing.pick(wish(dbname, caller, ttl=ttl, holder=holder, target=target), wait)

    async def picks(
        self,
        dbname: str,
        count: int,
        caller: Caller,
        *,
        ttl: float | None = None,
        holder: str | None = None,
        target: str | None = None,
    ) -> PicksReply:
        """Lease up to `count` addresses, with `target` for that host."""
        return await self.leasing.picks(wish(dbname, caller, ttl=ttl, holder=holder, target=target), count)

    async def report(self, dbname: str, items: Sequence[ReportItem]) -> Reply:
        """End or renew leases with a verdict."""
        return await self.leasing.report(dbname, items)

    async def renew(self, token: str, ttl: float | None) -> LeaseReply:
        """Let a lease run on for `ttl` seconds from now."""
        return await self.leasing.renew(token, ttl)

    async def release(self, token: str, status: str = "idle") -> LeaseReply:
        """End a lease with a verdict, idle or bad."""
        return await self.leasing.release(token, status)

    async def reset(self, dbname: str, addrs: Sequence[str] | None, caller: Caller) -> ResetReply:
        """Make addresses of a mirror idle again; None means all of it."""
        reply = await self.leasing.reset(dbname, addrs)
        if reply.reset_count:
            text = f"{many(reply.reset_count, 'address', 'addresses')} of {dbname} made idle"
            self._core.journal.write("mirror.reset", text, subject=dbname, actor=caller.label)
        return reply

    def leases(self, dbname: str | None, cursor: str | None, limit: int) -> LeasePage:
        """Return live leases in pages."""
        return self.leasing.leases(dbname, cursor, limit)

    async def check(self, addrs: Sequence[str]) -> dict[str, CheckReply]:
        """Prove addresses of the pool's prefixes now, side by side; keys are the texts given."""
        return await self._examination.check(addrs)

    async def spawn(self, count: int, caller: Caller) -> SpawnsReply:
        """Make `count` more verified addresses now."""
        self._core.working()
        reply = await self._spawner.spawn(count)
        text = f"{reply.spawned_count} of {many(count, 'address', 'addresses')} made on request"
        self._core.journal.write("pool.spawn", text, actor=caller.label, count=reply.spawned_count)
        return reply

    async def addresses(self, wanted: AddressFilter, cursor: str | None, limit: int) -> AddressPage:
        """Return addresses of the pool in pages."""
        return await self._records.addresses(wanted, cursor, limit)

    async def address_changes(self, since: int | None) -> AddressChanges:
        """Return what became of addresses after number `since`, with None only the number to start from."""
        return await self._records.changes(since)

    async def prefix_story(self, prefix: str, limit: int) -> PrefixStory:
        """Return the newest `limit` turns in the life of a prefix, as far as its events are kept."""
        return await story_of(self._core.journal, format_prefix(*parsed_prefix(prefix)), limit)

    async def ndp_config(self, prefix: str) -> NdpConfig:
        """Return what NDP wants configured for a prefix of the pool, and what is there; raises NotFound and Unavailable."""
        try:
            config = await self._reach.config(*parsed_prefix(prefix))
        except OSError as error:
            raise Unavailable(
                f"the NDP configuration cannot be read: {error}", next="run ipv6console doctor, which names the cause"
            ) from error
        if config is None:
            raise NotFound(f"{prefix} is not announced from here", next="see GET /state for the prefixes that are")
        return config

    async def history(self, addr: str | None, dbname: str | None, at: float | None, limit: int) -> HistoryPage:
        """Return who held which address, newest first; `at` is unix seconds."""
        return await self._records.history(addr, dbname, at, limit)

    async def targets(self, dbname: str | None, limit: int, cursor: str | None = None) -> TargetPage:
        """Return who bans us."""
        return await self._records.targets(dbname, limit, cursor)

    async def create_token(self, name: str, scope: str, caller: Caller, *, tenant: str | None = None) -> TokenCreated:
        """Make a bearer token, with `tenant` for that tenant's spaces and subscribers alone."""
        return await self._tokens.create(name, scope, caller, tenant=tenant)

    async def revoke_token(self, name: str, caller: Caller) -> TokenRow:
        """End a bearer token."""
        return await self._tokens.revoke(name, caller)

    def tokens(self) -> tuple[TokenRow, ...]:
        """Return every bearer token without its secret."""
        return self._tokens.rows()

    def find_token(self, secret: str) -> Grant | None:
        """Return what the token with this secret gives, None when there is none."""
        return self._tokens.find(secret)

    async def import_pool(self, document: ImportRequest, caller: Caller) -> ImportReport:
        """Take over an older system's pool."""
        return await self._moving.take_over(document, caller)

    def mirror_settings(self, dbname: str) -> MirrorSettings:
        """Return what a mirror does differently; raises NotFound."""
        return self._operating.mirror_settings(dbname)

    async def set_mirror(self, dbname: str, settings: MirrorSettings, caller: Caller) -> MirrorSettings:
        """Give a mirror settings of its own."""
        await self._operating.set_mirror(dbname, settings, caller)
        return self.mirror_settings(dbname)

    async def drain_mirror(self, dbname: str, draining: bool, caller: Caller) -> MirrorRow:
        """Stop or resume handing out in one mirror."""
        mirror = await self._operating.drain_mirror(dbname, draining, caller)
        return next(row for row in self.state().mirrors if row.name == mirror.name)

    async def drain_prefix(self, prefix: str, draining: bool, caller: Caller) -> PrefixRow:
        """Stop or resume handing out from one prefix."""
        if not draining:
            self._keeper.check_resumable(*parsed_prefix(prefix))
        drained = await self._operating.drain_prefix(prefix, draining, caller)
        await self._keeper.settle(drained)
        return next(row for row in self.state().prefixes if row.id == drained.id)

    def plan(self, request: PlanRequest, caller: Caller) -> Plan:
        """Return what an act would do to exactly which set."""
        return self._operating.plan(request, caller)

    async def apply(self, request: ApplyRequest, caller: Caller) -> Applied:
        """Do what was planned, or nothing."""
        applied = await self._operating.apply(request, caller)
        for prefix in [p for p in self._core.pool.prefixes.values() if p.standing is Standing.REVOKED]:
            await self._keeper.settle(prefix)
        return applied

    async def flush(self, dbname: str | None, caller: Caller) -> FlushReply:
        """Forget one mirror's usage, or with None empty the pool; a mirror nobody knows has nothing to forget."""
        if dbname is not None and self._core.known_mirror(dbname) is None:
            detail = f"there is no mirror {dbname}, so there is nothing to forget; GET /stats names those there are"
            return FlushReply(success=False, dbname=dbname, detail=detail)
        await self._operating.flush(dbname, caller)
        return FlushReply(success=True, dbname=dbname)

    async def save(self) -> SaveReply:
        """Bring the database file up to date with its write-ahead log."""
        await self._core.checkpoint()
        return SaveReply(success=True)

    def stats(self) -> PoolStats:
        """Return the pool in the older contract's words."""
        return self._records.stats()

    async def mirror_stats(self, dbname: str) -> MirrorStats:
        """Return one mirror's counters, making the mirror as the older contract does."""
        return await self._records.mirror_stats(dbname)

    def state(self) -> State:
        """Return the state document as it is now."""
        return self._document.now()

    def state_at(self, moment: float) -> State:
        """Return the state document as it was at `moment` (unix seconds); raises NotFound."""
        return self.rewind.past(moment)

    def health(self) -> Health:
        """Return the verdict on the state document."""
        health = health_of(self._document.now())
        return replace(health, hot_requests=self.traffic.hot, framework_requests=self.traffic.framework)

    async def events(
        self, since: int, limit: int, wanted: EventFilter = EVERY_EVENT, *, before: int | None = None
    ) -> EventPage:
        """Return up to `limit` wanted events after number `since`, oldest first; with `before` the newest below it."""
        return await self._core.journal.page(since, limit, wanted, before=before)

    async def examine(self, prefix: str | None) -> DoctorReport:
        """Walk the chain for one prefix of the kernel's, or for the best; raises NotFound."""
        return await self._examination.examine(prefix)

    async def prove(self, source: int) -> tuple[bool, str]:
        """Return whether an echo URL sees `source`, and what was seen, for the doctor."""
        return await self._examination.prove(source)
