"""The ground of a space: its ranges, what of them is kept back as reserved, and what is delegated as prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ipv6console.ipam.agenda import Agenda, Due
from ipv6console.ipam.answer import Reserved, Stats
from ipv6console.ipam.change import (
    BindingRecorded,
    Change,
    DelegationRecorded,
    DelegationRemoved,
    RangeRecorded,
    RangeRemoved,
    ReservationRecorded,
    ReservationRemoved,
    RestEnded,
    RestRow,
    SpaceRecorded,
)
from ipv6console.ipam.errors import NotFound
from ipv6console.ipam.line import Line, Use
from ipv6console.ipam.numbering import Numbering
from ipv6console.ipam.refusal import beyond, unavailable
from ipv6console.ipam.span import Address, Span


class Ground:
    """Ranges of a space with its reservations and delegations; `Space` adds the bindings, which `stats` counts already."""

    __slots__ = ("_agenda", "_delegations", "_lines", "_numbering", "_operations", "_ranges", "_reservations", "row")

    def __init__(self, row: SpaceRecorded, numbering: Numbering) -> None:
        self.row = row
        self._numbering = numbering
        self._lines = {6: Line(6), 4: Line(4)}
        self._agenda = Agenda(self._holds)
        self._ranges: dict[int, Use] = {}
        self._reservations: dict[int, ReservationRecorded] = {}
        self._delegations: dict[int, DelegationRecorded] = {}
        self._operations: dict[str, DelegationRecorded] = {}

    # Ranges and reservations

    def add_range(self, span: Span, description: str, now: float) -> RangeRecorded:
        """Add a range; raises InvalidRange when it overlaps one of this space."""
        row = RangeRecorded(
            self._numbering.range + 1, self.row.id, span.family, span.first, span.last, description, now
        )
        line = self._lines[span.family]
        line.open(row)
        self._ranges[row.id] = line.use_of(row.first)
        self._numbering.range += 1
        return row

    def remove_range(self, number: int) -> tuple[Change, ...]:
        """Remove a range with its reservations and rests; raises NotFound, or InUse while bindings or delegations are in it."""
        use = self._use(number)
        family = use.span.family
        rested, reserved = self._lines[family].close(use)
        del self._ranges[number]
        for reservation in reserved:
            del self._reservations[reservation.id]
        for _ in rested:
            self._agenda.void()
        return (
            *(RestEnded(self.row.id, family, address) for address in rested),
            *(ReservationRemoved(reservation.id) for reservation in reserved),
            RangeRemoved(number),
        )

    def ranges(self) -> tuple[RangeRecorded, ...]:
        """Return the ranges, by family and first address."""
        return tuple(use.range for family in (4, 6) for use in self._lines[family].uses)

    def find_range(self, number: int) -> RangeRecorded | None:
        """Return a range by its id, None when it is not of this space."""
        use = self._ranges.get(number)
        return use.range if use is not None else None

    def range_stats(self, number: int) -> Stats:
        """Count within one range; raises NotFound."""
        return self._use(number).stats()

    def reserve(self, span: Span, reason: str, actor: str, now: float) -> Reserved:
        """Never hand these addresses out, which all lie in one range; those that rest in it rest no more.

        Raises NotAvailable for addresses outside the ranges, reserved or delegated already, AlreadyAllocated for bound ones.
        """
        line = self._lines[span.family]
        if line.locate(span) is None:
            raise beyond(span)
        obstacle = line.obstacle(span)
        if obstacle is not None:
            raise unavailable(line, obstacle, of=span)
        self._numbering.reservation += 1
        row = ReservationRecorded(self._numbering.reservation, self.row.id, *span, reason, actor, now)
        rested = line.reserve(row)
        self._reservations[row.id] = row
        for _ in rested:
            self._agenda.void()
        return Reserved(row, (*(RestEnded(self.row.id, span.family, address) for address in rested), row))

    def unreserve(self, number: int) -> ReservationRemoved:
        """End a reservation; raises NotFound."""
        row = self._reservations.get(number)
        if row is None:
            raise NotFound(
                f"space {self.row.name} has no reservation {number}", next="list the reservations for their ids"
            )
        self._lines[row.family].unreserve(row)
        del self._reservations[number]
        return ReservationRemoved(number)

    def reservations(self) -> tuple[ReservationRecorded, ...]:
        """Return the reservations, by family and first address."""
        return tuple(sorted(self._reservations.values(), key=lambda row: (row.family, row.first)))

    def find_reservation(self, number: int) -> ReservationRecorded | None:
        """Return a reservation by its id, None when it is not of this space."""
        return self._reservations.get(number)

    # Delegations; `Spaces.cut` makes them

    def uses(self) -> Iterable[Use]:
        """Return the IPv6 ranges with what is used of them, in the order they were added."""
        return [use for use in self._ranges.values() if use.span.family == 6]

    def carve(
        self, use: Use, length: int, *, operation: str, tenant: str, subscriber: str, now: float
    ) -> DelegationRecorded | None:
        """Delegate the lowest free prefix of `length` in a range; None when it has none."""
        line = self._lines[6]
        network = line.place(use, length)
        if network is None:
            return None
        self._numbering.delegation += 1
        row = DelegationRecorded(
            self._numbering.delegation,
            self.row.id,
            use.range.id,
            network,
            length,
            operation,
            tenant,
            subscriber,
            "reserved",
            now,
        )
        line.delegate(row)
        self._delegations[row.id] = self._operations[operation] = row
        return row

    def give_back(self, number: int) -> DelegationRemoved:
        """Put a delegated prefix back; raises NotFound."""
        row = self._delegation(number)
        self._lines[6].undelegate(row)
        del self._delegations[number], self._operations[row.operation]
        return DelegationRemoved(number)

    def mark(self, number: int, status: str) -> DelegationRecorded:
        """Give a delegation a status; raises NotFound."""
        row = self._delegation(number)._replace(status=status)
        self._lines[6].delegations[row.network] = self._delegations[number] = self._operations[row.operation] = row
        return row

    def delegations(self) -> tuple[DelegationRecorded, ...]:
        """Return the delegations, the oldest first."""
        return tuple(self._delegations.values())

    def find_delegation(self, number: int) -> DelegationRecorded | None:
        """Return a delegation by its id, None when it is not of this space."""
        return self._delegations.get(number)

    def find_operation(self, operation: str) -> DelegationRecorded | None:
        """Return what an operation has cut here."""
        return self._operations.get(operation)

    # Questions

    def taken(self, address: Address) -> bool:
        """Return whether an address is bound, reserved or in a delegated prefix."""
        return self._lines[address.family].owner(address.value) is not None

    def stats(self) -> Stats:
        """Count."""
        counts = [use.stats() for line in self._lines.values() for use in line.uses]
        return Stats(*(sum(column) for column in zip(*counts, strict=True)))

    def restore(
        self,
        ranges: Iterable[RangeRecorded],
        reservations: Iterable[ReservationRecorded],
        bindings: Sequence[BindingRecorded],
        rests: Sequence[RestRow],
        delegations: Iterable[DelegationRecorded],
    ) -> None:
        """Fill a space that was made just now with its rows."""
        self._reservations = {row.id: row for row in reservations}
        self._delegations = {row.id: row for row in delegations}
        self._operations = {row.operation: row for row in self._delegations.values()}
        ordered = tuple(ranges)
        for family, line in self._lines.items():
            line.load(
                [row for row in ordered if row.family == family],
                [row for row in self._reservations.values() if row.family == family],
                self._delegations.values() if family == 6 else (),
                [row for row in bindings if row.family == family],
                [row for row in rests if row.family == family],
            )
        self._ranges = {row.id: self._lines[row.family].use_of(row.first) for row in ordered}
        ends = ((row.expires_at, row.family, row.address) for row in bindings if row.expires_at is not None)
        self._agenda.load([*ends, *((rest.until, rest.family, rest.address) for rest in rests)])

    def _delegation(self, number: int) -> DelegationRecorded:
        row = self._delegations.get(number)
        if row is None:
            raise NotFound(
                f"space {self.row.name} has no delegated prefix {number}", next="it may have been given back already"
            )
        return row

    def _use(self, number: int) -> Use:
        use = self._ranges.get(number)
        if use is None:
            raise NotFound(
                f"space {self.row.name} has no range {number}", next="list the ranges of the space for their ids"
            )
        return use

    def _holds(self, entry: Due) -> bool:
        at, family, address = entry
        line = self._lines[family]
        row = line.bindings.get(address)
        return line.rests.get(address) == at if row is None else row.expires_at == at
