"""What can be looked up: counts, addresses, who held them, who bans them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from itertools import islice

from ipv6console.engine.core import Core
from ipv6console.engine.errors import InvalidRequest, NotFound, Unavailable
from ipv6console.engine.protocol import StoreError
from ipv6console.pool.address import format_address
from ipv6console.pool.change import LeaseEnded
from ipv6console.pool.lease import Lease
from ipv6console.pool.mirror import Mirror, Status
from ipv6console.pool.pool import Pool
from ipv6console.pool.prefix import InvalidPrefix, Standing, covers, parse_prefix
from ipv6console.pool.tally import by_page
from ipv6console.wire.address import AddressChanges, AddressFilter, AddressPage, AddressRow
from ipv6console.wire.history import HistoryPage, HistoryRow
from ipv6console.wire.reply import MirrorStats, PoolStats
from ipv6console.wire.target import TargetPage

CHANGES_AT_ONCE = 2_000
_AT_ONCE = 16_384
"""Rows looked at before picks get in between: about a millisecond of work."""
_MIRRORS_AT_ONCE = 50
"""And so many mirrors: several milliseconds, if all of them have used the same addresses."""
_BREATH = 0.001
_WHOLE = 128
_LOWEST_RANK = 100_000
"""How far down the list of targets a cursor may point: every page counts all above it anew."""

_STATES = {"idle": (Status.IDLE,), "using": (Status.USING, Status.RESTING), "bad": (Status.BAD,)}


class Records:
    """Answers questions about the pool's present and past; changes nothing but what the older contract has a question change."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def addresses(self, wanted: AddressFilter, cursor: str | None, limit: int) -> AddressPage:
        """Return addresses in pages; `cursor` is the `next` of the page before."""
        after = _number(cursor)
        place = None if wanted.prefix is None else parsed_prefix(wanted.prefix)
        statuses = _STATES.get(wanted.state or "")
        if wanted.state is not None and (statuses is None or wanted.dbname is None):
            raise InvalidRequest(
                "a state is idle, using or bad in one mirror", next="give dbname and state=idle, using or bad"
            )
        mirror = None if wanted.dbname is None else self._mirror(wanted.dbname)
        if mirror is not None and statuses != (Status.IDLE,):
            window, total = self._touched(mirror, statuses, place, after, limit)
        elif place is None:
            window, total = self._all(mirror, after, limit)
        else:
            window, total = await self._within(wanted, place, after, limit)
        pool = self._core.pool
        return AddressPage(
            addresses=await self._rows([row for row in window[:limit] if pool.table.alive(row)], pool),
            total=total,
            next=str(window[limit - 1]) if len(window) > limit else None,
        )

    async def changes(self, since: int | None) -> AddressChanges:
        """Return what became of addresses after number `since`, with None only the number to start from.

        Who asks is a follower for the next minute; nothing is remembered for those who ask less often.
        """
        pool = self._core.pool
        table = pool.table
        table.trail.follow(self._core.clock.now())
        if since is None:
            return AddressChanges(seq=table.trail.seq, rows=(), gone=(), missed=False)
        steps = table.trail.after(since, CHANGES_AT_ONCE)
        if steps is None:
            return AddressChanges(seq=table.trail.seq, rows=(), gone=(), missed=True)
        left = (table.address(row) for row in steps.rows if not table.alive(row))
        gone = tuple(format_address(address) for address in left if table.find(address) is None)
        # What changes while they are looked at has a higher number, and is told the next time.
        rows = await self._rows([row for row in steps.rows if table.alive(row)], pool)
        return AddressChanges(seq=steps.seq, rows=rows, gone=gone, missed=False)

    async def history(self, addr: str | None, dbname: str | None, at: float | None, limit: int) -> HistoryPage:
        """Return leases that live and that ended, newest first: of one address, in one mirror, alive at one time."""
        address = None if addr is None else self._core.address(addr)
        if dbname is not None:
            self._core.check_name(dbname)
        try:
            ended = await self._core.store.history(address, dbname, at, limit)
        except StoreError as error:
            raise Unavailable(f"the history cannot be read: {error}", next=error.fix) from error
        living = [
            lease
            for mirror in self._core.pool.mirrors.values()
            if dbname in (None, mirror.name)
            for lease in mirror.leases.values()
            if address in (None, lease.address) and (at is None or lease.since <= at)
        ]
        rows = [*map(_living, living), *map(_past, ended)]
        rows.sort(key=lambda row: row.since, reverse=True)
        return HistoryPage(entries=tuple(rows[:limit]))

    async def targets(self, dbname: str | None, limit: int, cursor: str | None = None) -> TargetPage:
        """Return the hosts named in bad verdicts, the one with most of them first; the cursor is a rank."""
        if dbname is not None:
            self._core.check_name(dbname)
        start = max(_number(cursor, _LOWEST_RANK), 0)
        end = start + limit
        try:
            found = await self._core.store.targets(dbname, end + 1)
        except StoreError as error:
            raise Unavailable(f"the history cannot be read: {error}", next=error.fix) from error
        return TargetPage(targets=found[start:end], next=str(end) if len(found) > end else None)

    def stats(self) -> PoolStats:
        """Return the pool in the older contract's words."""
        pool = self._core.pool
        active = [prefix for prefix in pool.prefixes.values() if prefix.standing is Standing.ACTIVE]
        return PoolStats(
            prefix=str(active[0]) if active else "",
            total_addrs=sum(prefix.live for prefix in active),
            usable_num_target=self._core.settings.pool.usable_num,
            mirrors=tuple(pool.mirrors),
        )

    async def mirror_stats(self, dbname: str) -> MirrorStats:
        """Return one mirror's counters, making the mirror as the older contract does."""
        mirror, made = self._core.mirror(dbname)
        await self._core.commit(made)
        count = mirror.count()
        return MirrorStats(dbname=dbname, total=count.total, idle=count.idle, using=count.using, bad=count.bad)

    def _all(self, mirror: Mirror | None, after: int, limit: int) -> tuple[list[int], int]:
        """Return the first rows above `after`, with a mirror those idle there, and how many there are of them in all."""
        table = self._core.pool.table
        used = set() if mirror is None else set(mirror.touched())
        rows = (row for row in table.rows_after(after) if row not in used)
        return list(islice(rows, limit + 1)), table.live - len(used)

    def _touched(
        self,
        mirror: Mirror,
        statuses: Sequence[Status] | None,
        place: tuple[int, int] | None,
        after: int,
        limit: int,
    ) -> tuple[list[int], int]:
        """Return the first rows above `after` that are not idle in the mirror and fit, and how many fit in all."""
        table = self._core.pool.table
        found = sorted(
            row
            for row in set(mirror.touched())
            if (statuses is None or mirror.status(row) in statuses)
            and (place is None or covers(*place, table.address(row)))
        )
        return list(islice((row for row in found if row > after), limit + 1)), len(found)

    async def _within(
        self, wanted: AddressFilter, place: tuple[int, int], after: int, limit: int
    ) -> tuple[list[int], int]:
        """Return the first rows above `after` in a prefix, with a mirror those idle there, and how many there are in all.

        Everything is walked through to count it, and picks get in between: what changes meanwhile may be told as it was.
        """
        found: list[int] = []
        total, pool = 0, None
        # The pool may be read back from the store meanwhile, and rows have other numbers then.
        while pool is not self._core.pool:
            pool = self._core.pool
            table = pool.table
            mirror = None if wanted.dbname is None else self._mirror(wanted.dbname)
            used = set() if mirror is None else set(mirror.touched())
            if place[1] == _WHOLE:
                one = table.find(place[0])
                found = [] if one is None or one in used or one <= after else [one]
                return found, int(one is not None and one not in used)
            found, total = [], -sum(covers(*place, table.address(row)) for row in used)
            for begin in range(0, len(table), _AT_ONCE):
                rows = list(table.rows_within(*place, begin, begin + _AT_ONCE))
                total += len(rows)
                if len(found) <= limit:
                    found += [row for row in rows if row > after and row not in used]
                # Not 0: a commit's thread gets its turn too when the loop has nothing to do.
                await asyncio.sleep(_BREATH)
        return found[: limit + 1], max(total, 0)

    def _mirror(self, name: str) -> Mirror:
        mirror = self._core.known_mirror(name)
        if mirror is None:
            raise NotFound(f"there is no mirror {name}", next="see GET /stats for those there are")
        return mirror

    async def _rows(self, rows: Sequence[int], pool: Pool) -> tuple[AddressRow, ...]:
        wanted, pages = set(rows), by_page(rows)
        leased = _Named()
        bad = _Named()
        retry: dict[int, float] = {}
        uses = dict.fromkeys(rows, 0)
        last = dict.fromkeys(rows, 0)
        used = [mirror for mirror in pool.mirrors.values() if mirror.tally]
        for number, mirror in enumerate(used, 1):
            if number % _MIRRORS_AT_ONCE == 0:
                await asyncio.sleep(_BREATH)
            leased.add(mirror.name, wanted & mirror.leases.keys())
            spoilt = wanted & mirror.bad.keys()
            bad.add(mirror.name, spoilt)
            for row in spoilt:
                retry[row] = min(mirror.bad[row], retry.get(row, math.inf))
            for row, count, at in mirror.tally.among(pages):
                uses[row] += count
                last[row] = max(last[row], at)
        prefixes = {prefix.id: str(prefix) for prefix in pool.prefixes.values()}
        return tuple(
            AddressRow(
                addr=format_address(pool.table.address(row)),
                prefix=prefixes[pool.table.prefix_id(row)],
                verified_at=float(pool.table.verified_at(row)),
                leased_in=leased.of(row),
                bad_in=bad.of(row),
                last_used_at=float(last[row]) or None,
                uses=uses[row],
                retry_at=retry.get(row),
            )
            for row in rows
        )


