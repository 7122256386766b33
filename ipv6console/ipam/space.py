"""One address space: its ranges, and who has which address of them."""

from __future__ import annotations

from collections.abc import Iterator

from ipv6console.ipam.answer import Bound, Cut, Released, Reserved, Stats
from ipv6console.ipam.change import (
    BindingRecorded,
    Change,
    DelegationRecorded,
    DelegationRemoved,
    RangeRecorded,
    ReservationRecorded,
    ReservationRemoved,
    SpaceRecorded,
)
from ipv6console.ipam.claim import Claim
from ipv6console.ipam.span import Address, Span


class Space:
    """A space as its `row` says; made by `Spaces`. `now` is unix seconds.

    What changes it does so in memory and returns the changes to commit; what it refuses has changed nothing.
    """

    row: SpaceRecorded

    # Ranges and reservations

    def add_range(self, span: Span, description: str, now: float) -> RangeRecorded:
        """Add a range; raises InvalidRange when it overlaps one of this space."""
        raise NotImplementedError

    def remove_range(self, number: int) -> tuple[Change, ...]:
        """Remove a range with its reservations and rests; raises NotFound, or InUse while bindings or delegations are in it."""
        raise NotImplementedError

    def ranges(self) -> tuple[RangeRecorded, ...]:
        """Return the ranges, by family and first address."""
        raise NotImplementedError

    def range_stats(self, number: int) -> Stats:
        """Count within one range; raises NotFound."""
        raise NotImplementedError

    def reserve(self, span: Span, reason: str, actor: str, now: float) -> Reserved:
        """Never hand these addresses out, which all lie in one range.

        Raises NotAvailable for addresses outside every range, reserved or delegated already, AlreadyAllocated for bound ones.
        """
        raise NotImplementedError

    def unreserve(self, number: int) -> ReservationRemoved:
        """End a reservation; raises NotFound."""
        raise NotImplementedError

    def reservations(self) -> tuple[ReservationRecorded, ...]:
        """Return the reservations, by family and first address."""
        raise NotImplementedError

    # Bindings

    def allocate(self, claim: Claim, now: float, *, family: int | None = None, ttl: float | None = None) -> Bound:
        """Bind an address as the space chooses, or return what (instance, id) has.

        `family` 4 or 6 says of which, None of either (IPv6 first); `ttl` is the seconds until it ends by itself. Raises PoolFull,
        AlreadyAllocated when (instance, id) has one of the other family.
        """
        raise NotImplementedError

    def allocate_specific(self, claim: Claim, address: Address, now: float, *, ttl: float | None = None) -> Bound:
        """Bind this address, or return the binding when (instance, id) has it.

        Raises AlreadyAllocated when the address is another's or (instance, id) has another address, NotAvailable when it is outside
        every range, reserved, resting or in a delegated prefix.
        """
        raise NotImplementedError

    def withdraw(self, row: BindingRecorded) -> None:
        """Take back a binding that was made just now and will not be committed: no history, no rest."""
        raise NotImplementedError

    def get_binding(self, address: Address) -> BindingRecorded:
        """Return the binding of an address; raises BindingNotFound."""
        raise NotImplementedError

    def find_by_id(self, instance: str, key: str) -> BindingRecorded | None:
        """Return the binding of (instance, id), None when there is none."""
        raise NotImplementedError

    def find_by_resource(self, kind: str, resource: str) -> tuple[BindingRecorded, ...]:
        """Return every binding of a resource, the oldest first."""
        raise NotImplementedError

    def find_by_tag(self, tag: str) -> tuple[BindingRecorded, ...]:
        """Return every binding that has a tag, the oldest first."""
        raise NotImplementedError

    def list_by_instance(self, instance: str) -> tuple[BindingRecorded, ...]:
        """Return every binding of an instance, the oldest first."""
        raise NotImplementedError

    def bindings(self, within: Span | None = None, *, after: Address | None = None) -> Iterator[BindingRecorded]:
        """Yield bindings by family and address: those `within` a span, behind the address `after`.

        The space must not change meanwhile.
        """
        raise NotImplementedError

    def release(self, address: Address, actor: str, now: float) -> Released:
        """End the binding of an address; raises BindingNotFound."""
        raise NotImplementedError

    def release_id(self, instance: str, key: str, actor: str, now: float) -> Released:
        """End the binding of (instance, id); raises BindingNotFound."""
        raise NotImplementedError

    def release_instance(self, instance: str, actor: str, now: float) -> Released:
        """End every binding of an instance, also when there is none."""
        raise NotImplementedError

    def due(self, now: float, limit: int = 1_000) -> Released:
        """End bindings that have expired and rests that are over, at most `limit` of both."""
        raise NotImplementedError

    def next_due(self) -> float | None:
        """Return when `due` has something to do (or finds that it has not), None when never."""
        raise NotImplementedError

    # Delegations

    def cut(
        self,
        length: int,
        *,
        operation: str,
        tenant: str,
        subscriber: str,
        now: float,
        range_id: int | None = None,
        most_free: bool = False,
    ) -> Cut:
        """Delegate an aligned IPv6 prefix of `length`, or return what the operation has cut.

        Out of one range, or of all: in the order they were added, or the one with `most_free` addresses first. It lies over no
        binding, reservation, rest or other delegation. Raises InvalidSubnet, NotFound, PoolFull.
        """
        raise NotImplementedError

    def give_back(self, number: int) -> DelegationRemoved:
        """Put a delegated prefix back; raises NotFound."""
        raise NotImplementedError

    def mark(self, number: int, status: str) -> DelegationRecorded:
        """Give a delegation a status; raises NotFound."""
        raise NotImplementedError

    def delegations(self) -> tuple[DelegationRecorded, ...]:
        """Return the delegations, the oldest first."""
        raise NotImplementedError

    # Questions

    def taken(self, address: Address) -> bool:
        """Return whether an address is bound, reserved or in a delegated prefix."""
        raise NotImplementedError

    def stats(self) -> Stats:
        """Count."""
        raise NotImplementedError
