"""The address spaces, by name and by id, and what concerns several of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple, TypeVar

from ipv6console.ipam.answer import Bound, Cut, Released
from ipv6console.ipam.change import (
    BindingRecorded,
    Change,
    DelegationRecorded,
    RangeRecorded,
    ReservationRecorded,
    RestRow,
    SpaceRecorded,
    SpaceRemoved,
    SpaceSnapshot,
)
from ipv6console.ipam.claim import Claim, check_space_name
from ipv6console.ipam.errors import AlreadyAllocated, InUse, InvalidName, InvalidSubnet, IpamError, NotFound, PoolFull
from ipv6console.ipam.gap import aligned
from ipv6console.ipam.numbering import Numbering
from ipv6console.ipam.space import Space
from ipv6console.ipam.span import Address

CHOICES = ("random", "first")

_Row = TypeVar("_Row", RangeRecorded, ReservationRecorded, DelegationRecorded)
_Owned = TypeVar("_Owned", RangeRecorded, ReservationRecorded, BindingRecorded, RestRow, DelegationRecorded)


class Wanted(NamedTuple):
    """One binding of several to be made: a certain `address`, or any, of a `family` if that matters."""

    space: Space
    claim: Claim
    address: Address | None = None
    family: int | None = None
    ttl: float | None = None


class Spaces:
    """All spaces; `random` chooses addresses. Iterating yields them by name."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbering = Numbering()
        self._by_name: dict[str, Space] = {}
        self._by_id: dict[int, Space] = {}

    def create(
        self,
        name: str,
        *,
        now: float,
        tenant: str = "",
        choice: str = "random",
        quarantine: float = 3_600.0,
        description: str = "",
    ) -> SpaceRecorded:
        """Make a space, found by its name from now on; raises InvalidName, AlreadyAllocated when there is one of the name."""
        check_space_name(name)
        if choice not in CHOICES:
            raise InvalidName(f"{choice[:60]!r} is no way to choose addresses", next=f"use {' or '.join(CHOICES)}")
        if name in self._by_name:
            raise AlreadyAllocated(f"there is a space {name} already", next="use it, or choose another name")
        self._numbering.space += 1
        row = SpaceRecorded(self._numbering.space, name, tenant, choice, quarantine, description, now)
        self._enter(row)
        return row

    def remove(self, name: str) -> SpaceRemoved:
        """Remove a space with its ranges, reservations and rests; raises NotFound, InUse while it has bindings or delegations."""
        space = self.find(name)
        stats = space.stats()
        if stats.bindings or stats.delegations:
            raise InUse(
                f"space {name} has {stats.bindings} bindings and {stats.delegations} delegated prefixes",
                next="release them first",
            )
        del self._by_name[name], self._by_id[space.row.id]
        return SpaceRemoved(space.row.id)

    def find(self, name: str) -> Space:
        """Return the space of a name; raises NotFound."""
        space = self._by_name.get(name)
        if space is None:
            raise NotFound(f"there is no space {name[:64]!r}", next="list the spaces for their names, or make it")
        return space

    def get(self, number: int) -> Space:
        """Return the space of an id; raises NotFound."""
        space = self._by_id.get(number)
        if space is None:
            raise NotFound(f"there is no space {number}", next="list the spaces")
        return space

    def __iter__(self) -> Iterator[Space]:
        return iter([self._by_name[name] for name in sorted(self._by_name)])

    def __len__(self) -> int:
        return len(self._by_name)

    def find_range(self, number: int) -> tuple[Space, RangeRecorded]:
        """Return a range by its id, with its space; raises NotFound."""
        return self._search(lambda space: space.find_range(number), f"range {number}")

    def find_reservation(self, number: int) -> tuple[Space, ReservationRecorded]:
        """Return a reservation by its id, with its space; raises NotFound."""
        return self._search(lambda space: space.find_reservation(number), f"reservation {number}")

    def find_delegation(self, number: int) -> tuple[Space, DelegationRecorded]:
        """Return a delegation by its id, with its space; raises NotFound."""
        return self._search(lambda space: space.find_delegation(number), f"delegated prefix {number}")

    def find_operation(self, operation: str) -> tuple[Space, DelegationRecorded] | None:
        """Return what an operation has cut, in whichever space, with that; None when it has nothing."""
        return next(((space, row) for space in self._by_id.values() if (row := space.find_operation(operation))), None)

    def bind(self, wanted: Sequence[Wanted], now: float) -> tuple[Bound, ...]:
        """Bind several, all or none, in their order; raises what `Space.allocate` and `Space.allocate_specific` do."""
        done: list[tuple[Space, Bound]] = []
        try:
            for space, claim, address, family, ttl in wanted:
                if address is None:
                    done.append((space, space.allocate(claim, now, family=family, ttl=ttl)))
                else:
                    done.append((space, space.allocate_specific(claim, address, now, ttl=ttl)))
        except IpamError:
            for space, bound in reversed(done):
                space.withdraw(bound)
            raise
        return tuple(bound for _, bound in done)

    def cut(
        self,
        spaces: Sequence[Space],
        length: int,
        *,
        operation: str,
        tenant: str,
        subscriber: str,
        now: float,
        range_id: int | None = None,
        most_free: bool = False,
    ) -> Cut:
        """Delegate an aligned IPv6 prefix of `length` out of one of several spaces, or return what the operation has cut.

        The ranges of the spaces are tried in their order, those of one as they were added, or with `most_free` by how many
        addresses they have left; with `range_id` that one alone. The prefix lies over no binding, reservation, rest or other
        delegation. Raises InvalidSubnet when no range is of that size, NotFound, PoolFull.
        """
        cut = self.find_operation(operation)
        if cut is not None:
            return Cut(cut[1], False, ())
        if not 1 <= length <= 128:
            raise InvalidSubnet(f"no prefix has a length of {length}", next="ask for a length from 1 to 128")
        uses = [(space, use) for space in spaces for use in space.uses() if range_id in (None, use.range.id)]
        if range_id is not None and not uses:
            raise NotFound(f"no IPv6 range {range_id} is in these spaces", next="list the ranges for their ids")
        fitting = [(space, use) for space, use in uses if aligned(1 << (128 - length), *use.span[1:]) is not None]
        if uses and not fitting:
            raise InvalidSubnet(
                f"no range is large enough for a /{length}", next="ask for a longer length, or add a range"
            )
        if most_free:
            fitting.sort(key=lambda each: each[1].available, reverse=True)
        for space, use in fitting:
            row = space.carve(use, length, operation=operation, tenant=tenant, subscriber=subscriber, now=now)
            if row is not None:
                return Cut(row, True, (row,))
        raise PoolFull(
            f"no /{length} is left in {', '.join(space.row.name for space in spaces) or 'no space'}",
            next="give prefixes back, ask for a longer length, or add a range",
        )

    def due(self, now: float, limit: int = 1_000) -> Released:
        """End bindings that have expired and rests that are over, in all spaces, at most `limit`."""
        rows: list[BindingRecorded] = []
        changes: list[Change] = []
        for space in self._by_id.values():
            ended = space.due(now, limit - len(changes))
            rows += ended.rows
            changes += ended.changes
        return Released(tuple(rows), tuple(changes))

    def next_due(self) -> float | None:
        """Return when `due` has something to do, None when never."""
        return min((at for space in self._by_id.values() if (at := space.next_due()) is not None), default=None)

    def taken(self, address: int) -> bool:
        """Return whether an IPv6 address is bound, reserved or in a delegated prefix, in any space."""
        where = Address(6, address)
        return any(space.taken(where) for space in self._by_id.values())

    def restore(self, snapshot: SpaceSnapshot) -> None:
        """Forget everything, and hold what was committed."""
        self._by_name, self._by_id = {}, {}
        for row in snapshot.spaces:
            self._enter(row)
        ranges, reservations = _by_space(snapshot.ranges), _by_space(snapshot.reservations)
        bindings, rests = _by_space(snapshot.bindings), _by_space(snapshot.rests)
        delegations = _by_space(snapshot.delegations)
        for number, space in self._by_id.items():
            space.restore(ranges[number], reservations[number], bindings[number], rests[number], delegations[number])
        self._numbering.restore(snapshot)

    def _enter(self, row: SpaceRecorded) -> None:
        self._by_name[row.name] = self._by_id[row.id] = Space(row, self._numbering, self._random)

    def _search(self, ask: Callable[[Space], _Row | None], what: str) -> tuple[Space, _Row]:
        for space in self._by_id.values():
            row = ask(space)
            if row is not None:
                return space, row
        raise NotFound(f"there is no {what}", next="list what there is for its id; it may have been removed already")


def _by_space(rows: Iterable[_Owned]) -> defaultdict[int, list[_Owned]]:
    owned: defaultdict[int, list[_Owned]] = defaultdict(list)
    for row in rows:
        owned[row.space_id].append(row)
    return owned
