"""Spaces beside a dumb model, whatever is done in whatever order; run by the suite for a little while and by the soak for long.

The model keeps the state of every address by itself: ranges are small, so that everything is full soon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ipv6console.ipam.answer import Bound, Released, Stats
from ipv6console.ipam.claim import Claim, claim
from ipv6console.ipam.errors import (
    AlreadyAllocated,
    BindingNotFound,
    InUse,
    InvalidRange,
    InvalidSubnet,
    IpamError,
    NotAvailable,
    PoolFull,
)
from ipv6console.ipam.space import Space
from ipv6console.ipam.spaces import Spaces, Wanted
from ipv6console.ipam.span import Address, Span, block, parse_span
from tests.unit.ipam.ledger import Ledger

RANGES = tuple(
    parse_span(text)
    for text in (
        "2001:db8::/124",
        "2001:db8::10-2001:db8::17",  # touches the first
        "2001:db8::c-2001:db8::12",  # overlaps both
        "2001:db8:0:1::3-2001:db8:0:1::1a",
        "::/125",  # begins where the line does
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff9-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "192.0.2.0/29",
        "192.0.2.8",
    )
)
QUARANTINE = {"sparse": 60.0, "packed": 0.0, "rested": 30.0}
CHOICE = {"sparse": "random", "packed": "first", "rested": "first"}
LENGTHS = (120, 124, 125, 126, 127, 128)

names = st.sampled_from(tuple(CHOICE))
instances = st.sampled_from(("blue", "red"))
keys = st.sampled_from(tuple("abcdefghijkl"))
owners = st.tuples(instances, keys)
resources = st.sampled_from((("vm", "vm-1"), ("pod", "web"), ("custom:other", "")))
ttls = st.sampled_from((None, None, 20.0, 100.0))
families = st.sampled_from((None, None, 6, 4))
ranges = st.sampled_from(RANGES)
offsets = st.integers(0, 31)

Where = tuple[int, int]


class Model:
    """One space, by the book."""

    def __init__(self) -> None:
        self.ranges: dict[int, Span] = {}
        self.reserved: dict[int, Span] = {}
        self.cut: dict[int, tuple[Span, str]] = {}
        self.bound: dict[Where, tuple[Claim, float | None]] = {}
        self.rests: dict[Where, float] = {}

    def addresses(self) -> list[Where]:
        """Return every address of every range, in order."""
        return sorted(
            (span.family, value) for span in self.ranges.values() for value in range(span.first, span.last + 1)
        )

    def kept(self, where: Where) -> bool:
        spans = [*self.reserved.values(), *(span for span, _ in self.cut.values())]
        return any(span.family == where[0] and span.first <= where[1] <= span.last for span in spans)

    def free(self, family: int | None = None) -> list[Where]:
        used = self.bound.keys() | self.rests.keys()
        return [
            where
            for where in self.addresses()
            if family in (None, where[0]) and where not in used and not self.kept(where)
        ]

    def has(self, claim: Claim) -> Where | None:
        return next((where for where, (held, _) in self.bound.items() if held[:2] == claim[:2]), None)

    def place(self, length: int) -> Span | None:
        """Return the prefix that the first range with room for it has first."""
        free = set(self.free(6))
        for _, span in sorted(self.ranges.items()):
            size = 1 << (128 - length)
            for network in range(-(-span.first // size) * size, span.last - size + 2, size) if span.family == 6 else ():
                if all((6, value) in free for value in range(network, network + size)):
                    return block(6, network, length)
        return None

    def stats(self, within: Span) -> Stats:
        inside = lambda where: where[0] == within.family and within.first <= where[1] <= within.last  # noqa: E731
        reserved = sum(span.size for span in self.reserved.values() if within.holds(span))
        cut = [span for span, _ in self.cut.values() if within.holds(span)]
        bound = sum(map(inside, self.bound))
        allocated = bound + sum(span.size for span in cut)
        resting = sum(map(inside, self.rests))
        available = within.size - allocated - reserved - resting
        return Stats(within.size, allocated, reserved, resting, available, bound, len(cut))


class SpacesMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.operations = 0
        self.ledger = Ledger()
        self.models: dict[str, Model] = {}

    @initialize(seed=st.integers(0, 1 << 30))
    def begin(self, seed: int) -> None:
        self.spaces = Spaces(Random(seed))
        for name, choice in CHOICE.items():
            row = self.spaces.create(name, now=self.now, choice=choice, quarantine=QUARANTINE[name])
            self.ledger.apply((row,))
            self.models[name] = Model()
            self.add_range(name, RANGES[0])
            self.add_range(name, RANGES[6])

    @rule(name=names, span=ranges)
    def add_range(self, name: str, span: Span) -> None:
        space, model = self.spaces.find(name), self.models[name]
        overlap = any(
            other.family == span.family and other.first <= span.last and span.first <= other.last
            for other in model.ranges.values()
        )
        if overlap:
            self._refused(InvalidRange, lambda: space.add_range(span, "", self.now))
            return
        row = space.add_range(span, "", self.now)
        self.ledger.apply((row,))
        model.ranges[row.id] = span

    @rule(name=names, data=st.data())
    def remove_range(self, name: str, data: st.DataObject) -> None:
        space, model = self.spaces.find(name), self.models[name]
        if len(model.ranges) < 3:
            return
        number = data.draw(st.sampled_from(sorted(model.ranges)))
        span = model.ranges[number]
        counts = model.stats(span)
        if counts.bindings or counts.delegations:
            self._refused(InUse, lambda: space.remove_range(number))
            return
        self.ledger.apply(space.remove_range(number))
        del model.ranges[number]
        model.reserved = {key: other for key, other in model.reserved.items() if not span.holds(other)}
        model.rests = {where: until for where, until in model.rests.items() if not span.holds(_one(where))}

    @rule(name=names, within=ranges, offset=offsets, size=st.integers(1, 6))
    def reserve(self, name: str, within: Span, offset: int, size: int) -> None:
        space, model = self.spaces.find(name), self.models[name]
        first = within.first + offset
        span = Span(within.family, first, first + size - 1)
        if span.last >= 1 << (128 if span.family == 6 else 32):
            return
        inside = {(span.family, value) for value in range(span.first, span.last + 1)}
        act = partial(space.reserve, span, "gateways", "tester", self.now)
        if not any(other.holds(span) for other in model.ranges.values()) or any(map(model.kept, inside)):
            self._refused((NotAvailable, AlreadyAllocated), act)
        elif inside & model.bound.keys():
            self._refused(AlreadyAllocated, act)
        else:
            reserved = act()
            self.ledger.apply(reserved.changes)
            model.reserved[reserved.row.id] = span
            model.rests = {where: until for where, until in model.rests.items() if where not in inside}

    @rule(name=names, data=st.data())
    def unreserve(self, name: str, data: st.DataObject) -> None:
        model = self.models[name]
        if model.reserved:
            number = data.draw(st.sampled_from(sorted(model.reserved)))
            self.ledger.apply((self.spaces.find(name).unreserve(number),))
            del model.reserved[number]

    @rule(name=names, owner=owners, resource=resources, family=families, ttl=ttls)
    def allocate(
        self, name: str, owner: tuple[str, str], resource: tuple[str, str], family: int | None, ttl: float | None
    ) -> None:
        space, model = self.spaces.find(name), self.models[name]
        wanted = claim(*owner, kind=resource[0], resource=resource[1], tags=owner[:1], actor="tester")
        held = model.has(wanted)
        act = partial(space.allocate, wanted, self.now, family=family, ttl=ttl)
        if held is not None:
            if family in (None, held[0]):
                self._again(name, held, act(), wanted, ttl)
            else:
                self._refused(AlreadyAllocated, act)
            return
        free = model.free(family) if family else model.free(6) or model.free(4)
        if not free:
            self._refused(PoolFull, act)
            return
        bound = act()
        assert bound.created
        where = bound.row[2:4]
        assert where in free
        assert CHOICE[name] == "random" or where == free[0]
        self._bound(name, bound, ttl)

    @rule(name=names, owner=owners, within=ranges, offset=offsets, ttl=ttls)
    def allocate_specific(
        self, name: str, owner: tuple[str, str], within: Span, offset: int, ttl: float | None
    ) -> None:
        space, model = self.spaces.find(name), self.models[name]
        value = within.first + offset
        if value >= 1 << (128 if within.family == 6 else 32):
            return
        address = Address(within.family, value)
        wanted = claim(*owner)
        held = model.has(wanted)
        act = partial(space.allocate_specific, wanted, address, self.now, ttl=ttl)
        if held is not None:
            if held == address:
                self._again(name, held, act(), wanted, ttl)
            else:
                self._refused(AlreadyAllocated, act)
        elif address in model.bound:
            self._refused(AlreadyAllocated, act)
        elif address not in model.free():
            self._refused(NotAvailable, act)
        else:
            bound = act()
            assert bound.created
            assert bound.row[2:4] == address
            self._bound(name, bound, ttl)

    @rule(name=names, instance=instances, count=st.integers(2, 6), data=st.data())
    def bind_several(self, name: str, instance: str, count: int, data: st.DataObject) -> None:
        """All of them or none; the last may want an address that it cannot have."""
        space, model = self.spaces.find(name), self.models[name]
        chosen = data.draw(st.lists(keys, min_size=count, max_size=count, unique=True))
        wanted = [Wanted(space, claim(instance, key)) for key in chosen]
        wanted.append(Wanted(space, claim("green", "z"), Address(6, data.draw(offsets) + RANGES[0].first)))
        try:
            made = self.spaces.bind(wanted, self.now)
        except IpamError:
            return  # the invariants say that nothing has changed
        for bound in made:
            self.ledger.apply(bound.changes)
            if bound.changes:
                model.bound[bound.row[2:4]] = (Claim(*bound.row[4:11]), None)

    def _again(self, name: str, held: Where, bound: Bound, wanted: Claim, ttl: float | None) -> None:
        _, expires = self.models[name].bound[held]
        assert not bound.created
        assert bound.row[2:4] == held
        if expires is not None and expires <= self.now:
            assert Claim(*bound.row[4:11]) == wanted
            self._bound(name, bound, ttl)
        else:
            assert bound.changes == ()

    def _bound(self, name: str, bound: Bound, ttl: float | None) -> None:
        self.ledger.apply(bound.changes)
        expires = None if ttl is None else self.now + ttl
        assert bound.row.expires_at == expires
        self.models[name].bound[bound.row[2:4]] = (Claim(*bound.row[4:11]), expires)

    @rule(name=names, data=st.data(), how=st.sampled_from(("address", "id", "id", "instance")))
    def release(self, name: str, data: st.DataObject, how: str) -> None:
        space, model = self.spaces.find(name), self.models[name]
        if not model.bound:
            self._refused(BindingNotFound, lambda: space.release_id("blue", "a", "tester", self.now))
            return
        where = data.draw(st.sampled_from(sorted(model.bound)))
        held, _ = model.bound[where]
        match how:
            case "address":
                released = space.release(Address(*where), "tester", self.now)
            case "id":
                released = space.release_id(held.instance, held.key, "tester", self.now)
            case _:
                released = space.release_instance(held.instance, "tester", self.now)
                assert {row[2:4] for row in released.rows} == {
                    other for other, (its, _) in model.bound.items() if its.instance == held.instance
                }
        self._released(name, released)

    def _released(self, name: str, released: Released) -> None:
        model = self.models[name]
        self.ledger.apply(released.changes)
        for row in released.rows:
            del model.bound[row[2:4]]
            if QUARANTINE[name]:
                model.rests[row[2:4]] = self.now + QUARANTINE[name]

    @rule(seconds=st.sampled_from((1.0, 15.0, 30.0, 100.0)), prompt=st.booleans())
    def time_passes(self, seconds: float, prompt: bool) -> None:
        """Expiries and rests end when they are asked about, which may be late."""
        self.now += seconds
        at = self.spaces.next_due()
        ends = [until for model in self.models.values() for until in model.rests.values()]
        ends += [until for model in self.models.values() for _, until in model.bound.values() if until is not None]
        assert at == min(ends, default=None)
        while prompt and (at := self.spaces.next_due()) is not None and at <= self.now:
            self._due()

    def _due(self) -> None:
        ended = self.spaces.due(self.now, 3)
        assert 1 <= len(ended.changes) <= 3
        self.ledger.apply(ended.changes)
        for row in ended.rows:
            assert row.expires_at is not None
            assert row.expires_at <= self.now
        for name, space in ((space.row.name, space) for space in self.spaces):
            expired = tuple(row for row in ended.rows if row.space_id == space.row.id)
            self._released(name, Released(expired, ()))
            woken = [change for change in ended.changes if change[0] == space.row.id and len(change) == 3]
            for change in woken:
                assert self.models[name].rests.pop((change[1], change[2])) <= self.now

    @rule(name=names, length=st.sampled_from(LENGTHS))
    def cut(self, name: str, length: int) -> None:
        space, model = self.spaces.find(name), self.models[name]
        self.operations += 1
        operation = f"operation-{self.operations}"
        act = partial(
            self.spaces.cut, [space], length, operation=operation, tenant="", subscriber="alice", now=self.now
        )
        expected = model.place(length)
        if expected is None:
            self._refused((PoolFull, InvalidSubnet), act)
            return
        cut = act()
        assert cut.created
        assert block(6, cut.row.network, length) == expected
        assert not act().created
        assert act().row == cut.row
        self.ledger.apply(cut.changes)
        model.cut[cut.row.id] = (expected, operation)

    @rule(name=names, data=st.data(), mark=st.booleans())
    def give_back(self, name: str, data: st.DataObject, mark: bool) -> None:
        space, model = self.spaces.find(name), self.models[name]
        if model.cut:
            number = data.draw(st.sampled_from(sorted(model.cut)))
            if mark:
                self.ledger.apply((space.mark(number, "active"),))
            else:
                self.ledger.apply((space.give_back(number),))
                del model.cut[number]

    @precondition(lambda self: self.ledger.bindings or self.ledger.rests)
    @rule(seed=st.integers(0, 1 << 30))
    def restart(self, seed: int) -> None:
        self.spaces = Spaces(Random(seed))
        self.spaces.restore(self.ledger.snapshot())

    @invariant()
    def the_model_agrees(self) -> None:
        for name, model in self.models.items():
            space = self.spaces.find(name)
            per_range = {row.id: space.range_stats(row.id) for row in space.ranges()}
            assert per_range == {number: model.stats(span) for number, span in model.ranges.items()}
            assert space.stats() == Stats(*map(sum, zip(*per_range.values(), strict=True)))
            assert len(model.free()) == space.stats().available
            self._finds(space, model)
            for where in model.addresses():
                assert space.taken(Address(*where)) == (where in model.bound or model.kept(where))

    def _finds(self, space: Space, model: Model) -> None:
        rows = list(space.bindings())
        assert [row[2:4] for row in rows] == sorted(model.bound)
        assert {row[2:4]: (Claim(*row[4:11]), row.expires_at) for row in rows} == model.bound
        assert rows == sorted(
            (row for row in self.ledger.bindings.values() if row.space_id == space.row.id), key=_place
        )
        assert max(Counter(row[4:6] for row in rows).values(), default=0) <= 1, "I7"
        for row in rows:
            assert space.find_by_id(row.instance, row.key) == row
            assert space.get_binding(Address(*row[2:4])) == row
            alike = {other for other in rows if other[6:8] == row[6:8]}
            assert set(space.find_by_resource(row.kind, row.resource)) == alike
            assert set(space.list_by_instance(row.instance)) == {r for r in rows if r.instance == row.instance}
        for tag in ("blue", "red"):
            assert set(space.find_by_tag(tag)) == {row for row in rows if f'"{tag}"' in row.tags}

    def _refused(self, kind: type[IpamError] | tuple[type[IpamError], ...], act: Callable[[], object]) -> None:
        with pytest.raises(kind) as refused:
            act()
        assert refused.value.detail
        assert refused.value.next


def _one(where: Where) -> Span:
    return Span(where[0], where[1], where[1])


def _place(row: tuple[object, ...]) -> tuple[object, ...]:
    return row[2:4]
