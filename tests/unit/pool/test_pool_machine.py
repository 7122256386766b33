"""The pool against a dumb model: I1, I3, I4 and I6 of the design hold whatever is done in whatever order.

The model also keeps who banned what, and knows exactly which addresses a pick may give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
from ipv6console.pool.lease import Lease, NotLeased
from ipv6console.pool.limits import Limits
from ipv6console.pool.mirror import Mirror, Status
from ipv6console.pool.outcome import Withdrawal
from ipv6console.pool.pool import Pool
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

mirrors = st.sampled_from((NAMES[0], *NAMES))
prefixes = st.sampled_from(PREFIXES)
numbers = st.integers(0, 1 << 30)
hosts = st.sampled_from([None, "a.example", "b.example", "c.example"])

Key = tuple[str, int]


class Verdicts:
    """Bad verdicts on addresses of mirrors as plain dicts: for all hosts under None, and how often in a row."""

    def __init__(self) -> None:
        self.until: dict[Key, dict[str | None, float]] = {}
        self.strikes: dict[Key, Counter[str | None]] = {}

    def bad(self, key: Key) -> bool:
        return bool(self.until.get(key))

    def bars(self, key: Key, host: str | None) -> bool:
        until = self.until.get(key, {})
        return bool(until) and (host is None or None in until or host in until)

    def strike(self, key: Key, host: str | None, now: float) -> None:
        strikes = self.strikes.setdefault(key, Counter())
        strikes[host] += 1
        wait = min(LIMITS.bad_cooldown * 2 ** (strikes[host] - 1), LIMITS.bad_cooldown_max)
        self.until.setdefault(key, {})[host] = now + wait

    def praise(self, key: Key, host: str | None) -> None:
        strikes = self.strikes.get(key, Counter())
        strikes.pop(None, None)
        for served in [host] if host else [host for host in strikes if host not in self.until.get(key, {})]:
            strikes.pop(served, None)
            self.until.get(key, {}).pop(served, None)

    def cool(self, key: Key, now: float) -> None:
        self.until[key] = {host: until for host, until in self.until[key].items() if host and until > now}

    def forget(self, chosen: Callable[[Key], bool]) -> None:
        self.until = {key: value for key, value in self.until.items() if not chosen(key)}
        self.strikes = {key: value for key, value in self.strikes.items() if not chosen(key)}


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
        self.verdicts = Verdicts()
        self.served: dict[str, str | None] = {}

    @initialize(seed=numbers)
    def begin(self, seed: int) -> None:
        for prefix in PREFIXES[::2]:
            self.admit(prefix)
            self.spawn(prefix, 3, seed)

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
            assert (change is not None) == known.serves
            if change is not None:
                self.ever_verified.add(address)
                self.ledger.apply(change)

    @rule(name=mirrors, owned=st.booleans(), host=hosts, times=st.integers(1, 6))
    def pick(self, name: str, owned: bool, host: str | None, times: int) -> None:
        for _ in range(times):
            self._pick(name, owned, host)

    def _pick(self, name: str, owned: bool, host: str | None) -> None:
        mirror = self._mirror(name)
        fit = self._fit(mirror, host)
        leased = self.pool.lease(mirror, self.now, holder="test", ttl=60 if owned else None, target=host)
        assert (leased is not None) == (bool(fit) and not mirror.draining)
        if leased is None:
            return
        lease, change = leased
        self.ledger.apply(change)
        assert lease.address in fit, "it is taken, rests, or is banned by that host"
        self.served[lease.token] = host
        assert (name, lease.address) not in self.held.values(), "I1: leased twice"
        self._check_handed_out(lease)
        self.held[lease.token] = (name, lease.address)

    def _fit(self, mirror: Mirror, host: str | None) -> set[int]:
        """Return the addresses a pick for the host may give."""
        free = (row for row in self.pool.table.rows() if row not in mirror.leases and row not in mirror.resting)
        addresses = {self.pool.table.address(row) for row in free if self._serves(row)}
        return {address for address in addresses if not self.verdicts.bars((mirror.name, address), host)}

    @staticmethod
    def _offers(mirror: Mirror) -> dict[int, tuple[float, int, bool, frozenset[str]]]:
        """Return of each bad row until when it is bad, its strikes, whether some hosts may have it, and who bans it."""
        bans = mirror.hosts
        return {
            row: (
                until,
                mirror.strikes.get(row, 0),
                bans is not None and row in bans.spare,
                frozenset(bans.hosts(row) if bans else ()),
            )
            for row, until in mirror.bad.items()
        }

    def _check_handed_out(self, lease: Lease) -> None:
        assert lease.address in self.ever_verified
        assert not any((lease.address ^ n) >> (128 - size) == 0 for n, size in self.revoked)
        assert any(lease.address in p and p.serves for p in self.pool.prefixes.values())

    @precondition(lambda self: self.held)
    @rule(data=st.data(), verdict=st.sampled_from([Status.IDLE, Status.BAD, Status.BAD]), host=hosts)
    def report_with_tokens(self, data: st.DataObject, verdict: Status, host: str | None) -> None:
        for token in data.draw(st.lists(st.sampled_from(sorted(self.held)), min_size=1, max_size=6, unique=True)):
            self._report(token, verdict, host)

    def _report(self, token: str, verdict: Status, host: str | None) -> None:
        name, address = self.held[token]
        try:
            lease = self.pool.held(self._mirror(name), address, token, self.now)
        except NotLeased:
            assert self._expired(name, address)
            return
        self.ledger.apply(*self.pool.end(lease, verdict, self.now, target=host))
        if verdict is Status.BAD:
            self.verdicts.strike((name, address), host, self.now)
        else:
            self.verdicts.praise((name, address), host or self.served[token])
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
            self.verdicts.praise((name, address), self.served[token])
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
            self.verdicts.cool((name, self.pool.table.address(row)), self.now)
            self.ledger.apply(self.pool.acquit(self._mirror(name), row, self.now))

    @rule(prefix=prefixes)
    def drain(self, prefix: tuple[int, int]) -> None:
        known = self.pool.find_prefix(*prefix)
        if known is not None and known.standing is Standing.ACTIVE:
            self.ledger.apply(self.pool.drain(known, self.now))

    @rule(prefix=prefixes, why=st.sampled_from([None, None, "up0 has no carrier"]))
    def sever(self, prefix: tuple[int, int], why: str | None) -> None:
        known = self.pool.find_prefix(*prefix)
        if known is not None:
            self.pool.sever(known, why)

    @rule(data=st.data(), prefix=prefixes, name=mirrors)
    def withdraw(self, data: st.DataObject, prefix: tuple[int, int], name: str) -> None:
        """Do one of what undoes much, so that it is done seldom."""
        match data.draw(st.sampled_from(["flush", "retire", "revoke an address", "revoke a prefix", "empty"])):
            case "flush":
                self._flush(name)
            case "retire":
                self._retire(prefix)
            case "revoke an address" if self.ever_verified:
                self._revoke_an_address(data)
            case "revoke a prefix" if len(self.revoked) < 4:
                self._revoke_a_prefix(prefix)
            case "empty":
                self._empty()

    def _retire(self, prefix: tuple[int, int]) -> None:
        known = self.pool.find_prefix(*prefix)
        if known is not None and known.standing is not Standing.REVOKED:
            self._withdraw(self.pool.retire(known, self.now))

    def _revoke_an_address(self, data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(sorted(self.ever_verified)))
        self.revoked.append((address, 128))
        self._withdraw(self.pool.revoke(address, 128, reason="abuse", actor="test", now=self.now))

    def _revoke_a_prefix(self, prefix: tuple[int, int]) -> None:
        if self.pool.find_prefix(*prefix) is not None and prefix != PREFIXES[0]:
            self.revoked.append(prefix)
            self._withdraw(self.pool.revoke(*prefix, reason="abuse", actor="test", now=self.now))

    def _flush(self, name: str) -> None:
        self._withdraw(self.pool.flush(self._mirror(name), self.now))
        self.verdicts.forget(lambda key: key[0] == name)
        count = self._mirror(name).count()
        assert count.using == count.bad == 0

    def _empty(self) -> None:
        self._withdraw(self.pool.empty(self.now))
        assert self.pool.table.live == 0

    @rule(name=mirrors, draining=st.sampled_from([False, False, True]))
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
        was_idle = mirror.status(row) is Status.IDLE
        self.ledger.apply(*self.pool.reset(mirror, row, self.now))
        assert mirror.status(row) is Status.IDLE
        if not was_idle:
            self.verdicts.forget(lambda key: key == (name, self.pool.table.address(row)))
        if lease is not None:
            self._end(lease)

    @rule()
    def restart(self) -> None:
        before = {name: (mirror.count(), self._offers(mirror)) for name, mirror in self.pool.mirrors.items()}
        exclusions = self.pool.exclusions
        severed = {prefix.id: prefix.severed for prefix in self.pool.prefixes.values()}
        self.pool = Pool(LIMITS, secret=lambda: str(next(self.secrets)))
        self.pool.restore(self.ledger.snapshot())
        for prefix in self.pool.prefixes.values():
            self.pool.sever(prefix, severed[prefix.id])
        assert {name: (mirror.count(), self._offers(mirror)) for name, mirror in self.pool.mirrors.items()} == before
        assert all((address in self.pool.exclusions) == (address in exclusions) for address in self.ever_verified)

    @invariant()
    def counters_add_up(self) -> None:
        for mirror in self.pool.mirrors.values():
            seen = mirror.count()
            assert seen.idle + seen.using + seen.bad == seen.total
            assert min(seen) >= 0
            live = [row for row in self.pool.table.rows() if self._serves(row)]
            assert seen.idle == sum(mirror.status(row) is Status.IDLE for row in live)
            assert seen.bad == sum(mirror.status(row) is Status.BAD for row in live)

    @invariant()
    def bad_is_what_somebody_banned_and_nobody_uses(self) -> None:
        for mirror in self.pool.mirrors.values():
            for row in self.pool.table.rows():
                if row not in mirror.leases and row not in mirror.resting:
                    banned = self.verdicts.bad((mirror.name, self.pool.table.address(row)))
                    assert (mirror.status(row) is Status.BAD) == banned

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

    def _serves(self, row: int) -> bool:
        return self.pool.prefixes[self.pool.table.prefix_id(row)].serves

    def _expired(self, name: str, address: int) -> bool:
        return self._mirror(name).leases[self._row(address)].until <= self.now

    def _withdraw(self, withdrawal: Withdrawal) -> None:
        self.ledger.apply(*withdrawal.changes)
        self.verdicts.forget(lambda key: self.pool.table.find(key[1]) is None)
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
