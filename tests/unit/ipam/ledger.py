"""What a store would hold of spaces: every change applied to plain dicts, nothing shared with the rules."""

from __future__ import annotations

from collections.abc import Iterable

from ipv6console.ipam.change import (
    BindingEnded,
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
    SpaceRemoved,
    SpaceSnapshot,
)


class Ledger:
    """Rows by what makes them one; refuses what the constraints of a database would."""

    def __init__(self) -> None:
        self.spaces: dict[int, SpaceRecorded] = {}
        self.ranges: dict[int, RangeRecorded] = {}
        self.reservations: dict[int, ReservationRecorded] = {}
        self.bindings: dict[int, BindingRecorded] = {}
        self.rests: dict[tuple[int, int, int], RestRow] = {}
        self.delegations: dict[int, DelegationRecorded] = {}
        self.past: list[BindingRecorded] = []

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._apply(change)

    def _apply(self, change: Change) -> None:
        match change:
            case SpaceRecorded():
                self.spaces[change.id] = change
            case SpaceRemoved():
                del self.spaces[change.id]
                self.ranges = {key: row for key, row in self.ranges.items() if row.space_id != change.id}
                self.reservations = {key: row for key, row in self.reservations.items() if row.space_id != change.id}
                self.rests = {key: row for key, row in self.rests.items() if row.space_id != change.id}
                assert all(row.space_id != change.id for row in self.bindings.values())
                assert all(row.space_id != change.id for row in self.delegations.values())
            case RangeRecorded():
                self.ranges[change.id] = change
            case RangeRemoved():
                del self.ranges[change.id]
            case BindingRecorded():
                others = [row for key, row in self.bindings.items() if key != change.id]
                assert all(row[1:4] != change[1:4] for row in others), "an address bound twice"
                assert all((row.space_id, *row[4:6]) != (change.space_id, *change[4:6]) for row in others), "I7"
                self.bindings[change.id] = change
            case BindingEnded():
                self.past.append(self.bindings.pop(change.id))
                if change.rests_until is not None:
                    self.rests[change[1:4]] = RestRow(*change[1:4], change.rests_until)
            case RestEnded():
                del self.rests[change]
            case _:
                self._keep(change)

    def _keep(self, change: Change) -> None:
        match change:
            case ReservationRecorded():
                self.reservations[change.id] = change
            case ReservationRemoved():
                del self.reservations[change.id]
            case DelegationRecorded():
                self.delegations[change.id] = change
            case DelegationRemoved():
                del self.delegations[change.id]
            case _:
                raise AssertionError(f"spaces never record {change}")

    def snapshot(self) -> SpaceSnapshot:
        return SpaceSnapshot(
            spaces=tuple(self.spaces.values()),
            ranges=tuple(self.ranges.values()),
            reservations=tuple(self.reservations.values()),
            bindings=tuple(row for _, row in sorted(self.bindings.items())),
            rests=tuple(self.rests.values()),
            delegations=tuple(self.delegations.values()),
        )
