"""Following the changes of a table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipv6console.pool import trail as module
from ipv6console.pool.trail import Trail

FULL = module._SIZE


def _followed(seq: int = 0) -> Trail:
    trail = Trail(seq)
    trail.follow(0.0)
    return trail


@given(rows=st.lists(st.integers(0, 9), max_size=60), limit=st.integers(1, 20), stops=st.lists(st.integers(0, 60)))
def test_whoever_asks_again_and_again_hears_of_every_change(rows: list[int], limit: int, stops: list[int]) -> None:
    trail, seq, heard = _followed(7), 7, set()
    for number, row in enumerate(rows):
        trail.touch(row)
        if number in stops:
            steps = trail.after(seq, limit)
            assert steps
            heard |= set(steps.rows)
            seq = steps.seq
    while seq < trail.seq:
        steps = trail.after(seq, limit)
        assert steps
        assert len(steps.rows) <= limit
        heard |= set(steps.rows)
        seq = steps.seq
    assert heard == set(rows)


def test_a_row_that_changed_often_is_told_once() -> None:
    trail = _followed()
    for row in (1, 2, 1, 1):
        trail.touch(row)
    assert trail.after(0, 10) == ((1, 2), 4)
    assert trail.after(4, 10) == ((), 4)


def test_more_changes_than_are_remembered_are_missed_and_said_to_be() -> None:
    trail = _followed()
    for row in range(FULL + 1):
        trail.touch(row)
    assert trail.after(0, 10) is None
    steps = trail.after(1, FULL)
    assert steps
    assert len(steps.rows) == FULL


def test_a_number_never_given_out_and_one_from_before_a_loss_are_missed() -> None:
    trail = _followed(5)
    assert trail.after(6, 10) is None
    assert trail.after(4, 10) is None
    trail.lose()
    assert trail.after(5, 10) is None
    assert trail.after(trail.seq, 10) == ((), trail.seq)


def test_nothing_is_noted_once_nobody_has_followed_for_a_minute() -> None:
    trail = _followed()
    trail.touch(1)
    trail.rest(59.0)
    assert trail.on
    trail.follow(59.0)
    trail.rest(118.0)
    assert trail.on
    trail.rest(119.0)
    assert not trail.on
    trail.follow(200.0)
    assert trail.after(1, 10) is None, "what happened in between was not noted"
