"""Mirrors: one task's view of the pool, copy-on-write over the shared table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from ipv6console.pool.ban import Ban, Bans
from ipv6console.pool.breaker import Breaker
from ipv6console.pool.change import MirrorRecorded, UsageRecorded
from ipv6console.pool.custom import Custom
from ipv6console.pool.lease import Lease
from ipv6console.pool.table import AddressTable
from ipv6console.pool.tally import Tally
from ipv6console.pool.turn import Turn

_LOOKS = 256


class Status(StrEnum):
    """What an address is in one mirror; a resting one counts as using, somebody may still hold it."""

    IDLE = "idle"
    USING = "using"
    RESTING = "resting"
    BAD = "bad"


_AS_THE_POOL = Custom()

# A member's `value` is looked up anew each time.
_IDLE, _USING, _RESTING, _BAD = (status.value for status in Status)


class Count(NamedTuple):
    """A mirror's counters; idle + using + bad = total."""

    total: int
    idle: int
    using: int
    bad: int


class Mirror:
    """What one task has done with the pool; addresses it never touched cost it nothing.

    `active` is the pool's count of live addresses by id of active prefix, shared with it and kept by it. An address that
    some hosts ban is bad here, but a pick that names another host may have it; `hosts` are the bans, None while there are none.
    """

    __slots__ = (
        "_active",
        "_bad_in",
        "_crowd",
        "_table",
        "_turn",
        "_using_in",
        "bad",
        "bans",
        "breaker",
        "created_at",
        "custom",
        "draining",
        "expired",
        "hosts",
        "id",
        "last_pick_at",
        "leases",
        "name",
        "picks",
        "reports",
        "resting",
        "strikes",
        "tally",
    )

    def __init__(self, id: int, name: str, created_at: float, table: AddressTable, active: dict[int, int]) -> None:  # noqa: A002
        self.id = id
        self.name = name
        self.created_at = created_at
        self.draining = False
        self.custom = _AS_THE_POOL
        self.picks = self.reports = self.bans = self.expired = 0
        self.last_pick_at: float | None = None
        self._table = table
        self._active = active
        self.clear()

    def clear(self) -> None:
        """Forget all usage."""
        self._turn = Turn(self._table, self._active)
        self.tally = Tally()
        self._using_in: dict[int, int] = {}
        self._bad_in: dict[int, int] = {}
        self._crowd: dict[int, int] = {}
        self.breaker = Breaker()
        self.leases: dict[int, Lease] = {}
        self.resting: dict[int, float] = {}
        self.bad: dict[int, float] = {}
        self.strikes: dict[int, int] = {}
        self.hosts: Bans | None = None

    def record(self) -> MirrorRecorded:
        """Return the row to commit."""
        usable_num, lease_ttl, bad_cooldown, crowd, urls = self.custom
        return MirrorRecorded(
            self.id,
            self.name,
            self.created_at,
            self.draining,
            usable_num,
            lease_ttl,
            bad_cooldown,
            crowd,
            " ".join(urls),
        )

    def carry_on(self, earlier: Mirror) -> None:
        """Take over the counters of this mirror's earlier self, when the pool was read back from the store."""
        self.picks, self.reports = earlier.picks, earlier.reports
        self.bans, self.expired = earlier.bans, earlier.expired
        self.last_pick_at = earlier.last_pick_at
        self.breaker = earlier.breaker

    def count(self) -> Count:
        """Return the counters; addresses of a draining prefix count only while they are leased or resting here."""
        using = len(self.leases) + len(self.resting)
        idle = bad = 0
        for prefix_id, live in self._active.items():
            spoilt = self._bad_in.get(prefix_id, 0)
            bad += spoilt
            idle += live - spoilt - self._using_in.get(prefix_id, 0)
        return Count(idle + using + bad, idle, using, bad)

    def held_in(self, prefix_id: int) -> int:
        """Return how many addresses of the prefix are leased or resting here."""
        return self._using_in.get(prefix_id, 0)

    def next_row(self, max_per_64: int = 0, host: str | None = None) -> int | None:
        """Return the row that was released least recently, removing it from those that wait for their turn.

        It is idle, or with `host` one that only other hosts ban. With `max_per_64` rows whose /64 has so many leases here
        go to the end of the queue; after a bounded number of them None is returned.
        """
        if not max_per_64:
            return self._next(host)
        crowded: list[int] = []
        while (row := self._next(host)) is not None and self._crowd.get(self._subnet(row), 0) >= max_per_64:
            crowded.append(row)
            if len(crowded) >= _LOOKS:
                row = None
                break
        for skipped in crowded:
            if self.hosts is not None and skipped in self.bad:
                self.hosts.spare.push(skipped)
            else:
                self._turn.released.push(skipped)
        return row

    def claim(self, row: int, uses: int) -> bool:
        """Take a row that was never picked here out of the idle ones, counting `uses`; False when it was."""
        if not self._turn.claim(row):
            return False
        self.tally.add(row, uses, 0.0)
        return True

    def hold(self, lease: Lease, *, counted: bool = True) -> None:
        """Enter a lease of a row that no longer waits for its turn."""
        row = lease.row
        self._touch(row)
        if row in self.bad:
            self._unspoil(row)
        self.leases[row] = lease
        prefix_id = self._table.prefix_id(row)
        self._using_in[prefix_id] = self._using_in.get(prefix_id, 0) + 1
        subnet = lease.address >> 64
        self._crowd[subnet] = self._crowd.get(subnet, 0) + 1
        if counted:
            self.tally.add(row, 1, lease.since)

    def rest(self, row: int, until: float) -> None:
        """Turn a lease into a rest: nobody gets the address before `until`."""
        del self.leases[row]
        self.resting[row] = until
        self._touch(row)

    def spoil(self, row: int, until: float) -> None:
        """Turn a lease or a rest into a bad verdict for every host that cools down until `until`."""
        self._unuse(row)
        self._touch(row)
        self._bench(row, until)

    def strike(self, row: int, host: str) -> Ban | None:
        """Count a ban by one host; None when so many ban the row that it is bad for all."""
        if self.hosts is None:
            self.hosts = Bans()
        return self.hosts.strike(row, host)

    def praise(self, row: int, host: str | None) -> None:
        """Forget bad verdicts in a row: those that named no host, and those of the host the row served well."""
        self.strikes.pop(row, None)
        if self.hosts is not None:
            self.hosts.praise(row, host)

    def pardon(self, row: int) -> None:
        """Forget every bad verdict on a row; one that is benched still has to be freed."""
        self.strikes.pop(row, None)
        if self.hosts is not None:
            self.hosts.forget(row)

    def postpone(self, row: int, now: float, until: float) -> None:
        """Let what has cooled down of a bad row cool down until `until` instead."""
        if self.hosts is not None and row in self.hosts.spare:
            self.hosts.postpone(row, now, until)
            until = self.hosts.until(row) or until
        self.bad[row] = until
        self._touch(row)

    def acquit(self, row: int, now: float) -> None:
        """Make a bad row idle whose verdict has cooled down; it stays bad while a host bans it beyond `now`."""
        if self.hosts is not None:
            self.hosts.lift(row, now)
        self.free(row)

    def free(self, row: int) -> None:
        """Make a leased, resting or bad row idle, or while some hosts ban it bad."""
        self._touch(row)
        if row in self.bad:
            self._unspoil(row)
        else:
            self._unuse(row)
        until = None if self.hosts is None else self.hosts.until(row)
        if self.hosts is not None and until is not None:
            self._bench(row, until)
            self.hosts.spare.push(row)
        else:
            self._turn.released.push(row)

    def drop(self, row: int) -> Lease | None:
        """Forget a row that leaves the pool; return the lease it ended."""
        lease = self.leases.get(row)
        if row in self.bad:
            self._unspoil(row)
        elif lease is not None or row in self.resting:
            self._unuse(row)
        self.pardon(row)
        return lease

    def unpark(self, prefix_id: int) -> None:
        """Bring back the rows of a prefix that is handed out again."""
        self._turn.unpark(prefix_id, self.hosts)

    def status(self, row: int) -> Status:
        """Return what the row is here."""
        if row in self.leases:
            return Status.USING
        if row in self.resting:
            return Status.RESTING
        return Status.BAD if row in self.bad else Status.IDLE

    def until(self, row: int) -> float:
        """Return when the row's lease, rest or cool-down ends."""
        lease = self.leases.get(row)
        if lease is not None:
            return lease.until
        return self.resting[row] if row in self.resting else self.bad[row]

    def touched(self) -> Iterator[int]:
        """Yield every row this mirror has leased, rests or holds bad."""
        yield from self.leases
        yield from self.resting
        yield from self.bad

    def usage(self, row: int, since: float) -> UsageRecorded:
        """Return what is to be committed about the row."""
        # Every pick and every report comes by here: what differs between a lease and the rest is asked once.
        lease, hosts = self.leases.get(row), self.hosts
        bans = None
        if hosts is not None:
            bans = hosts.write(row, None if row in hosts.spare else self.bad.get(row))
        strikes, uses = self.strikes.get(row, 0), self.tally.uses(row)
        if lease is not None:
            return UsageRecorded(
                self.id,
                row,
                _USING,
                lease.token,
                lease.holder,
                lease.since,
                lease.until,
                lease.owned,
                strikes,
                uses,
                lease.target,
                bans,
                lease.process,
            )
        status, until = _IDLE, None
        if row in self.resting:
            status, until = _RESTING, self.resting[row]
        elif row in self.bad:
            status, until = _BAD, self.bad[row]
        return UsageRecorded(self.id, row, status, None, None, since, until, False, strikes, uses, None, bans)

    def restore(self, usages: Sequence[UsageRecorded]) -> None:
        """Take up committed usage, ordered by time, so that what was never picked comes first again."""
        touched = {usage.address_id for usage in usages}
        self._turn.begin_at(max(touched, default=-1) + 1, touched)
        for usage in usages:
            self._restore_row(usage)

    def _touch(self, row: int) -> None:
        trail = self._table.trail
        if trail.on:
            trail.touch(row)

    def _next(self, host: str | None) -> int | None:
        if host is None or self.hosts is None:
            return self._turn.next()
        return self._turn.next_for(host, self.hosts, self.tally)

    def _restore_row(self, usage: UsageRecorded) -> None:
        row = usage.address_id
        if not self._table.alive(row):
            return
        until = usage.until or 0.0
        lease = Lease(
            row,
            self._table.address(row),
            self.name,
            usage.token or "",
            usage.holder or "",
            usage.since,
            until,
            usage.owned,
            usage.target,
            usage.process,
        )
        self.hold(lease, counted=False)
        self.tally.add(row, usage.uses, usage.since)
        if usage.strikes:
            self.strikes[row] = usage.strikes
        bad_for_all = True
        if usage.bans is not None:
            self.hosts = self.hosts or Bans()
            bad_for_all = self.hosts.read(row, usage.bans)
        match Status(usage.status):
            case Status.RESTING:
                self.rest(row, until)
            case Status.BAD if bad_for_all:
                self.spoil(row, until)
            case Status.BAD | Status.IDLE:
                self.free(row)
            case Status.USING:
                pass

    def _bench(self, row: int, until: float) -> None:
        self.bad[row] = until
        prefix_id = self._table.prefix_id(row)
        self._bad_in[prefix_id] = self._bad_in.get(prefix_id, 0) + 1

    def _unuse(self, row: int) -> None:
        if self.leases.pop(row, None) is None:
            del self.resting[row]
        self._using_in[self._table.prefix_id(row)] -= 1
        subnet = self._subnet(row)
        if self._crowd[subnet] == 1:
            del self._crowd[subnet]
        else:
            self._crowd[subnet] -= 1

    def _subnet(self, row: int) -> int:
        return self._table.address(row) >> 64

    def _unspoil(self, row: int) -> None:
        del self.bad[row]
        self._bad_in[self._table.prefix_id(row)] -= 1
        if self.hosts is not None:
            self.hosts.spare.discard(row)
