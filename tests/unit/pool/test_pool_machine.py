"""The pool against a dumb model: I1, I3, I4 and I6 of the design hold whatever is done in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ipv6console.pool.change import (
    AddressAdded,
    AddressRemoved,
    Change,
    LeaseEnded,
    MirrorFlushed,
    MirrorRecorded,
    PoolEmptied,
    PrefixEmptied,
    PrefixRecorded,
    RevocationRecorded,
    Snapshot,
    UsageRecorded,
)
from ipv6console.pool.draw import Draw
from ipv6console.pool.lease import Lease
from ipv6console.pool.limits import Limits
from ipv6console.pool.mirror import Mirror, Status
from ipv6console.pool.outcome import Withdrawal
from ipv6console.pool.pool import NotLeased, Pool
from ipv6console.pool.prefix import Standing, parse_prefix

PREFIXES = tuple(
    parse_prefix(text)
    for text in (
        "2001:db8:0:1::/64",
        "2001:db8:4f8:10::/64",
        "2001:db8:56::/56",
        "2001:db8:72::/72",
        "2001:db8::f0/124",
    )
)
NAMES = ("default", "task1", "a.b-c_d")
LIMITS = Limits(lease_ttl=100, tokenless_ttl=300, bad_cooldown=50, bad_cooldown_max=400, max_mirrors=10)

mirrors = st.sampled_from(NAMES)
prefixes = st.sampled_from(PREFIXES)
numbers = st.integers(0, 1 << 30)


class Ledger:
    """What a store would hold: every change applied to plain dicts, nothing shared with the pool's structures."""

    def __init__(self) -> None:
        self.prefixes: dict[int, PrefixRecorded] = {}
        self.addresses: dict[int, AddressAdded] = {}
        self.mirrors: dict[int, MirrorRecorded] = {}
        self.usages: dict[tuple[int, int], UsageRecorded] = {}
        self.revocations: list[RevocationRecorded] = []
        self.history: list[LeaseEnded] = []

    def apply(self, *changes: Change | None) -> None:
        for change in changes:
            if change is not None:
                self._apply(change)

    def _apply(self, change: Change) -> None:
        match change:
            case PrefixRecorded():
                self.prefixes[change.id] = change
            case PrefixEmptied():
                self._forget(lambda a: a.prefix_id == change.prefix_id)
            case AddressAdded():
                self.addresses[change.id] = change
            case AddressRemoved():
                self._forget(lambda a: a.id == change.id)
            case PoolEmptied():
                self._forget(lambda _: True)
            case MirrorRecorded():
                self.mirrors[change.id] = change
            case MirrorFlushed():
                self.usages = {key: u for key, u in self.usages.items() if key[0] != change.mirror_id}
            case UsageRecorded():
                self.usages.pop((change.mirror_id, change.address_id), None)
                self.usages[change.mirror_id, change.address_id] = change
            case _:
                self._keep(change)

    def _keep(self, change: Change) -> None:
        match change:
            case RevocationRecorded():
                self.revocations.append(change)
            case LeaseEnded():
                self.history.append(change)
            case _:
                raise AssertionError(f"the pool never records {change}")

    def snapshot(self) -> Snapshot:
        return Snapshot(
            tuple(self.prefixes.values()),
            tuple(self.addresses.values()),
            tuple(self.mirrors.values()),
            tuple(sorted(self.usages.values(), key=lambda usage: usage.since)),
            tuple(self.revocations),
        )

    def _forget(self, chosen: Callable[[AddressAdded], bool]) -> None:
        gone = {a.id for a in self.addresses.values() if chosen(a)}
        self.addresses = {key: a for key, a in self.addresses.items() if key not in gone}
        self.usages = {key: u for key, u in self.usages.items() if key[1] not in gone}


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.secrets = count()
        self.pool = Pool(LIMITS, secret=lambda: str(next(self.secrets)))
        self.ledger = Ledger()
        self.held: dict[str, tuple[str, int]] = {}
        self.ended: set[str] = set()
        self.ever_verified: set[int] = set()
        self.revoked: list[tuple[int, int]] = []

    @rule(prefix=prefixes)
    def admit(self, prefix: tuple[int, int]) -> None:
        known = self.pool.find_prefix(*prefix)
        if known is None or known.standing is not Standing.REVOKED:
            _, change = self.pool.admit(*prefix, interface="up0", source="interface", now=self.now)
            self.ledger.apply(change)

    @rule(prefix=prefixes, size=st.integers(1, 12), seed=numbers)
    def spawn(self, prefix: tuple[int, int], size: int, seed: int) -> None:
        known = self.pool.find_prefix(*prefix)
        if known is None:
            return
        draw = Draw(*prefix, spread=64, random=Random(seed))
        unwanted = lambda a: a in self.pool.exclusions or self.pool.table.find(a) is not None  # noqa: E731
        for address in draw.take(size, unwanted):
            change = self.pool.add(address, known, self.now)
            assert (change is not None) == (known.standing is Standing.ACTIVE)
            if change is not None:
                self.ever_verified.add(address)
                self.ledger.apply(change)

    @rule(name=mirrors, owned=st.booleans())
    def pick(self, name: str, owned: bool) -> None:
        mirror = self._mirror(name)
        idle = mirror.count().idle
        leased = self.pool.lease(mirror, self.now, holder="test", ttl=60 if owned else None)
        assert (leased is not None) == (idle > 0 and not mirror.draining)
        if leased is None:
            return
        lease, change = leased
        self.ledger.apply(change)
        assert (name, lease.address) not in self.held.values(), "I1: leased twice"
        self._check_handed_out(lease)
        self.held[lease.token] = (name, lease.address)

    def _check_handed_out(self, lease: Lease) -> None:
        assert lease.address in self.ever_verified
        assert not any((lease.address ^ n) >> (128 - size) == 0 for n, size in self.revoked)
        assert any(lease.address in p and p.standing is Standing.ACTIVE for p in self.pool.prefixes.values())

    @precondition(lambda self: self.held)
    @rule(data=st.data(), verdict=st.sampled_from([Status.IDLE, Status.BAD]))
    def report_with_the_token(self, data: st.DataObject, verdict: Status) -> None:
        token = data.draw(st.sampled_from(sorted(self.held)))
        name, address = self.held[token]
        try:
            lease = self.pool.held(self._mirror(name), address, token, self.now)
        except NotLeased:
            assert self._expired(name, address)
            return
        self.ledger.apply(*self.pool.end(lease, verdict, self.now))
        self._end(lease)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def report_without_a_token(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.held)))
        name, address = self.held[token]
        mirror = self._mirror(name)
        lease = mirror.leases[self._row(address)]
        if lease.owned:
            self._refuses(lambda: self.pool.held(mirror, address, None, self.now))
        elif not self._expired(name, address):
            found = self.pool.held(mirror, address, None, self.now)
            self.ledger.apply(*self.pool.end(found, Status.IDLE, self.now))
            self._end(found)

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), name=mirrors)
    def an_ended_token_does_nothing(self, data: st.DataObject, name: str) -> None:
        token = data.draw(st.sampled_from(sorted(self.ended)))
        self._refuses(lambda: self.pool.find_lease(token, self.now))
        address = data.draw(st.sampled_from(sorted(self.ever_verified)))
        self._refuses(lambda: self.pool.held(self._mirror(name), address, token, self.now))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.held)))
        try:
            lease = self.pool.find_lease(token, self.now)
        except NotLeased:
            assert self._expired(*self.held[token])
            return
        self.ledger.apply(self.pool.renew(lease, self.now))
        assert lease.until == self.now + LIMITS.lease_ttl

    @rule(seconds=st.sampled_from([1, 30, 70, 200, 1000]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        expiry = self.pool.expire(self.now)
        self.ledger.apply(*expiry.changes)
        for lease in expiry.ended:
            assert lease.until <= self.now
            self._end(lease)
        for name, row in expiry.cooled:
            self.ledger.apply(self.pool.acquit(self._mirror(name), row, self.now))

    @rule(prefix=prefixes)
    def drain(self, prefix: tuple[int, int]) -> None:
        known = self.pool.find_prefix(*prefix)
        if known is not None and known.standing is Standing.ACTIVE:
            self.ledger.apply(self.pool.drain(known, self.now))

    @rule(prefix=prefixes)
    def retire(self, prefix: tuple[int, int]) -> None:
        known = self.pool.find_prefix(*prefix)
        if known is not None and known.standing is not Standing.REVOKED:
            self._withdraw(self.pool.retire(known, self.now))

    @precondition(lambda self: self.ever_verified)
    @rule(data=st.data())
    def revoke_an_address(self, data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(sorted(self.ever_verified)))
        self.revoked.append((address, 128))
        self._withdraw(self.pool.revoke(address, 128, reason="abuse", actor="test", now=self.now))

    @precondition(lambda self: len(self.revoked) < 4)
    @rule(prefix=prefixes)
    def revoke_a_prefix(self, prefix: tuple[int, int]) -> None:
        if self.pool.find_prefix(*prefix) is not None and prefix != PREFIXES[0]:
            self.revoked.append(prefix)
            self._withdraw(self.pool.revoke(*prefix, reason="abuse", actor="test", now=self.now))

    @rule(name=mirrors)
    def flush(self, name: str) -> None:
        self._withdraw(self.pool.flush(self._mirror(name), self.now))
        count = self._mirror(name).count()
        assert count.using == count.bad == 0

    @rule()
    def empty(self) -> None:
        self._withdraw(self.pool.empty(self.now))
        assert self.pool.table.live == 0

    @rule(name=mirrors, draining=st.booleans())
    def drain_mirror(self, name: str, draining: bool) -> None:
        self.ledger.apply(self.pool.drain_mirror(self._mirror(name), draining))

    @rule(name=mirrors, number=numbers)
    def reset(self, name: str, number: int) -> None:
        rows = list(self.pool.table.rows())
        if not rows:
            return
        row, mirror = rows[number % len(rows)], self._mirror(name)
        lease = mirror.leases.get(row)
        if lease is not None and lease.owned:
            self._refuses(lambda: self.pool.reset(mirror, row, self.now))
            return
        self.ledger.apply(*self.pool.reset(mirror, row, self.now))
        assert mirror.status(row) is Status.IDLE
        if lease is not None:
            self._end(lease)

    @rule()
    def restart(self) -> None:
        before = {name: mirror.count() for name, mirror in self.pool.mirrors.items()}
        exclusions = self.pool.exclusions
        self.pool = Pool(LIMITS, secret=lambda: str(next(self.secrets)))
        self.pool.restore(self.ledger.snapshot())
        assert {name: mirror.count() for name, mirror in self.pool.mirrors.items()} == before
        assert all((address in self.pool.exclusions) == (address in exclusions) for address in self.ever_verified)

    @invariant()
    def counters_add_up(self) -> None:
        for mirror in self.pool.mirrors.values():
            seen = mirror.count()
            assert seen.idle + seen.using + seen.bad == seen.total
            assert min(seen) >= 0
            live = [row for row in self.pool.table.rows() if self._standing(row) is Standing.ACTIVE]
            assert seen.idle == sum(mirror.status(row) is Status.IDLE for row in live)
            assert seen.bad == sum(mirror.status(row) is Status.BAD for row in live)

    @invariant()
    def the_history_has_every_ended_lease_once(self) -> None:
        assert len(self.ledger.history) == len(self.ended)

    @invariant()
    def leases_are_those_we_hold(self) -> None:
        leases = {l.token: (l.mirror, l.address) for m in self.pool.mirrors.values() for l in m.leases.values()}  # noqa: E741
        assert leases == self.held

    def _mirror(self, name: str) -> Mirror:
        mirror, change = self.pool.mirror(name, self.now)
        self.ledger.apply(change)
        return mirror

    def _row(self, address: int) -> int:
        row = self.pool.table.find(address)
        assert row is not None
        return row

    def _standing(self, row: int) -> Standing:
        return self.pool.prefixes[self.pool.table.prefix_id(row)].standing

    def _expired(self, name: str, address: int) -> bool:
        return self._mirror(name).leases[self._row(address)].until <= self.now

    def _withdraw(self, withdrawal: Withdrawal) -> None:
        self.ledger.apply(*withdrawal.changes)
        for lease in withdrawal.ended:
            self._end(lease)

    def _end(self, lease: Lease) -> None:
        assert lease.token in self.held, "I6: a lease ended twice"
        del self.held[lease.token]
        self.ended.add(lease.token)

    def _refuses(self, act: Callable[[], object]) -> None:
        try:
            act()
        except NotLeased:
            return
        raise AssertionError("it was not refused")


PoolMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestPool = PoolMachine.TestCase
