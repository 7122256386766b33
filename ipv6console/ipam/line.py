"""One family of a space: ranges on the line of all its addresses, and what occupies them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from random import Random

from ipv6console.ipam.answer import Stats
from ipv6console.ipam.change import BindingRecorded, DelegationRecorded, RangeRecorded, ReservationRecorded, RestRow
from ipv6console.ipam.errors import InUse, InvalidRange
from ipv6console.ipam.occupancy import Occupancy
from ipv6console.ipam.span import BITS, Span, block

TRIES = 4
"""How often an address is drawn blindly in a line that is mostly free: that costs less than to count free ones."""


class Use:
    """A range and what is used of it, in addresses."""

    __slots__ = ("allocated", "bindings", "delegations", "range", "reserved", "resting", "span")

    def __init__(self, row: RangeRecorded) -> None:
        self.range = row
        self.span = span_of(row)
        self.allocated = self.reserved = self.resting = self.bindings = self.delegations = 0

    @property
    def available(self) -> int:
        """How many addresses are free."""
        return self.span.size - self.allocated - self.reserved - self.resting

    def stats(self) -> Stats:
        """Count."""
        return Stats(
            self.span.size,
            self.allocated,
            self.reserved,
            self.resting,
            self.available,
            self.bindings,
            self.delegations,
        )


def span_of(row: RangeRecorded | ReservationRecorded) -> Span:
    """Return the addresses of a range or reservation."""
    return Span(row.family, row.first, row.last)


def block_of(row: DelegationRecorded) -> Span:
    """Return the addresses of a delegated prefix."""
    return block(6, row.network, row.length)


class Line:
    """The addresses of one family: each is outside every range, or free, or occupied by what one of the dicts tells.

    What is outside the ranges is occupied as well, so that what is free is what may be handed out.
    """

    __slots__ = ("_ends", "_firsts", "bindings", "delegations", "family", "occupancy", "reservations", "rests", "uses")

    def __init__(self, family: int) -> None:
        self.family = family
        self.occupancy = Occupancy(BITS[family])
        self.occupancy.add(0, self._top)
        self.uses: list[Use] = []
        self._firsts: list[int] = []
        self._ends: list[int] = []
        self.bindings: dict[int, BindingRecorded] = {}
        self.rests: dict[int, float] = {}
        self.reservations: dict[int, ReservationRecorded] = {}
        self.delegations: dict[int, DelegationRecorded] = {}

    @property
    def free(self) -> int:
        """How many addresses may be handed out."""
        return self.occupancy.free

    def open(self, row: RangeRecorded) -> None:
        """Add a range; raises InvalidRange when it overlaps another."""
        at = bisect_left(self._firsts, row.first)
        for near in self.uses[max(at - 1, 0) : at + 1]:
            if near.span.first <= row.last and row.first <= near.span.last:
                raise InvalidRange(
                    f"{span_of(row)} overlaps {near.span}, which is in the space already",
                    next="give a range that has no address of another",
                )
        first, last = self._outside(at)
        self.occupancy.remove(first)
        if first < row.first:
            self.occupancy.add(first, row.first - 1)
        if row.last < last:
            self.occupancy.add(row.last + 1, last)
        self.uses.insert(at, Use(row))
        self._firsts.insert(at, row.first)
        self._measure()

    def close(self, use: Use) -> tuple[list[int], list[ReservationRecorded]]:
        """Remove a range; return the addresses in it that rested, and its reservations. Raises InUse."""
        if use.bindings or use.delegations:
            raise InUse(
                f"{use.span} has {use.bindings} bindings and {use.delegations} delegated prefixes",
                next="release them first",
            )
        inside = [first for first, _ in self.occupancy.between(use.span.first, use.span.last)]
        rested = [first for first in inside if first in self.rests]
        reserved = [self.reservations[first] for first in inside if first in self.reservations]
        for address in rested:
            self.wake(address)
        for row in reserved:
            self.unreserve(row)
        at = bisect_left(self._firsts, use.span.first)
        before, after = self._outside(at), self._outside(at + 1)
        for first, last in (before, after):
            if first <= last:
                self.occupancy.remove(first)
        self.occupancy.add(before[0], after[1])
        del self.uses[at], self._firsts[at]
        self._measure()
        return rested, reserved

    def locate(self, span: Span) -> Use | None:
        """Return the range that has every address of a span."""
        at = bisect_right(self._firsts, span.first) - 1
        return self.uses[at] if at >= 0 and span.last <= self.uses[at].span.last else None

    def use_of(self, address: int) -> Use:
        """Return the range of an address that is in one."""
        return self.uses[bisect_right(self._firsts, address) - 1]

    def draw(self, random: Random) -> int:
        """Return a free address, of which there are some, any of them as likely as another."""
        total, free = self._ends[-1], self.occupancy.free
        if 2 * free > total:
            for _ in range(TRIES):
                number = random.randrange(total)
                at = bisect_right(self._ends, number)
                address = self.uses[at].span.last - (self._ends[at] - 1 - number)
                if self.occupancy.is_free(address, address):
                    return address
        return self.occupancy.nth_free(random.randrange(free))

    def bind(self, row: BindingRecorded) -> None:
        """Occupy the free address of a binding."""
        self.occupancy.add(row.address, row.address)
        self.bindings[row.address] = row
        use = self.use_of(row.address)
        use.allocated += 1
        use.bindings += 1

    def unbind(self, row: BindingRecorded, until: float | None) -> None:
        """End a binding; its address rests until then, if that is not None."""
        address = row.address
        del self.bindings[address]
        use = self.use_of(address)
        use.allocated -= 1
        use.bindings -= 1
        if until is None:
            self.occupancy.remove(address)
        else:
            self.rests[address] = until
            use.resting += 1

    def wake(self, address: int) -> None:
        """End a rest."""
        del self.rests[address]
        self.occupancy.remove(address)
        self.use_of(address).resting -= 1

    def reserve(self, row: ReservationRecorded) -> list[int]:
        """Reserve addresses of one range that are free or rest; return those that rested until now."""
        rested = [first for first, _ in self.occupancy.between(row.first, row.last)]
        for address in rested:
            self.wake(address)
        self.occupancy.add(row.first, row.last)
        self.reservations[row.first] = row
        self.use_of(row.first).reserved += span_of(row).size
        return rested

    def obstacle(self, span: Span) -> int | None:
        """Return the first address in a span of one range that is neither free nor resting, None when all are."""
        inside = self.occupancy.between(span.first, span.last)
        return next((max(first, span.first) for first, _ in inside if first not in self.rests), None)

    def owner(self, address: int) -> BindingRecorded | ReservationRecorded | DelegationRecorded | None:
        """Return the binding, reservation or delegation that an address is of."""
        if (binding := self.bindings.get(address)) is not None:
            return binding
        first = next((first for first, _ in self.occupancy.between(address, address)), -1)
        return self.reservations.get(first) or self.delegations.get(first)

    def unreserve(self, row: ReservationRecorded) -> None:
        """End a reservation."""
        del self.reservations[row.first]
        self.occupancy.remove(row.first)
        self.use_of(row.first).reserved -= span_of(row).size

    def place(self, use: Use, length: int) -> int | None:
        """Return the lowest free network of a length in a range, None when there is none."""
        return self.occupancy.room(1 << (BITS[self.family] - length), use.span.first, use.span.last)

    def delegate(self, row: DelegationRecorded) -> None:
        """Occupy a free network."""
        span = block_of(row)
        self.occupancy.add(span.first, span.last)
        self.delegations[row.network] = row
        use = self.use_of(row.network)
        use.allocated += span.size
        use.delegations += 1

    def undelegate(self, row: DelegationRecorded) -> None:
        """Free a delegated network."""
        del self.delegations[row.network]
        self.occupancy.remove(row.network)
        use = self.use_of(row.network)
        use.allocated -= block_of(row).size
        use.delegations -= 1

    def sorted_bindings(self, first: int, last: int) -> Iterator[BindingRecorded]:
        """Yield the bindings of addresses from `first` to `last`, in order."""
        bindings = self.bindings
        for address, _ in self.occupancy.between(first, last):
            row = bindings.get(address)
            if row is not None:
                yield row

    def load(
        self,
        ranges: Iterable[RangeRecorded],
        reservations: Iterable[ReservationRecorded],
        delegations: Iterable[DelegationRecorded],
        bindings: Iterable[BindingRecorded],
        rests: Iterable[RestRow],
    ) -> None:
        """Fill an empty line with what was committed."""
        self.uses = [Use(row) for row in sorted(ranges, key=lambda row: row.first)]
        self._firsts = [use.span.first for use in self.uses]
        self._measure()
        outside = [self._outside(at) for at in range(len(self.uses) + 1)]
        intervals = [(first, last) for first, last in outside if first <= last]
        for reservation in reservations:
            self.reservations[reservation.first] = reservation
            self.use_of(reservation.first).reserved += span_of(reservation).size
            intervals.append((reservation.first, reservation.last))
        for delegation in delegations:
            span = block_of(delegation)
            self.delegations[delegation.network] = delegation
            use = self.use_of(delegation.network)
            use.allocated += span.size
            use.delegations += 1
            intervals.append((span.first, span.last))
        for binding in bindings:
            self.bindings[binding.address] = binding
            use = self.use_of(binding.address)
            use.allocated += 1
            use.bindings += 1
            intervals.append((binding.address, binding.address))
        for rest in rests:
            self.rests[rest.address] = rest.until
            self.use_of(rest.address).resting += 1
            intervals.append((rest.address, rest.address))
        self.occupancy.load(intervals)

    @property
    def _top(self) -> int:
        return (1 << BITS[self.family]) - 1

    def _measure(self) -> None:
        self._ends = list(accumulate(use.span.size for use in self.uses))

    def _outside(self, at: int) -> tuple[int, int]:
        """Return what lies between range `at` - 1 and range `at`; its last may be before its first."""
        first = self.uses[at - 1].span.last + 1 if at else 0
        last = self.uses[at].span.first - 1 if at < len(self.uses) else self._top
        return first, last
