"""The states of a subscriber's prefix, and which may follow which."""

from __future__ import annotations

from itertools import product

import pytest

from ipv6console.ipam.errors import IllegalTransition
from ipv6console.ipam.lifecycle import State, begun, check, entered, moved, state_of, unused

ALLOWED = {
    "pending": "allocated failed",
    "allocated": "active revoking failed",
    "active": "suspended revoking failed",
    "suspended": "active revoking failed",
    "revoking": "revoked failed",
    "failed": "pending",
    "revoked": "",
}


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_exactly_the_known_transitions_are_allowed(before: State, after: State) -> None:
    if after in ALLOWED[before].split():
        check(before, after)
    else:
        with pytest.raises(IllegalTransition, match=f"{before} cannot become {after}") as refused:
            check(before, after)
        assert refused.value.next


def test_each_state_has_the_time_it_was_entered_last() -> None:
    row = unused("acme", "a", "pd", 56, 1.0)
    assert (entered(row), row.ipv6_pending_at) == (1.0, None)
    row = begun(row, "op", 2.0)
    for at, state in enumerate((State.ALLOCATED, State.ACTIVE, State.SUSPENDED, State.ACTIVE, State.REVOKING), 3):
        row = moved(row, state, float(at))
        assert (state_of(row), entered(row)) == (state, float(at))
    assert (row.ipv6_allocated_at, row.ipv6_activated_at, row.ipv6_suspended_at) == (3.0, 6.0, 5.0)


def test_a_new_life_begins_with_nothing_of_the_one_before() -> None:
    row = moved(moved(begun(unused("acme", "a", "pd", 56, 1.0), "op", 2.0), State.ALLOCATED, 3.0), State.REVOKING, 4.0)
    row = moved(row, State.REVOKED, 5.0)._replace(coa="ack", failure="no")
    again = begun(row, "op2", 6.0)
    assert again == begun(unused("acme", "a", "pd", 56, 1.0), "op2", 6.0)
    with pytest.raises(IllegalTransition):
        begun(moved(again, State.ALLOCATED, 7.0), "op3", 8.0)
