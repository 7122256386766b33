"""What scrapers ask for: pick, report, renew, release, reset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from math import isfinite
from typing import cast

from ipv6console.engine.core import Core
from ipv6console.engine.decision import Decision, Wish, check_ttl, host_of, picked, several_picked
from ipv6console.engine.errors import InvalidRequest, NotFound, Refusal
from ipv6console.engine.protocol import StoreError
from ipv6console.engine.report import ReportItem
from ipv6console.engine.unheard import Unheard, lives
from ipv6console.engine.waiting import WaitingRoom
from ipv6console.pool.address import format_address
from ipv6console.pool.change import Change
from ipv6console.pool.lease import Lease, NotLeased, locate_token
from ipv6console.pool.mirror import Mirror, Status
from ipv6console.pool.pool import Pool
from ipv6console.pool.prefix import Standing
from ipv6console.wire.lease import LeasePage, LeaseRow
from ipv6console.wire.reply import LeaseReply, PickReply, PicksReply, Reply, ResetReply

LONGEST_WAIT = 300.0
_VERDICTS = {"idle": Status.IDLE, "using": Status.USING, "bad": Status.BAD}


class Leasing:
    """Leases and verdicts; every answer is given after its change was committed."""

    def __init__(self, core: Core) -> None:
        self._unheard = Unheard(core)
        self.room = WaitingRoom(core, self._unheard)
        self._core = core

    async def pick(self, wish: Wish, wait: float | None) -> PickReply:
        """Lease one address, waiting for it up to `wait` seconds behind those who wait already, or say why not."""
        seconds = _checked_wait(wait)
        decision = self.decide_pick(wish)
        await self._carry_out(decision._replace(pick=not seconds))
        if not decision.leases and seconds:
            leases = await self._wait(wish, seconds)
            return picked(leases[0]) if leases else self._nothing(wish)
        return cast("PickReply", decision.reply())

    async def picks(self, wish: Wish, count: int) -> PicksReply:
        """Lease up to `count` addresses."""
        decision = self.decide_picks(wish, count)
        await self._carry_out(decision)
        return cast("PicksReply", decision.reply())

    async def report(self, dbname: str, items: Sequence[ReportItem]) -> Reply:
        """End or renew leases with a verdict; what a report is not entitled to is left as it is, and said."""
        decision = self.decide_report(dbname, items)
        await self._carry_out(decision)
        return cast("Reply", decision.reply())

    def decide_pick(self, wish: Wish) -> Decision:
        """Lease one address if there is one."""
        now = self._core.clock.now()
        leases, changes = self._lease(wish, 1, now)
        reply = partial(picked, leases[0]) if leases else partial(self._nothing, wish)
        return Decision(now, changes, leases, reply, True)

    def decide_picks(self, wish: Wish, count: int) -> Decision:
        """Lease up to `count` addresses."""
        now = self._core.clock.now()
        leases, changes = self._lease(wish, count, now)

        def reply() -> PicksReply:
            detail = None if len(leases) == count else self.shortage(wish.dbname, wish.host)
            return several_picked(wish.dbname, leases, detail)

        return Decision(now, changes, leases, reply)

    def decide_report(self, dbname: str, items: Sequence[ReportItem]) -> Decision:
        """End or renew leases with a verdict; raises InvalidRequest."""
        core = self._core
        mirror = core.known_mirror(dbname)
        judged = [(core.address(item.addr), _verdict(item.status), item) for item in items]
        pool, now = core.working(), core.clock.now()
        changes: list[Change] = []
        complaints: list[str] = []
        for address, verdict, item in judged:
            try:
                lease = self._held(mirror, dbname, address, item.lease)
            except NotLeased as error:
                complaints.append(f"{item.addr}: {self._lost(address) or error}")
                continue
            if verdict is Status.USING:
                changes.append(pool.renew(lease, now))
                continue
            changes.extend(pool.end(lease, verdict, now, target=host_of(item.target), reason=item.reason))
            if verdict is Status.BAD:
                core.journal.ban(dbname)
        return Decision(now, changes, (), partial(_reported, dbname, complaints))

    def carry_out(self, decision: Decision, done: Callable[[Refusal | None], None]) -> None:
        """Commit what was decided and call `done` then, with a Refusal when it could not be; raises Unavailable."""
        self._core.submit(decision.changes, partial(self._settled, decision, done))

    def give_up(self, decision: Decision) -> None:
        """End the leases that were made for somebody who is gone."""
        if decision.leases:
            self._unheard.end(decision.leases)

    async def renew(self, token: str, ttl: float | None) -> LeaseReply:
        """Let the token's lease run on; raises NotFound when it has ended."""
        lease, now = self._find(token), self._core.clock.now()
        if ttl is not None:
            check_ttl(ttl)
        change = self._core.working().renew(lease, now, ttl)
        await self._core.commit(change)
        return _reply(lease, now)

    async def release(self, token: str, status: str) -> LeaseReply:
        """End the token's lease with a verdict (idle or bad); raises NotFound when it has ended."""
        verdict = _verdict(status)
        if verdict is Status.USING:
            raise InvalidRequest("a release says idle or bad", next="to keep the lease, renew it")
        lease, now = self._find(token), self._core.clock.now()
        changes = self._core.working().end(lease, verdict, now)
        if verdict is Status.BAD:
            self._core.journal.ban(lease.mirror)
        await self._core.commit(*changes)
        self._core.changed.set()
        return _reply(lease, now)

    async def reset(self, dbname: str, addrs: Sequence[str] | None) -> ResetReply:
        """Make addresses idle again that are bad, rest, or are leased without an owner; None means all of them."""
        core = self._core
        mirror = core.known_mirror(dbname)
        pool, now = core.working(), core.clock.now()
        rows = self._resettable(mirror) if addrs is None else [pool.table.find(core.address(addr)) for addr in addrs]
        changes: list[Change] = []
        freed = 0
        for row in dict.fromkeys(rows):
            if mirror is None or row is None:
                continue
            try:
                done = pool.reset(mirror, row, now)
            except NotLeased:
                # An owned lease is somebody else's: it is left alone, and the count says so.
                continue
            changes.extend(done)
            freed += bool(done)
        await core.commit(*changes)
        core.changed.set()
        return ResetReply(
            success=bool(freed),
            dbname=dbname,
            reset_count=freed,
            total_count=None if addrs is None else len(addrs),
        )

    def leases(self, dbname: str | None, cursor: str | None, limit: int) -> LeasePage:
        """Return live leases of one mirror or all, in pages; `cursor` is the `next` of the page before."""
        pool = self._core.pool
        if dbname is not None and self._core.known_mirror(dbname) is None:
            raise NotFound(f"there is no mirror {dbname}", next="see GET /stats for those there are")
        mirrors = [pool.mirrors[name] for name in sorted(pool.mirrors) if dbname in (None, name)]
        after = _cursor(cursor)
        found = ((mirror, row) for mirror in mirrors for row in sorted(mirror.leases) if (mirror.name, row) > after)
        window = list(islice(found, limit + 1))
        rows = tuple(_row(mirror.leases[row]) for mirror, row in window[:limit])
        last = window[limit - 1] if len(window) > limit else None
        return LeasePage(
            leases=rows,
            total=sum(len(mirror.leases) for mirror in mirrors),
            next=f"{last[0].name}:{last[1]}" if last else None,
        )

    def shortage(self, dbname: str, host: str | None = None) -> str:
        """Return why the mirror has nothing to give for `host` (None is any), and what helps."""
        pool = self._core.pool
        mirror = pool.mirrors[dbname]
        if mirror.draining:
            return f"mirror {dbname} is draining; undrain it to pick again"
        closed = _closed(pool)
        if closed is not None:
            return closed
        count = mirror.count()
        if count.idle and self.room.occupied(dbname, host):
            return f"others wait for an address of {dbname}; wait behind them with wait=SECONDS"
        if count.idle:
            crowded = f"every /64 has as many leases in {dbname} as max_leases_per_64 allows"
            since = f"all addresses were taken in {dbname} at that moment, and some are idle again"
            return f"{crowded if mirror.custom.crowd(pool.limits) else since}; try again"
        if count.total == 0:
            return "the pool is empty and being filled; try again, `ipv6console status` shows how far it is"
        return _taken(mirror, host)

    def _lease(self, wish: Wish, count: int, now: float) -> tuple[list[Lease], list[Change]]:
        core = self._core
        mirror, made = core.mirror(wish.dbname)
        pool = core.pool
        leases: list[Lease] = []
        changes: list[Change] = [] if made is None else [made]
        count = 0 if self.room.occupied(wish.dbname, wish.host) else count
        while len(leases) < count and (leased := wish.take(pool, mirror, now)):
            leases.append(leased[0])
            changes.append(leased[1])
        return leases, changes

    def _nothing(self, wish: Wish) -> PickReply:
        return PickReply(success=False, addr=None, dbname=wish.dbname, detail=self.shortage(wish.dbname, wish.host))

    async def _carry_out(self, decision: Decision) -> None:
        await self._write(decision.leases, decision.changes)
        core = self._core
        if decision.pick:
            core.traffic.picks.observe(core.clock.now() - decision.since)
        self._stir()

    def _settled(self, decision: Decision, done: Callable[[Refusal | None], None], error: StoreError | None) -> None:
        core = self._core
        if error is None:
            took = core.clock.now() - decision.since
            core.traffic.commits.observe(took)
            if decision.pick:
                core.traffic.picks.observe(took)
            self._stir()
            done(None)
        else:
            done(core.refused(error))

    def _stir(self) -> None:
        if self.room.empty:
            # Nobody waits for what was given back, and whoever keeps the pool filled has time.
            self._core.changed.set_soon()
        else:
            self._core.changed.set()

    async def _write(self, leases: Sequence[Lease], changes: Sequence[Change]) -> None:
        try:
            await self._core.commit(*changes)
        except asyncio.CancelledError:
            # The caller went away while its leases were being written: nobody knows the tokens to end them with.
            await self._unheard.give_back(leases)
            raise

    async def _wait(self, wish: Wish, seconds: float) -> list[Lease]:
        core = self._core

        def take() -> tuple[Lease, Change] | None:
            pool = core.working()
            mirror = pool.mirrors.get(wish.dbname)
            return wish.take(pool, mirror, core.clock.now()) if mirror else None

        leased = await self.room.wait(wish.dbname, seconds, take, wish.host)
        # Between its turn and this step a flush may have ended it, and its row must not be written anew.
        if leased is None or not lives(core.working(), leased[0]):
            return []
        await self._write([leased[0]], [leased[1]])
        return [leased[0]]

    def _held(self, mirror: Mirror | None, dbname: str, address: int, token: str | None) -> Lease:
        if mirror is None:
            raise NotLeased(f"nothing was ever picked from mirror {dbname}")
        return self._core.working().held(mirror, address, token, self._core.clock.now())

    def _find(self, token: str) -> Lease:
        pool = self._core.working()
        try:
            return pool.find_lease(token, self._core.clock.now())
        except NotLeased as error:
            place = locate_token(token)
            known = place is not None and place[1] < len(pool.table)
            lost = self._lost(pool.table.address(place[1])) if place and known else None
            raise NotFound(lost or str(error), next="pick again: GET /pick") from error

    def _lost(self, address: int) -> str | None:
        """Return what became of a pool address whose prefix no longer serves."""
        for prefix in self._core.pool.prefixes.values():
            if address in prefix and prefix.standing in (Standing.GONE, Standing.REVOKED):
                return f"the lease is lost: prefix {prefix} is {prefix.standing}; pick again"
        return None

    @staticmethod
    def _resettable(mirror: Mirror | None) -> list[int | None]:
        return [] if mirror is None else list(mirror.touched())


