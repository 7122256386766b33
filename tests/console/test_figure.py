"""Figures as an operator reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipv6console.console import figure


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0.0 s"),
        (0.31, "0.3 s"),
        (9.94, "9.9 s"),
        (9.96, "9 s"),
        (14, "14 s"),
        (200, "3 m"),
        (7_200, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_an_age_has_one_unit(seconds: float, told: str) -> None:
    assert figure.age(seconds) == told


@pytest.mark.parametrize(("number", "told"), [(12.34, "12.3 ms"), (0.1, "0.1 ms"), (0.06, "0.06 ms"), (0.0, "0.00 ms")])
def test_a_short_time_is_not_said_to_be_none(number: float, told: str) -> None:
    assert figure.milliseconds(number) == told


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "now"), (4.9, "4 s"), (61, "1 m"), (86_401, "1 d")])
def test_a_whole_age_has_no_fraction(seconds: float, told: str) -> None:
    assert figure.whole_age(seconds) == told


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "now"), (1.9, "now"), (2.0, "2 s"), (61, "1 m")])
def test_what_comes_anew_every_second_is_now_until_it_misses_one(seconds: float, told: str) -> None:
    assert figure.fresh_age(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (5, "5 s"),
        (125, "2 m 5 s"),
        (3_600, "1 h"),
        (86_390, "23 h 59 m"),
        (90_000, "1 d 1 h"),
        (86_400 * 29 + 60, "29 d"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float, told: str) -> None:
    assert figure.span(seconds) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0"), (9_999, "9,999"), (12_345, "12.3k"), (312_000, "312k"), (3_400_000, "3.4M"), (2_000_000_000, "2.0G")],
)
def test_a_short_number_stays_short(number: int, told: str) -> None:
    assert figure.short(number) == told
    assert len(told) <= 5


@pytest.mark.parametrize(("rate", "told"), [(0.0, "0"), (0.04, "0"), (0.4, "0.4"), (31.24, "31.2"), (12_000, "12.0k")])
def test_a_rate_is_told_to_a_tenth(rate: float, told: str) -> None:
    assert figure.rate(rate) == told


def test_one_of_a_thing_is_not_a_plural() -> None:
    assert figure.many(1, "address", "addresses") == "1 address"
    assert figure.many(1_024, "address", "addresses") == "1,024 addresses"


@given(part=st.integers(0, 10**6), whole=st.integers(0, 10**6), width=st.integers(1, 60))
def test_a_bar_has_its_width_and_shows_whatever_is_there(part: int, whole: int, width: int) -> None:
    drawn = figure.bar(part, whole, width)
    assert len(drawn) == width
    assert (drawn == "·" * width) == (part == 0)


@given(parts=st.lists(st.integers(0, 10**6), min_size=3, max_size=3), width=st.integers(3, 60))
def test_shares_fill_the_width_and_lose_nothing(parts: list[int], width: int) -> None:
    cells = figure.shares(parts, width)
    assert sum(cells) == (width if sum(parts) else 0)
    assert all(cell > 0 for part, cell in zip(parts, cells, strict=True) if part)


def test_a_sparkline_is_scaled_to_its_own_maximum() -> None:
    assert figure.spark([0, 5, 10], 5) == "··▁▄▇"
    assert figure.spark([], 3) == "···"
    assert figure.spark([0, 0], 2) == "▁▁"
