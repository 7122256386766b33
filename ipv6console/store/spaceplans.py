"""How changes of spaces, subscribers and their outbox are written."""

from __future__ import annotations

from typing import Any

from ipv6console.ipam.change import (
    BindingEnded,
    BindingRecorded,
    DelegationRecorded,
    DelegationRemoved,
    IntentRecorded,
    IntentsForgotten,
    RangeRecorded,
    RangeRemoved,
    ReservationRecorded,
    ReservationRemoved,
    RestEnded,
    SpaceRecorded,
    SpaceRemoved,
    SubscriberRecorded,
    SubscriberRemoved,
    TransitionRecorded,
)
from ipv6console.store.inet import to_text
from ipv6console.store.plan import Plan, insert, upsert
from ipv6console.store.spacetables import (
    binding,
    delegation,
    intent,
    reservation,
    space,
    space_range,
    subscriber,
    transition,
)


def _edges_row(change: RangeRecorded | ReservationRecorded) -> tuple[Any, ...]:
    key, space_id, family, first, last, *others = change
    return (key, space_id, family, to_text(family, first), to_text(family, last), *others)


def _binding_row(change: BindingRecorded) -> tuple[Any, ...]:
    return (*change[:3], to_text(change.family, change.address), *change[4:])


def _ended_row(change: BindingEnded) -> tuple[Any, ...]:
    return (change.ended_at, change.reason, change.actor, change.id)


def _number(change: BindingEnded | SpaceRemoved) -> tuple[Any, ...]:
    return (change.id,)


def _rest_row(change: BindingEnded) -> tuple[Any, ...]:
    # Without an end there is no rest, which the statement sees to.
    return (
        change.space_id,
        change.family,
        to_text(change.family, change.address),
        change.rests_until,
        change.rests_until,
    )


def _rested_row(change: RestEnded) -> tuple[Any, ...]:
    return (change.space_id, change.family, to_text(change.family, change.address))


def _delegation_row(change: DelegationRecorded) -> tuple[Any, ...]:
    return (*change[:3], to_text(6, change.network), *change[4:])


def _subscriber_row(change: SubscriberRecorded) -> tuple[Any, ...]:
    network = change.network
    return (*change[:5], None if network is None else to_text(6, network), *change[6:])


_KEPT = ", ".join(column.name for column in list(binding.columns)[1:])
_PAST = f"""INSERT INTO binding_history (space, binding_id, {_KEPT}, ended_at, reason, ended_by)
SELECT (SELECT name FROM space WHERE id = binding.space_id), id, {_KEPT}, ?, ?, ? FROM binding WHERE id = ?"""  # noqa: S608 - names of columns

SPACE_PLANS: dict[type, Plan] = {
    SpaceRecorded: Plan((upsert(space),)),
    SpaceRemoved: Plan(
        (
            "DELETE FROM space_range WHERE space_id = ?",
            "DELETE FROM reservation WHERE space_id = ?",
            "DELETE FROM rest WHERE space_id = ?",
            "DELETE FROM space WHERE id = ?",
        )
    ),
    RangeRecorded: Plan((upsert(space_range),), _edges_row),
    RangeRemoved: Plan(("DELETE FROM space_range WHERE id = ?",)),
    ReservationRecorded: Plan((upsert(reservation),), _edges_row),
    ReservationRemoved: Plan(("DELETE FROM reservation WHERE id = ?",)),
    BindingRecorded: Plan((upsert(binding),), _binding_row),
    BindingEnded: Plan(
        (_PAST,),
        _ended_row,
        then=(
            Plan(("DELETE FROM binding WHERE id = ?",), _number),
            Plan(("INSERT OR REPLACE INTO rest SELECT ?, ?, ?, ? WHERE ? IS NOT NULL",), _rest_row),
        ),
    ),
    RestEnded: Plan(("DELETE FROM rest WHERE space_id = ? AND family = ? AND address = ?",), _rested_row),
    DelegationRecorded: Plan((upsert(delegation),), _delegation_row),
    DelegationRemoved: Plan(("DELETE FROM delegation WHERE id = ?",)),
    SubscriberRecorded: Plan((upsert(subscriber),), _subscriber_row),
    SubscriberRemoved: Plan(
        (
            "DELETE FROM transition WHERE tenant = ? AND subscriber = ?",
            "DELETE FROM subscriber WHERE tenant = ? AND id = ?",
        )
    ),
    TransitionRecorded: Plan((insert(transition, leave_out=("id",)),)),
    IntentRecorded: Plan((upsert(intent),)),
    IntentsForgotten: Plan(("DELETE FROM intent WHERE changed_at < ? AND state <> 'pending'",)),
}
