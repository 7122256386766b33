"""The pool: every decision about addresses, mirrors and leases, each returning the change to commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ipv6console.pool.change import (
    AddressAdded,
    AddressRemoved,
    Change,
    LeaseEnded,
    MirrorFlushed,
    PoolEmptied,
    PrefixEmptied,
    PrefixRecorded,
    RevocationRecorded,
    Snapshot,
    UsageRecorded,
)
from ipv6console.pool.columns import AddressColumns
from ipv6console.pool.custom import Custom
from ipv6console.pool.deadline import Deadlines
from ipv6console.pool.exclusion import Exclusions
from ipv6console.pool.lease import Lease, NotLeased, compose_token, history, locate_token
from ipv6console.pool.limits import Limits, TooManyMirrors, check_name
from ipv6console.pool.mirror import Mirror, Status
from ipv6console.pool.outcome import Expiry, Withdrawal
from ipv6console.pool.prefix import Prefix, Standing, covers
from ipv6console.pool.prefixes import Prefixes
from ipv6console.pool.table import AddressTable


class Pool:
    """The verified addresses and who has which; `now` is unix seconds, `secret` makes unguessable token parts."""

    def __init__(self, limits: Limits, *, secret: Callable[[], str], exclusions: Exclusions | None = None) -> None:
        self.limits = limits
        self.exclusions = exclusions if exclusions is not None else Exclusions()
        self.table = AddressTable()
        self.prefixes = Prefixes()
        self.mirrors: dict[str, Mirror] = {}
        self.generation = 0
        self.departures = 0
        self._secret = secret
        self._active = self.prefixes.active
        self._by_id: dict[int, Mirror] = {}
        self._deadlines = Deadlines()

    # Prefixes

    def find_prefix(self, network: int, length: int) -> Prefix | None:
        """Return the prefix, whatever its standing, None when it was never seen."""
        return self.prefixes.find(network, length)

    @property
    def severed(self) -> str | None:
        """Why nothing is handed out though there are active prefixes, None when something is or there are none."""
        return self.prefixes.severed

    def admit(self, network: int, length: int, *, interface: str, source: str, now: float) -> tuple[Prefix, Change]:
        """Hand out from a prefix, new or seen before; its addresses are idle again. Raises ValueError when revoked."""
        prefix = self.prefixes.take(network, length, interface=interface, source=source, now=now)
        change = self._stand(prefix, Standing.ACTIVE, now)
        if prefix.serves:
            self._open(prefix)
        return prefix, change

    def sever(self, prefix: Prefix, why: str | None) -> None:
        """Hand out nothing of a prefix while nothing can come back to it; with None it can. Leases live on."""
        prefix.severed = why
        if prefix.serves and prefix.id not in self._active:
            self._open(prefix)
        elif not prefix.serves:
            self.prefixes.close(prefix)

    def drain(self, prefix: Prefix, now: float) -> Change:
        """Stop handing out from a prefix; its leases live on until they end."""
        self.prefixes.close(prefix)
        return self._stand(prefix, Standing.DRAINING, now)

    def retire(self, prefix: Prefix, now: float, standing: Standing = Standing.GONE) -> Withdrawal:
        """Take every address of the prefix out of the pool; leases on them are lost."""
        self.prefixes.close(prefix)
        prefix.severed = None
        gone = self._clear(prefix)
        changes = [*gone.changes, self._stand(prefix, standing, now)]
        changes.extend(history(gone.ended, "lost", now, f"prefix {prefix} is {standing}"))
        return gone._replace(changes=tuple(changes))

    # Addresses

    def add(self, address: int, prefix: Prefix, now: float) -> AddressAdded | None:
        """Take a verified address in; None when it is there already, excluded, or its prefix no longer hands out."""
        if prefix.id not in self._active or address not in prefix:
            return None
        if address in self.exclusions or self.table.find(address) is not None:
            return None
        row = self.table.append(address, prefix.id, now)
        self.prefixes.count(prefix.id, 1)
        self.generation += 1
        return AddressAdded(row, prefix.id, address, now)

    def remove(self, rows: Iterable[int], now: float, *, verdict: str = "lost", reason: str = "") -> Withdrawal:
        """Take rows out of the pool for good; leases on them end with `verdict`."""
        gone = [row for row in dict.fromkeys(rows) if row < len(self.table) and self.table.alive(row)]
        for row in gone:
            self.table.kill(row)
            self.prefixes.count(self.table.prefix_id(row), -1)
        ended = self._drop(set(gone)) if gone else ()
        changes: list[Change] = [AddressRemoved(row) for row in gone]
        changes.extend(history(ended, verdict, now, reason))
        return Withdrawal(len(gone), ended, tuple(changes))

    def empty(self, now: float) -> Withdrawal:
        """Take every address out of the pool; mirrors keep their names."""
        count = self.table.live
        ended = self._drop(self.table.clear())
        for prefix in self.prefixes.values():
            self.prefixes.count(prefix.id, -prefix.live)
        return Withdrawal(count, ended, (PoolEmptied(), *history(ended, "flushed", now, "")))

    def revoke(self, network: int, length: int, *, reason: str, actor: str, now: float) -> Withdrawal:
        """Withdraw an address (length 128) or everything inside a prefix, for good."""
        self.exclusions.add(network, length)
        parts: list[Withdrawal] = []
        standings: list[Change] = []
        for prefix in self.prefixes.values():
            if prefix.length >= length and covers(network, length, prefix.network):
                self.prefixes.close(prefix)
                parts.append(self._clear(prefix))
                standings.append(self._stand(prefix, Standing.REVOKED, now))
        if length == 128:
            row = self.table.find(network)
            rows = [] if row is None else [row]
        else:
            rows = list(self.table.rows_within(network, length))
        ended = [lease for part in parts for lease in part.ended]
        changes = [change for part in parts for change in part.changes]
        gone = self.remove(rows, now, verdict="revoked", reason=reason)
        return Withdrawal(
            gone.removed + sum(part.removed for part in parts),
            (*ended, *gone.ended),
            (
                RevocationRecorded(network, length, reason, actor, now),
                *changes,
                *history(ended, "revoked", now, reason),
                *gone.changes,
                *standings,
            ),
        )

    # Mirrors

    def mirror(self, name: str, now: float) -> tuple[Mirror, Change | None]:
        """Return the mirror, made by the first request for it; raises InvalidName and TooManyMirrors."""
        mirror = self.mirrors.get(name)
        if mirror is not None:
            return mirror, None
        check_name(name)
        if len(self.mirrors) >= self.limits.max_mirrors:
            raise TooManyMirrors(f"there are {len(self.mirrors)} mirrors already, as many as max_mirrors allows")
        number = max(self._by_id, default=0) + 1
        mirror = Mirror(number, name, now, self.table, self._active)
        self.mirrors[name] = self._by_id[number] = mirror
        return mirror, mirror.record()

    def drain_mirror(self, mirror: Mirror, draining: bool) -> Change:
        """Stop (or go on) handing out in one mirror."""
        mirror.draining = draining
        return mirror.record()

    def customise(self, mirror: Mirror, custom: Custom) -> Change:
        """Give a mirror settings of its own; leases that live keep their terms."""
        mirror.custom = custom
        return mirror.record()

    def flush(self, mirror: Mirror, now: float) -> Withdrawal:
        """Forget what the mirror did: every address is idle in it again and its leases end."""
        ended = tuple(mirror.leases.values())
        count = len(mirror.leases) + len(mirror.resting) + len(mirror.bad)
        for row in list(mirror.touched()):
            self._unschedule(mirror, row)
        mirror.clear()
        self.table.trail.lose()
        return Withdrawal(count, ended, (MirrorFlushed(mirror.id), *history(ended, "flushed", now, "")))

    # Leases

    def lease(
        self,
        mirror: Mirror,
        now: float,
        *,
        holder: str,
        process: str | None = None,
        ttl: float | None = None,
        target: str | None = None,
    ) -> tuple[Lease, UsageRecorded] | None:
        """Lease the address that was released least recently; None when the mirror has none to give or drains.

        Without `target` it is an idle one, with `target` also one that only other hosts ban. With `ttl` (seconds, at most
        `lease_ttl`) the lease is owned: only its token ends it. Without, it is token-less until its token is shown.
        """
        if mirror.draining or not self._active:
            return None
        row = mirror.next_row(mirror.custom.crowd(self.limits), target)
        if row is None:
            return None
        if target is not None and row in mirror.bad:
            self._unschedule(mirror, row)
        longest = mirror.custom.longest(self.limits, owned=ttl is not None)
        until = now + (longest if ttl is None else min(ttl, longest))
        token = compose_token(mirror.id, row, self._secret())
        address = self.table.address(row)
        lease = Lease(row, address, mirror.name, token, holder, now, until, ttl is not None, target, process)
        mirror.hold(lease)
        mirror.picks += 1
        mirror.last_pick_at = now
        self._deadlines.add(mirror.id, row, until)
        return lease, mirror.usage(row, now)

    def find_lease(self, token: str, now: float) -> Lease:
        """Return the live lease of a token, which owns it from now on; raises NotLeased."""
        place = locate_token(token)
        mirror = self._by_id.get(place[0]) if place else None
        lease = mirror.leases.get(place[1]) if mirror and place else None
        if lease is None or not lease.opened_by(token) or lease.until <= now:
            raise NotLeased("that lease has ended, or the token was never given out")
        lease.owned = True
        return lease

    def held(self, mirror: Mirror, address: int, token: str | None, now: float) -> Lease:
        """Return the live lease on `address` that `token` (or its absence) entitles to; raises NotLeased."""
        row = self.table.find(address)
        if row is None:
            raise NotLeased("the address is not in the pool")
        lease = mirror.leases.get(row)
        if lease is None or lease.until <= now:
            raise NotLeased(f"the address is not leased in mirror {mirror.name}")
        if not lease.opened_by(token):
            raise NotLeased(
                "the lease needs its token" if token is None else "the token is of another lease, or one that has ended"
            )
        lease.owned = lease.owned or token is not None
        return lease

    def renew(self, lease: Lease, now: float, ttl: float | None = None) -> UsageRecorded:
        """Let the lease run `ttl` seconds from now (default and at most: the time its kind has)."""
        mirror = self.mirrors[lease.mirror]
        longest = mirror.custom.longest(self.limits, owned=lease.owned)
        self._unschedule(mirror, lease.row)
        lease.until = now + (longest if ttl is None else min(ttl, longest))
        self._deadlines.add(mirror.id, lease.row, lease.until)
        return mirror.usage(lease.row, now)

    def end(
        self, lease: Lease, verdict: Status, now: float, *, target: str | None = None, reason: str | None = None
    ) -> tuple[UsageRecorded, LeaseEnded]:
        """End a lease: IDLE gives the address back, BAD cools it down, longer with every such verdict in a row.

        A bad verdict that names a `target` is one for that host alone, and counted for it alone.
        """
        mirror, row = self.mirrors[lease.mirror], lease.row
        self._deadlines.discard(mirror.id, row, lease.until)
        mirror.reports += 1
        mirror.tally.see(row, now)
        bad, limits = verdict is Status.BAD, self.limits
        rest = mirror.custom.cooldown(limits)
        mirror.breaker.judge(bad, now, window=limits.breaker_verdicts, ratio=limits.breaker_ratio, rest=rest)
        if bad:
            mirror.bans += 1
            self._ban(mirror, row, now, target)
        else:
            mirror.praise(row, target or lease.target)
            self._free(mirror, row)
        return mirror.usage(row, now), lease.ended(verdict._value_, now, target, reason)

    def reset(self, mirror: Mirror, row: int, now: float) -> tuple[Change, ...]:
        """Make a bad, resting or token-less leased row idle; nothing when it was idle, NotLeased when it is owned."""
        status = mirror.status(row)
        if status is Status.IDLE:
            return ()
        lease = mirror.leases.get(row)
        if lease is not None and lease.owned:
            raise NotLeased("a scraper holds that address; its lease ends with its token, or by a flush")
        self._unschedule(mirror, row)
        mirror.pardon(row)
        mirror.free(row)
        changed = mirror.usage(row, now)
        return (changed,) if lease is None else (changed, lease.ended("reset", now))

    def adopt(self, mirror: Mirror, row: int, *, bad: bool, uses: int, now: float) -> UsageRecorded | None:
        """Take over what an older system knew of an address; None when the mirror has used it already."""
        if not mirror.claim(row, uses):
            return None
        mirror.hold(Lease(row, self.table.address(row), mirror.name, "", "", now, now, False), counted=False)
        if bad:
            self._ban(mirror, row, now, None)
        else:
            mirror.free(row)
        return mirror.usage(row, now)

    def expire(self, now: float) -> Expiry:
        """End what time has ended: owned leases go back to idle, token-less ones rest first, rests end, bad cools."""
        ended: list[Lease] = []
        cooled: list[tuple[str, int]] = []
        changes: list[Change] = []
        for mirror_id, row in self._deadlines.due(now):
            mirror = self._by_id[mirror_id]
            status = mirror.status(row)
            if status is Status.BAD:
                cooled.append((mirror.name, row))
                continue
            if status is Status.USING:
                lease = mirror.leases[row]
                mirror.expired += 1
                mirror.tally.see(row, now)
                ended.append(lease)
                changes.append(lease.ended("expired", now))
                if not lease.owned:
                    until = now + self.limits.tokenless_ttl
                    mirror.rest(row, until)
                    self._deadlines.add(mirror.id, row, until)
                    changes.append(mirror.usage(row, now))
                    continue
            self._free(mirror, row)
            changes.append(mirror.usage(row, now))
        return Expiry(tuple(ended), tuple(cooled), tuple(changes))

    def acquit(self, mirror: Mirror, row: int, now: float) -> UsageRecorded | None:
        """Make a bad row idle after it passed a check; its strikes are kept until it serves well.

        A ban by one host that has not cooled down stands, and the row stays bad for it.
        """
        if row not in mirror.bad:
            return None
        self._unschedule(mirror, row)
        mirror.acquit(row, now)
        if row in mirror.bad:
            self._deadlines.add(mirror.id, row, mirror.bad[row])
        return mirror.usage(row, now)

    def postpone(self, mirror: Mirror, row: int, now: float) -> None:
        """Cool a bad row for one more shortest cool-down, when it could not be checked."""
        if row in mirror.bad:
            self._unschedule(mirror, row)
            mirror.postpone(row, now, now + mirror.custom.cooldown(self.limits))
            self._deadlines.add(mirror.id, row, mirror.bad[row])

    def restore(self, snapshot: Snapshot) -> None:
        """Fill an empty pool from what was committed."""
        self.table.extend(AddressColumns.of(snapshot.addresses))
        self.table.pad(snapshot.spent)
        self.prefixes.restore(snapshot.prefixes, self.table.counts())
        for revocation in snapshot.revocations:
            self.exclusions.add(revocation.network, revocation.length)
        usages: dict[int, list[UsageRecorded]] = {}
        for usage in snapshot.usages:
            usages.setdefault(usage.mirror_id, []).append(usage)
        for mirror_record in snapshot.mirrors:
            mirror = Mirror(mirror_record.id, mirror_record.name, mirror_record.created_at, self.table, self._active)
            mirror.draining = mirror_record.draining
            mirror.custom = Custom(*mirror_record[4:8], tuple(mirror_record.check_urls.split()))
            self.mirrors[mirror.name] = self._by_id[mirror.id] = mirror
            mirror.restore(usages.get(mirror.id, ()))
            for row in mirror.touched():
                self._deadlines.add(mirror.id, row, mirror.until(row))

    def _open(self, prefix: Prefix) -> None:
        self._active[prefix.id] = prefix.live
        for mirror in self.mirrors.values():
            mirror.unpark(prefix.id)

    def _stand(self, prefix: Prefix, standing: Standing, now: float) -> PrefixRecorded:
        self.generation += 1
        return self.prefixes.stand(prefix, standing, now)

    def _clear(self, prefix: Prefix) -> Withdrawal:
        """Take every address of the prefix out of the pool; what becomes of its leases is not among the changes."""
        count = prefix.live
        if not count:
            return Withdrawal(0, (), ())
        ended = self._drop(self.table.clear(prefix.id))
        self.prefixes.count(prefix.id, -count)
        return Withdrawal(count, ended, (PrefixEmptied(prefix.id),))

    def _drop(self, gone: set[int] | bytes) -> tuple[Lease, ...]:
        """Let the mirrors forget rows that were killed: a set of them, or a byte for each row, 1 where it was."""
        is_gone = gone.__getitem__ if isinstance(gone, bytes) else gone.__contains__
        ended: list[Lease] = []
        for mirror in self.mirrors.values():
            for row in [row for row in mirror.touched() if is_gone(row)]:
                self._unschedule(mirror, row)
                lease = mirror.drop(row)
                if lease is not None:
                    ended.append(lease)
        self.generation += 1
        self.departures += 1
        return tuple(ended)

    def _ban(self, mirror: Mirror, row: int, now: float, host: str | None) -> None:
        ban = None if host is None else mirror.strike(row, host)
        if ban is not None:
            ban.until = now + mirror.custom.cooldown(self.limits, ban.strikes)
            self._free(mirror, row)
            return
        strikes = mirror.strikes[row] = mirror.strikes.get(row, 0) + 1
        until = now + mirror.custom.cooldown(self.limits, strikes)
        mirror.spoil(row, until)
        self._deadlines.add(mirror.id, row, until)

    def _free(self, mirror: Mirror, row: int) -> None:
        mirror.free(row)
        if row in mirror.bad:
            self._deadlines.add(mirror.id, row, mirror.bad[row])

    def _unschedule(self, mirror: Mirror, row: int) -> None:
        self._deadlines.discard(mirror.id, row, mirror.until(row))
