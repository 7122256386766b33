"""Leaks: prefixes on which the store, the IPAMs, and the kernel or DHCPv6 server do not agree.

Three lists are compared. What is under way (a step that is pending) is no leak: it is agreed upon when it ends.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network
from typing import Generic, NamedTuple, TypeVar

from ipv6console.ipam.change import IntentRecorded, SubscriberRecorded
from ipv6console.ipam.lifecycle import State
from ipv6console.ipam.outbox import Step

_USED = frozenset({State.ALLOCATED, State.ACTIVE, State.SUSPENDED, State.REVOKING})
_OVER = frozenset({State.REVOKED, State.FAILED})
_BITS = 128
_T = TypeVar("_T")


class Kind(StrEnum):
    """How they do not agree."""

    UNKNOWN = "unknown-in-store"
    MISSING = "missing-in-ipam"
    OWNER = "owner-differs"
    DUPLICATE = "duplicate"
    KEPT = "held-after-revoke"
    FOREIGN = "not-delegated-by-us"


class Repair(StrEnum):
    """What mends a leak nobody has to decide about."""

    RELEASE = "release"
    """Give back to the IPAM what nobody here holds."""
    REVOKE = "revoke"
    """Ask for the release of what was revoked."""
    FORGET = "forget"
    """Forget what the IPAM no longer holds."""


class Held(NamedTuple):
    """A prefix an IPAM holds for us: `id` is its number there, `operation` the one that asked for it, if it knows."""

    registry: str
    id: int
    network: int
    length: int
    operation: str | None
    tenant: str
    subscriber: str


class Seen(NamedTuple):
    """A prefix that the kernel or the DHCPv6 server (`source`) sends somewhere, and where in words."""

    network: int
    length: int
    source: str
    text: str


class Leak(NamedTuple):
    """One difference. `repair` is None when a person has to decide; two with the same `id` are of the same thing."""

    kind: Kind
    network: int
    length: int
    tenant: str | None
    subscriber: str | None
    registry: str | None
    registry_id: int | None
    seen: tuple[str, ...]
    text: str
    repair: Repair | None

    @property
    def prefix(self) -> str:
        """The prefix in CIDR form."""
        return str(IPv6Network((self.network, self.length)))

    @property
    def id(self) -> str:
        """What names it, the same as long as it is there."""
        what = (self.kind, self.network, self.length, self.tenant, self.subscriber, self.registry, self.registry_id)
        return sha256(repr(what).encode()).hexdigest()[:12]


class Store(NamedTuple):
    """What the store says: every subscriber, and every pending step."""

    rows: Sequence[SubscriberRecorded]
    steps: Sequence[IntentRecorded]


class _Index(Generic[_T]):
    """Finds what overlaps a prefix."""

    def __init__(self, items: Iterable[tuple[int, int, _T]]) -> None:
        self._at: dict[tuple[int, int], list[_T]] = {}
        for network, length, item in items:
            self._at.setdefault((network, length), []).append(item)
        self._order = sorted(self._at)
        self._lengths = sorted({length for _, length in self._at})

    def overlapping(self, network: int, length: int) -> Iterator[_T]:
        """Yield what covers the prefix, is it, or is inside it."""
        for shorter in self._lengths:
            if shorter < length:
                yield from self._at.get((_cut(network, shorter), shorter), ())
        end = network + (1 << (_BITS - length))
        for place in range(bisect_left(self._order, (network, 0)), len(self._order)):
            found = self._order[place]
            if found[0] >= end:
                break
            if found[1] >= length:
                yield from self._at[found]


def find_leaks(
    store: Store,
    held: Mapping[str, Sequence[Held]],
    seen: Sequence[Seen] = (),
    areas: Sequence[tuple[int, int]] = (),
) -> list[Leak]:
    """Return what differs. `held` has the prefixes of each IPAM that could be asked, by its name.

    Of `seen` only that counts which is inside the `areas` (first and last address) that subscribers' prefixes come from.
    The whole of an area, or more, is where they come from, not what was given to somebody.
    """
    return list(_Comparison(store, held, [it for it in dict.fromkeys(seen) if _inside(it, areas)]).leaks())


def of_both(before: Iterable[Leak], after: Iterable[Leak]) -> list[Leak]:
    """Return those of `after` that are in `before` too: what came or went while the others were asked is no leak."""
    known = {leak.id for leak in before}
    return [leak for leak in after if leak.id in known]


class _Comparison:
    def __init__(self, store: Store, held: Mapping[str, Sequence[Held]], seen: Sequence[Seen]) -> None:
        self._rows = store.rows
        self._held = held
        self._seen = seen
        self._operations = {operation for step in store.steps for operation in _operations(step)}
        self._moving = {
            (step.tenant, step.subscriber) for step in store.steps if step.step in (Step.ALLOCATE, Step.RELEASE)
        }
        self._by_id = {
            (row.registry, row.ipv6_netbox_prefix_id): row
            for row in store.rows
            if row.registry is not None and row.ipv6_netbox_prefix_id is not None
        }
        self._holders = _Index(
            (row.network, row.length, row) for row in store.rows if row.network is not None and row.length is not None
        )
        self._allocations = _Index((it.network, it.length, it) for rows in held.values() for it in rows)
        self._places = _Index((it.network, it.length, it) for it in seen)

    def leaks(self) -> Iterator[Leak]:
        for allocations in self._held.values():
            for allocation in allocations:
                row = self._by_id.get((allocation.registry, allocation.id))
                leak = self._orphan(allocation) if row is None else self._kept(allocation, row)
                if leak is not None:
                    yield leak
        yield from self._missing()
        yield from self._twice()
        yield from self._foreign()

    def _orphan(self, it: Held) -> Leak | None:
        if it.operation in self._operations:
            return None
        place = f"{it.registry} {it.id}"
        others = list(self._holders.overlapping(it.network, it.length))
        rivals = [one for one in self._allocations.overlapping(it.network, it.length) if one is not it]
        used = list(self._places.overlapping(it.network, it.length))
        kind, repair = Kind.UNKNOWN, None if it.operation is None else Repair.RELEASE
        if others or rivals:
            kind = Kind.DUPLICATE
            text = f"{place} overlaps {_named(others, rivals)}, and nobody here holds it"
        elif it.operation is None:
            text = f"{place} has our mark and no operation: somebody made it by hand"
        else:
            text = f"{place} is held for operation {it.operation}, of which nobody here knows"
        if used and not others:
            # Whoever uses it would lose it, or have to share it with the next who is given it.
            text, repair = f"{text}; it is in use", None
        return self._leak(kind, it, (place, *map(_place, used)), text, repair)

    def _kept(self, it: Held, row: SubscriberRecorded) -> Leak | None:
        place = f"{it.registry} {it.id}"
        if (it.network, it.length) != (row.network, row.length):
            text = f"{place} is {_cidr(it.network, it.length)} there and {_of(row)} here"
            return self._of_row(Kind.OWNER, row, (place, "store"), text, None)
        if it.operation != row.operation and (it.tenant, it.subscriber) != (row.tenant, row.id):
            whose = f"{it.subscriber or 'nobody'} of tenant {it.tenant or 'nobody'}"
            return self._of_row(Kind.OWNER, row, (place, "store"), f"{place} is {whose}'s there", None)
        if row.ipv6_state not in _OVER or (row.tenant, row.id) in self._moving:
            return None
        text = f"{place} is still held, though the prefix is {row.ipv6_state}"
        used = list(self._places.overlapping(it.network, it.length))
        if used:
            text += "; it is in use"
        return self._of_row(Kind.KEPT, row, (place, "store", *map(_place, used)), text, None if used else Repair.REVOKE)

    def _missing(self) -> Iterator[Leak]:
        present = {(it.registry, it.id) for rows in self._held.values() for it in rows}
        for (registry, number), row in self._by_id.items():
            if registry not in self._held or (registry, number) in present or (row.tenant, row.id) in self._moving:
                continue
            if row.network is None or row.length is None:
                continue
            others = list(self._allocations.overlapping(row.network, row.length))
            if others:
                told = ", ".join(f"{it.registry} {it.id}" for it in others)
                text = f"{registry} {number} is gone, and {told} has the prefix"
                yield self._of_row(Kind.OWNER, row, ("store", told), text, None)
                continue
            over = row.ipv6_state in _OVER
            text = f"{registry} {number} is not there, and the prefix is {row.ipv6_state}"
            if not over:
                text += ": somebody took it out, and it may be given to another"
            yield self._of_row(Kind.MISSING, row, ("store",), text, Repair.FORGET if over else None)

    def _twice(self) -> Iterator[Leak]:
        for row in self._rows:
            if row.network is None or row.length is None:
                continue
            for other in self._holders.overlapping(row.network, row.length):
                if (row.tenant, row.id) < (other.tenant, other.id):
                    text = f"{_of(row)} of {row.id} overlaps {_of(other)} of {other.id} (tenant {other.tenant})"
                    yield self._of_row(Kind.DUPLICATE, row, ("store",), text, None)

    def _foreign(self) -> Iterator[Leak]:
        for it in self._seen:
            if any(row.ipv6_state in _USED for row in self._holders.overlapping(it.network, it.length)):
                continue
            if any(True for _ in self._allocations.overlapping(it.network, it.length)):
                # Told with what holds it.
                continue
            text = f"{it.text}, and nobody has that prefix"
            yield Leak(Kind.FOREIGN, it.network, it.length, None, None, None, None, (it.source,), text, None)

    @staticmethod
    def _leak(kind: Kind, it: Held, seen: tuple[str, ...], text: str, repair: Repair | None) -> Leak:
        tenant, subscriber = it.tenant or None, it.subscriber or None
        return Leak(kind, it.network, it.length, tenant, subscriber, it.registry, it.id, seen, text, repair)

    @staticmethod
    def _of_row(kind: Kind, row: SubscriberRecorded, seen: tuple[str, ...], text: str, repair: Repair | None) -> Leak:
        return Leak(
            kind,
            row.network or 0,
            _BITS if row.length is None else row.length,
            row.tenant,
            row.id,
            row.registry,
            row.ipv6_netbox_prefix_id,
            seen,
            text,
            repair,
        )


def _inside(it: Seen, areas: Sequence[tuple[int, int]]) -> bool:
    last = it.network + (1 << (_BITS - it.length)) - 1
    return any(first <= it.network and last <= end and (first, end) != (it.network, last) for first, end in areas)


def _operations(step: IntentRecorded) -> Iterator[str]:
    """Yield the operations that a pending step may yet change the holding of."""
    if step.step == Step.ALLOCATE:
        yield step.id
    elif step.step == Step.RELEASE:
        undone = json.loads(step.payload).get("undo")
        if isinstance(undone, str):
            yield undone


def _named(rows: Sequence[SubscriberRecorded], rivals: Sequence[Held]) -> str:
    if rows:
        return f"{_of(rows[0])} of {rows[0].id} (tenant {rows[0].tenant})"
    return f"{rivals[0].registry} {rivals[0].id}, {_cidr(rivals[0].network, rivals[0].length)}"


def _of(row: SubscriberRecorded) -> str:
    return "nothing" if row.network is None or row.length is None else _cidr(row.network, row.length)


def _cidr(network: int, length: int) -> str:
    return f"{IPv6Address(network)}/{length}"


def _place(it: Seen) -> str:
    return f"{it.source}: {it.text}"


def _cut(address: int, length: int) -> int:
    return address >> (_BITS - length) << (_BITS - length)
