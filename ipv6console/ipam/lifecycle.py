"""The life of one prefix of a subscriber: its states, and which may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from ipv6console.ipam.change import SubscriberRecorded
from ipv6console.ipam.errors import IllegalTransition


class State(StrEnum):
    """Where the prefix stands; a subscriber that never asked for one is pending, without a time of it."""

    PENDING = "pending"
    ALLOCATED = "allocated"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKING = "revoking"
    REVOKED = "revoked"
    FAILED = "failed"


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.PENDING: frozenset({State.ALLOCATED, State.FAILED}),
        State.ALLOCATED: frozenset({State.ACTIVE, State.REVOKING, State.FAILED}),
        State.ACTIVE: frozenset({State.SUSPENDED, State.REVOKING, State.FAILED}),
        State.SUSPENDED: frozenset({State.ACTIVE, State.REVOKING, State.FAILED}),
        State.REVOKING: frozenset({State.REVOKED, State.FAILED}),
        State.FAILED: frozenset({State.PENDING}),
        State.REVOKED: frozenset(),
    }
)
"""What may follow within one life; after REVOKED a new one begins, with an operation of its own."""

LIVE = frozenset({State.ALLOCATED, State.ACTIVE, State.SUSPENDED})
"""The states in which a subscriber has a prefix to use."""

_TIMES = {state: f"ipv6_{state.value}_at" for state in State} | {State.ACTIVE: "ipv6_activated_at"}
_NEXT = {
    State.PENDING: "wait for its steps, or cancel them with a reason",
    State.ALLOCATED: "activate or revoke it",
    State.ACTIVE: "suspend or revoke it",
    State.SUSPENDED: "resume or revoke it",
    State.REVOKING: "wait for its steps; `pending` names them",
    State.REVOKED: "allocate a new prefix",
    State.FAILED: "allocate again, or revoke it when the prefix is still held",
}


def check(before: State, after: State) -> None:
    """Raise IllegalTransition unless `after` may follow `before`."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"a prefix that is {before} cannot become {after}", next=_NEXT[before])


def state_of(row: SubscriberRecorded) -> State:
    """Return where the prefix of `row` stands."""
    return State(row.ipv6_state)


def entered(row: SubscriberRecorded) -> float:
    """Return when `row` came to its state, unix seconds; when it was made, if it never asked for a prefix."""
    at: float | None = getattr(row, _TIMES[state_of(row)])
    return row.created_at if at is None else at


def moved(row: SubscriberRecorded, after: State, now: float) -> SubscriberRecorded:
    """Return `row` in the state `after` from `now` on; raises IllegalTransition."""
    check(state_of(row), after)
    return row._replace(**_arrival(after, now))


def begun(row: SubscriberRecorded, operation: str, now: float) -> SubscriberRecorded:
    """Return `row` at the start of a life: nothing of the one before is left; raises IllegalTransition."""
    if state_of(row) not in {State.PENDING, State.REVOKED}:
        check(state_of(row), State.PENDING)
    return fresh(row, now)._replace(operation=operation, **_arrival(State.PENDING, now))


def fresh(row: SubscriberRecorded, now: float) -> SubscriberRecorded:
    """Return `row` as of a subscriber that never asked for a prefix."""
    return unused(row.tenant, row.id, row.mode, row.prefix_size, row.created_at)._replace(changed_at=now)


def unused(tenant: str, name: str, mode: str, prefix_size: int, now: float) -> SubscriberRecorded:
    """Return the row of a new subscriber."""
    nothing: dict[str, Any] = dict.fromkeys(SubscriberRecorded._fields)
    known = {
        "tenant": tenant,
        "id": name,
        "mode": mode,
        "prefix_size": prefix_size,
        "ipv6_state": State.PENDING.value,
        "created_at": now,
        "changed_at": now,
    }
    return SubscriberRecorded(**(nothing | known))


def _arrival(state: State, now: float) -> dict[str, Any]:
    return {"ipv6_state": state.value, _TIMES[state]: now, "changed_at": now}
