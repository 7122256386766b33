"""Keys in order, a few of which change all the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipv6console.console.ranking import Ranking

KEYS = st.lists(st.integers(0, 500), max_size=60)


def filled(number: int) -> Ranking:
    ranking = Ranking()
    for key in range(number):
        ranking.add(key * 7 % number)
    return ranking


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=80), st.sets(st.integers(0, 40)))
def test_it_is_a_sorted_list_whatever_comes_and_goes(steps: list[tuple[bool, int]], first: set[int]) -> None:
    expected = set(first)
    ranking = Ranking([sorted(first)])
    for comes, key in steps:
        if comes and key not in expected:
            ranking.add(key)
            expected.add(key)
        elif not comes and key in expected:
            ranking.remove(key)
            expected.remove(key)
        else:
            assert ranking.place(key) == sum(other < key for other in expected)
    assert list(ranking) == sorted(expected)
    assert [ranking[index] for index in range(len(ranking))] == sorted(expected)


def test_places_hold_across_thousands_of_keys() -> None:
    ranking = filled(9_973)
    assert len(ranking) == 9_973
    assert all(ranking[key] == key == ranking.place(key) for key in range(0, 9_973, 97))
    for key in range(0, 9_973, 2):
        ranking.remove(key)
    assert [ranking[0], ranking[2_500], ranking.place(5_001)] == [1, 5_001, 2_500]


def test_long_chunks_are_taken_over_in_pieces() -> None:
    ranking = Ranking([list(range(5_000)), [], [6_000]])
    ranking.add(5_500)
    assert [ranking[4_999], ranking[5_000], ranking[5_001], len(ranking)] == [4_999, 5_500, 6_000, 5_002]


@pytest.mark.parametrize("key", [-1, 3, 10_000])
def test_what_is_not_there_cannot_be_removed(key: int) -> None:
    ranking = Ranking([[1, 2, 4]])
    with pytest.raises(KeyError):
        ranking.remove(key)


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_nothing_beyond_the_ends(index: int) -> None:
    with pytest.raises(IndexError):
        Ranking([[1, 2, 4]])[index]
