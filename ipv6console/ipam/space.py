"""One address space: its ranges, and who has which address of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random

from ipv6console.ipam.answer import Bound, Released
from ipv6console.ipam.change import (
    BindingEnded,
    BindingRecorded,
    Change,
    DelegationRecorded,
    RangeRecorded,
    ReservationRecorded,
    RestEnded,
    RestRow,
    SpaceRecorded,
)
from ipv6console.ipam.claim import Claim
from ipv6console.ipam.errors import BindingNotFound
from ipv6console.ipam.ground import Ground
from ipv6console.ipam.index import Index
from ipv6console.ipam.numbering import Numbering
from ipv6console.ipam.refusal import bound_elsewhere, full, unavailable
from ipv6console.ipam.span import BITS, Address, Span

FIRST = "first"


class Space(Ground):
    """A space as its `row` says; made by `Spaces`. `now` is unix seconds.

    What changes it does so in memory and returns the changes to commit; what it refuses has changed nothing.
    """

    __slots__ = ("_index", "_random")

    def __init__(self, row: SpaceRecorded, numbering: Numbering, random: Random) -> None:
        super().__init__(row, numbering)
        self._random = random
        self._index = Index()

    def allocate(self, claim: Claim, now: float, *, family: int | None = None, ttl: float | None = None) -> Bound:
        """Bind an address as the space chooses, or return what (instance, id) has.

        `family` 4 or 6 says of which, None of either (IPv6 first); `ttl` is the seconds until it ends by itself. What has
        expired and was not ended yet goes on, on the new terms. Raises PoolFull, AlreadyAllocated when (instance, id) has an
        address of the other family.
        """
        held = self._index.by_id(claim.instance, claim.key)
        if held is None:
            return self._bind(claim, self._choose(family), now, ttl)
        if family is not None and held.family != family:
            raise bound_elsewhere(held, f"an IPv{family} address")
        return self._again(held, claim, now, ttl)

    def allocate_specific(self, claim: Claim, address: Address, now: float, *, ttl: float | None = None) -> Bound:
        """Bind this address, or return the binding when (instance, id) has it.

        Raises AlreadyAllocated when the address is another's or (instance, id) has another address, NotAvailable when it is
        outside every range, reserved, resting or in a delegated prefix.
        """
        held = self._index.by_id(claim.instance, claim.key)
        if held is not None:
            if (held.family, held.address) != address:
                raise bound_elsewhere(held, str(address))
            return self._again(held, claim, now, ttl)
        line = self._lines[address.family]
        if not line.occupancy.is_free(address.value, address.value):
            raise unavailable(line, address.value)
        return self._bind(claim, address, now, ttl)

    def withdraw(self, bound: Bound) -> None:
        """Take back what was bound just now and will not be committed: no history, no rest."""
        if not bound.changes:
            return
        row = bound.row
        if row.expires_at is not None:
            self._agenda.void()
        if bound.before is not None:
            self._replace(row, bound.before)
            return
        self._index.remove(row)
        self._lines[row.family].unbind(row, None)

    def get_binding(self, address: Address) -> BindingRecorded:
        """Return the binding of an address; raises BindingNotFound."""
        row = self._lines[address.family].bindings.get(address.value)
        if row is None:
            raise BindingNotFound(
                f"{address} is not bound in space {self.row.name}",
                next="list the bindings of the space for what there is",
            )
        return row

    def find_by_id(self, instance: str, key: str) -> BindingRecorded | None:
        """Return the binding of (instance, id), None when there is none."""
        return self._index.by_id(instance, key)

    def find_by_resource(self, kind: str, resource: str) -> tuple[BindingRecorded, ...]:
        """Return every binding of a resource, the oldest first."""
        return self._index.by_resource(kind, resource)

    def find_by_tag(self, tag: str) -> tuple[BindingRecorded, ...]:
        """Return every binding that has a tag, the oldest first."""
        return self._index.by_tag(tag)

    def list_by_instance(self, instance: str) -> tuple[BindingRecorded, ...]:
        """Return every binding of an instance, the oldest first."""
        return self._index.by_instance(instance)

    def bindings(self, within: Span | None = None, *, after: Address | None = None) -> Iterator[BindingRecorded]:
        """Yield bindings by family and address: those `within` a span, behind the address `after`.

        The space must not change meanwhile.
        """
        spans = [within] if within is not None else [Span(family, 0, (1 << BITS[family]) - 1) for family in (4, 6)]
        for family, first, last in spans:
            if after is None or family > after.family:
                yield from self._lines[family].sorted_bindings(first, last)
            elif family == after.family:
                yield from self._lines[family].sorted_bindings(max(first, after.value + 1), last)

    def release(self, address: Address, actor: str, now: float) -> Released:
        """End the binding of an address; raises BindingNotFound."""
        row = self.get_binding(address)
        return Released((row,), (self._end(row, "released", actor, now),))

    def release_id(self, instance: str, key: str, actor: str, now: float) -> Released:
        """End the binding of (instance, id); raises BindingNotFound."""
        row = self._index.by_id(instance, key)
        if row is None:
            raise BindingNotFound(
                f"{instance} has no binding {key} in space {self.row.name}", next="list the bindings of the instance"
            )
        return Released((row,), (self._end(row, "released", actor, now),))

    def release_instance(self, instance: str, actor: str, now: float) -> Released:
        """End every binding of an instance, also when there is none."""
        rows = self._index.by_instance(instance)
        return Released(rows, tuple(self._end(row, "instance", actor, now) for row in rows))

    def due(self, now: float, limit: int = 1_000) -> Released:
        """End bindings that have expired and rests that are over, at most `limit` of both."""
        rows: list[BindingRecorded] = []
        changes: list[Change] = []
        while len(changes) < limit and (entry := self._agenda.take(now)) is not None:
            _, family, address = entry
            line = self._lines[family]
            row = line.bindings.get(address)
            if row is None:
                line.wake(address)
                changes.append(RestEnded(self.row.id, family, address))
            else:
                rows.append(row)
                changes.append(self._end(row, "expired", "", now, taken=True))
        return Released(tuple(rows), tuple(changes))

    def next_due(self) -> float | None:
        """Return when `due` has something to do, None when never."""
        return self._agenda.next()

    def restore(
        self,
        ranges: Iterable[RangeRecorded],
        reservations: Iterable[ReservationRecorded],
        bindings: Sequence[BindingRecorded],
        rests: Sequence[RestRow],
        delegations: Iterable[DelegationRecorded],
    ) -> None:
        """Fill a space that was made just now with its rows."""
        super().restore(ranges, reservations, bindings, rests, delegations)
        for row in bindings:
            self._index.add(row)

    def _choose(self, family: int | None) -> Address:
        for candidate in (6, 4) if family is None else (family,):
            line = self._lines[candidate]
            if line.free:
                first = self.row.choice == FIRST
                return Address(candidate, line.occupancy.nth_free(0) if first else line.draw(self._random))
        raise full(
            self.row.name,
            [use for line in self._lines.values() if family in (None, line.family) for use in line.uses],
            family,
        )

    def _again(self, held: BindingRecorded, claim: Claim, now: float, ttl: float | None) -> Bound:
        if held.expires_at is None or held.expires_at > now:
            return Bound(held, False, ())
        row = self._row(held.id, claim, Address(held.family, held.address), now, ttl)
        self._agenda.void()
        self._replace(held, row)
        return Bound(row, False, (row,), held)

    def _replace(self, before: BindingRecorded, after: BindingRecorded) -> None:
        self._index.remove(before)
        self._index.add(after)
        self._lines[after.family].bindings[after.address] = after
        self._schedule(after)

    def _bind(self, claim: Claim, address: Address, now: float, ttl: float | None) -> Bound:
        self._numbering.binding += 1
        row = self._row(self._numbering.binding, claim, address, now, ttl)
        self._lines[address.family].bind(row)
        self._index.add(row)
        self._schedule(row)
        return Bound(row, True, (row,))

    def _row(self, number: int, claim: Claim, address: Address, now: float, ttl: float | None) -> BindingRecorded:
        return BindingRecorded(number, self.row.id, *address, *claim, now, None if ttl is None else now + ttl)

    def _schedule(self, row: BindingRecorded) -> None:
        if row.expires_at is not None:
            self._agenda.add(row.expires_at, row.family, row.address)

    def _end(self, row: BindingRecorded, reason: str, actor: str, now: float, *, taken: bool = False) -> BindingEnded:
        """End a binding; `taken` says that its own entry of the agenda was taken."""
        until = now + self.row.quarantine if self.row.quarantine > 0 else None
        self._index.remove(row)
        self._lines[row.family].unbind(row, until)
        if row.expires_at is not None and not taken:
            self._agenda.void()
        if until is not None:
            self._agenda.add(until, row.family, row.address)
        return BindingEnded(row.id, self.row.id, row.family, row.address, now, reason, actor, until)