class _Named:
    """Names by row, most rows having none."""

    def __init__(self) -> None:
        self._names: dict[int, list[str]] = {}

    def add(self, name: str, rows: Iterable[int]) -> None:
        for row in rows:
            self._names.setdefault(row, []).append(name)

    def of(self, row: int) -> tuple[str, ...]:
        return tuple(self._names.get(row, ()))


def _number(cursor: str | None, most: int = 10**19) -> int:
    if cursor is None:
        return -1
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 20 and int(cursor) <= most):
        raise InvalidRequest(f"{cursor[:80]!r} is no cursor", next="pass the `next` of the page before as it was")
    return int(cursor)


def parsed_prefix(text: str) -> tuple[int, int]:
    """Return network and length of a prefix a caller wrote; raises InvalidRequest."""
    try:
        return parse_prefix(text)
    except InvalidPrefix as error:
        raise InvalidRequest(str(error), next="give it in CIDR form, like 2001:db8:0:1::/64") from error


def _living(lease: Lease) -> HistoryRow:
    return HistoryRow(
        addr=format_address(lease.address),
        dbname=lease.mirror,
        holder=lease.holder,
        since=lease.since,
        until=None,
        verdict=None,
        target=None,
        reason=None,
        process=lease.process,
    )


def _past(ended: LeaseEnded) -> HistoryRow:
    return HistoryRow(
        addr=format_address(ended.address),
        dbname=ended.mirror,
        holder=ended.holder,
        since=ended.since,
        until=ended.until,
        verdict=ended.verdict,
        target=ended.target,
        reason=ended.reason,
        process=ended.process,
    )
