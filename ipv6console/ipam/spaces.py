"""The address spaces, by name and by id, and what concerns several of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from ipv6console.ipam.answer import Bound, Cut, Released
from ipv6console.ipam.change import (
    DelegationRecorded,
    RangeRecorded,
    ReservationRecorded,
    SpaceRecorded,
    SpaceRemoved,
    SpaceSnapshot,
)
from ipv6console.ipam.claim import Claim
from ipv6console.ipam.space import Space
from ipv6console.ipam.span import Address

CHOICES = ("random", "first")


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
        raise NotImplementedError

    def remove(self, name: str) -> SpaceRemoved:
        """Remove a space with its ranges, reservations and rests; raises NotFound, InUse while it has bindings or delegations."""
        raise NotImplementedError

    def find(self, name: str) -> Space:
        """Return the space of a name; raises NotFound."""
        raise NotImplementedError

    def get(self, number: int) -> Space:
        """Return the space of an id; raises NotFound."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Space]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def find_range(self, number: int) -> tuple[Space, RangeRecorded]:
        """Return a range by its id, with its space; raises NotFound."""
        raise NotImplementedError

    def find_reservation(self, number: int) -> tuple[Space, ReservationRecorded]:
        """Return a reservation by its id, with its space; raises NotFound."""
        raise NotImplementedError

    def find_delegation(self, number: int) -> tuple[Space, DelegationRecorded]:
        """Return a delegation by its id, with its space; raises NotFound."""
        raise NotImplementedError

    def find_operation(self, operation: str) -> tuple[Space, DelegationRecorded] | None:
        """Return what an operation has cut, in whichever space, with that; None when it has nothing."""
        raise NotImplementedError

    def bind(self, wanted: Sequence[Wanted], now: float) -> tuple[Bound, ...]:
        """Bind several, all or none, in their order; raises what `Space.allocate` and `Space.allocate_specific` do."""
        raise NotImplementedError

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
        """Delegate a prefix out of one of several spaces, or return what the operation has cut; see `Space.cut`.

        They are tried in their order, or all their ranges by `most_free`. A `range_id` must be of one of them.
        """
        raise NotImplementedError

    def due(self, now: float, limit: int = 1_000) -> Released:
        """End what is over, in all spaces, at most `limit`."""
        raise NotImplementedError

    def next_due(self) -> float | None:
        """Return when `due` has something to do, None when never."""
        raise NotImplementedError

    def taken(self, address: int) -> bool:
        """Return whether an IPv6 address is bound, reserved or in a delegated prefix, in any space."""
        raise NotImplementedError

    def restore(self, snapshot: SpaceSnapshot) -> None:
        """Forget everything, and hold what was committed."""
        raise NotImplementedError
