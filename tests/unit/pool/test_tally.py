"""Counting uses."""

from __future__ import annotations

from ipv6console.pool.tally import Tally, by_page


def test_uses_and_the_last_of_them_are_known_of_each_row() -> None:
    tally = Tally()
    tally.add(1, 1, 10.9)
    tally.add(1, 1, 20.0)
    tally.add(5_000, 3, 30.0)
    tally.see(1, 25.0)
    assert [(tally.uses(row), tally.last(row)) for row in (0, 1, 5_000, 9_000)] == [(0, 0), (2, 25), (3, 30), (0, 0)]


def test_a_tally_is_true_once_something_was_used() -> None:
    tally = Tally()
    tally.see(1, 10.0)
    assert not tally
    assert (tally.uses(1), tally.last(1)) == (0, 0)
    tally.add(1, 1, 10.0)
    assert tally


def test_what_was_used_of_many_rows_is_told_without_looking_at_each() -> None:
    tally = Tally()
    tally.add(1, 2, 10.0)
    tally.add(5_000, 3, 30.0)
    tally.add(7_000, 1, 40.0)
    asked = by_page(range(5_200))
    assert set(tally.among(asked)) == {(1, 2, 10), (5_000, 3, 30)}
    assert list(Tally().among(asked)) == []