def _verdict(status: str) -> Status:
    verdict = _VERDICTS.get(status)
    if verdict is None:
        raise InvalidRequest(f"{status[:40]!r} is no status", next="report idle, using or bad")
    return verdict


def _closed(pool: Pool) -> str | None:
    """Return why no mirror at all has anything to give, None when that is not so."""
    if pool.severed:
        return f"{pool.severed}, so no answer would come back to any address; picks go on by themselves when it can"
    if not any(prefix.standing is Standing.ACTIVE for prefix in pool.prefixes.values()):
        return "there is no active prefix; `ipv6console doctor` says why"
    return None


def _taken(mirror: Mirror, host: str | None) -> str:
    count = mirror.count()
    told = f"all {count.total} addresses are taken in {mirror.name} ({count.using} using, {count.bad} bad"
    if mirror.hosts is None or not mirror.hosts.spare:
        return f"{told}); try again"
    if host is not None:
        return f"{told}, for {host} too); try again"
    return f"{told}, some of them for some hosts only); name the host they are for with target=HOST, or try again"


def _reported(dbname: str, complaints: Sequence[str]) -> Reply:
    return Reply(success=not complaints, dbname=dbname, detail="; ".join(complaints[:5]) or None)


def _checked_wait(wait: float | None) -> float:
    if wait is not None and not (isfinite(wait) and wait >= 0):
        raise InvalidRequest(f"waiting {wait} seconds has no meaning", next="give a number of seconds, or leave it out")
    return min(wait or 0.0, LONGEST_WAIT)


def _cursor(cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return "", -1
    name, _, row = cursor.rpartition(":")
    if not (name and row.isascii() and row.isdigit()):
        raise InvalidRequest(f"{cursor[:80]!r} is no cursor", next="pass the `next` of the page before as it was")
    return name, int(row)


def _row(lease: Lease) -> LeaseRow:
    return LeaseRow(
        addr=format_address(lease.address),
        dbname=lease.mirror,
        holder=lease.holder,
        process=lease.process,
        leased_at=lease.since,
        expires_at=lease.until,
    )


def _reply(lease: Lease, now: float) -> LeaseReply:
    return LeaseReply(
        success=True,
        addr=format_address(lease.address),
        dbname=lease.mirror,
        expires_at=lease.until,
        ttl=max(0.0, lease.until - now),
    )
