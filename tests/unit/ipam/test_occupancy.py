"""Occupied numbers, beside a list of all of them."""

from __future__ import annotations

from random import Random

import pytest

from ipv6console.ipam import occupancy
from ipv6console.ipam.occupancy import Occupancy


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_occupied_and_freed_every_question_is_answered_as_a_list_would(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occupancy, "LOAD", 4 + seed % 3 * 4)
    random = Random(seed)
    bits = random.choice([4, 6, 8])
    numbers = range(1 << bits)
    occupied, held = Occupancy(bits), dict[int, int]()
    for step in range(250):
        first = random.choice(numbers)
        last = min(first + random.choice([0, 0, 0, 0, 1, 2, 7]), numbers[-1])
        cells = {number for begin, end in held.items() for number in range(begin, end + 1)}
        assert occupied.is_free(first, last) == cells.isdisjoint(range(first, last + 1))
        if occupied.is_free(first, last):
            occupied.add(first, last)
            held[first] = last
        elif held and random.random() < 0.6:
            gone = random.choice(list(held))
            occupied.remove(gone)
            del held[gone]
        if step % 60 == 59:
            occupied.load(held.items())
        cells = {number for begin, end in held.items() for number in range(begin, end + 1)}
        free = [number for number in numbers if number not in cells]
        low, high = sorted(random.choices(numbers, k=2))
        size = 1 << random.randrange(bits)
        rooms = [at for at in range(0, len(numbers), size) if low <= at and at + size - 1 <= high]
        assert occupied.free == len(free)
        assert [occupied.nth_free(n) for n in range(len(free))] == free
        assert occupied.rank(low) == sum(number < low for number in free)
        assert list(occupied.between(low, high)) == [
            each for each in sorted(held.items()) if each[0] <= high and each[1] >= low
        ]
        assert occupied.room(size, low, high) == next(
            (at for at in rooms if cells.isdisjoint(range(at, at + size))), None
        )


def test_a_gap_that_was_too_small_is_looked_at_again_when_what_closed_it_is_gone() -> None:
    occupied = Occupancy(8)
    for first in range(0, 256, 2):
        occupied.add(first, first)
    assert occupied.room(4, 0, 255) is None
    occupied.remove(102)
    assert occupied.room(4, 0, 255) is None
    occupied.remove(100)
    assert occupied.room(4, 0, 255) == 100


def test_the_nth_free_of_a_full_line_of_128_bits_is_exact() -> None:
    top = (1 << 128) - 1
    occupied = Occupancy(128)
    occupied.add(0, top - 3)
    occupied.add(top - 1, top - 1)
    assert occupied.free == 2
    assert [occupied.nth_free(n) for n in range(2)] == [top - 2, top]


def test_a_prefix_is_found_behind_a_hundred_thousand_packed_ones_without_looking_at_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    occupied = Occupancy(128)
    size = 1 << 72
    occupied.load((number * size, (number + 1) * size - 1) for number in range(100_000))
    looked: list[int] = []
    search = Occupancy._search

    def counted(self: Occupancy, number: int, size: int, first: int, last: int) -> int | None:
        looked.append(number)
        return search(self, number, size, first, last)

    monkeypatch.setattr(Occupancy, "_search", counted)
    assert occupied.room(size, 0, (1 << 128) - 1) == 100_000 * size
    assert len(looked) <= 2


def test_wide_intervals_lie_in_small_chunks_for_a_search_in_one_asks_each_of_them() -> None:
    most = 2 * occupancy.LOAD // occupancy.WIDE
    loaded, grown = Occupancy(128), Occupancy(128)
    loaded.load((number * 4, number * 4 + 1) for number in range(5_000))
    for number in range(5_000):
        grown.add(number * 4, number * 4 + 1)
    for number in range(0, 5_000, 3):
        loaded.remove(number * 4)
        grown.remove(number * 4)
    assert all(len(chunk) <= most for chunk in (*loaded._chunks, *grown._chunks))
    assert len(grown._chunks) < 5_000 / most * 8
