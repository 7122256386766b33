"""What can be looked up: counts, addresses, who held them, who bans them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ipv6console.engine.core import Core
from ipv6console.engine.errors import InvalidRequest, NotFound, Unavailable
from ipv6console.engine.protocol import StoreError
from ipv6console.pool.address import format_address
from ipv6console.pool.change import LeaseEnded
from ipv6console.pool.lease import Lease
from ipv6console.pool.mirror import Mirror, Status
from ipv6console.pool.prefix import InvalidPrefix, Standing, covers, parse_prefix
from ipv6console.wire.address import AddressChanges, AddressFilter, AddressPage, AddressRow
from ipv6console.wire.history import HistoryPage, HistoryRow
from ipv6console.wire.reply import MirrorStats, PoolStats
from ipv6console.wire.target import TargetPage

CHANGES_AT_ONCE = 2_000
_LOWEST_RANK = 100_000
"""How far down the list of targets a cursor may point: every page counts all above it anew."""

_STATES = {"idle": (Status.IDLE,), "using": (Status.USING, Status.RESTING), "bad": (Status.BAD,)}


class Records:
    """Answers questions about the pool's present and past; changes nothing but what the older contract has a question change."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def addresses(self, wanted: AddressFilter, cursor: str | None, limit: int) -> AddressPage:
        """Return addresses in pages; `cursor` is the `next` of the page before."""
        table, after = self._core.pool.table, _number(cursor)
        if wanted == AddressFilter():
            rows, total = table.rows_after(after), table.live
        else:
            rows, total = self._matching(wanted, after)
        window = list(islice(rows, limit + 1))
        return AddressPage(
            addresses=self._rows(window[:limit]),
            total=total,
            next=str(window[limit - 1]) if len(window) > limit else None,
        )

    def changes(self, since: int | None) -> AddressChanges:
        """Return what became of addresses after number `since`, with None only the number to start from.

        Who asks is a follower for the next minute; nothing is remembered for those who ask less often.
        """
        table = self._core.pool.table
        table.trail.follow(self._core.clock.now())
        if since is None:
            return AddressChanges(seq=table.trail.seq, rows=(), gone=(), missed=False)
        steps = table.trail.after(since, CHANGES_AT_ONCE)
        if steps is None:
            return AddressChanges(seq=table.trail.seq, rows=(), gone=(), missed=True)
        left = (table.address(row) for row in steps.rows if not table.alive(row))
        return AddressChanges(
            seq=steps.seq,
            rows=self._rows([row for row in steps.rows if table.alive(row)]),
            gone=tuple(format_address(address) for address in left if table.find(address) is None),
            missed=False,
        )

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

    def _matching(self, wanted: AddressFilter, after: int) -> tuple[Iterator[int], int]:
        """Return the rows above `after` that fit, oldest first, and how many fit in all.

        No more of the pool is walked through than has to be: picks wait meanwhile.
        """
        table = self._core.pool.table
        place = None if wanted.prefix is None else parsed_prefix(wanted.prefix)
        statuses = _STATES.get(wanted.state or "")
        if wanted.state is not None and (statuses is None or wanted.dbname is None):
            raise InvalidRequest(
                "a state is idle, using or bad in one mirror", next="give dbname and state=idle, using or bad"
            )
        mirror = None if wanted.dbname is None else self._mirror(wanted.dbname)
        if mirror is None or statuses == (Status.IDLE,):
            used = set() if mirror is None else set(mirror.touched())
            if place is None:
                return (row for row in table.rows_after(after) if row not in used), table.live - len(used)
            found = [row for row in table.rows_within(*place) if row not in used]
        else:
            found = sorted(
                row
                for row in set(mirror.touched())
                if (statuses is None or mirror.status(row) in statuses)
                and (place is None or covers(*place, table.address(row)))
            )
        return (row for row in found if row > after), len(found)

    def _mirror(self, name: str) -> Mirror:
        mirror = self._core.known_mirror(name)
        if mirror is None:
            raise NotFound(f"there is no mirror {name}", next="see GET /stats for those there are")
        return mirror

    def _rows(self, rows: Sequence[int]) -> tuple[AddressRow, ...]:
        pool = self._core.pool
        wanted = set(rows)
        leased = _Named()
        bad = _Named()
        retry: dict[int, float] = {}
        uses = dict.fromkeys(rows, 0)
        last = dict.fromkeys(rows, 0)
        for mirror in pool.mirrors.values():
            if not mirror.tally:
                continue
            leased.add(mirror.name, wanted & mirror.leases.keys())
            spoilt = wanted & mirror.bad.keys()
            bad.add(mirror.name, spoilt)
            for row in spoilt:
                retry[row] = min(mirror.bad[row], retry.get(row, math.inf))
            for row in rows:
                count = mirror.tally.uses(row)
                if count:
                    uses[row] += count
                    last[row] = max(last[row], mirror.tally.last(row))
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
