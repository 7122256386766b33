"""What a space answers: the rows concerned, with the changes to commit."""

from __future__ import annotations

from typing import NamedTuple

from ipv6console.ipam.change import BindingRecorded, Change, DelegationRecorded, ReservationRecorded


class Bound(NamedTuple):
    """A binding; `created` is false when it was there already, and then nothing is to be committed.

    Except when it had expired without having been ended: it goes on as the row says, and `before` is as it was.
    """

    row: BindingRecorded
    created: bool
    changes: tuple[Change, ...]
    before: BindingRecorded | None = None


class Released(NamedTuple):
    """The bindings that ended, and the changes: those of their ends, and of rests that are over."""

    rows: tuple[BindingRecorded, ...]
    changes: tuple[Change, ...]


class Reserved(NamedTuple):
    """A reservation; addresses in it that rested rest no more, for they are not handed out anyway."""

    row: ReservationRecorded
    changes: tuple[Change, ...]


class Cut(NamedTuple):
    """A delegated prefix; `created` is false, and there are no changes, when the operation had cut it already."""

    row: DelegationRecorded
    created: bool
    changes: tuple[Change, ...]


class Stats(NamedTuple):
    """Exact counts of addresses: total = allocated + reserved + resting + available.

    The addresses of delegated prefixes are allocated. `bindings` and `delegations` count those.
    """

    total: int = 0
    allocated: int = 0
    reserved: int = 0
    resting: int = 0
    available: int = 0
    bindings: int = 0
    delegations: int = 0
