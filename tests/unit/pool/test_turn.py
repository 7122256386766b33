"""The order in which a mirror hands its rows out, as it goes on after a restart."""

from __future__ import annotations

import tracemalloc

import pytest

from ipv6console.pool.table import AddressTable
from ipv6console.pool.turn import Turn

DEAD = 1_000_000


@pytest.fixture
def table() -> AddressTable:
    """A table in which a renumbering has left many dead rows in front of ten live ones."""
    table = AddressTable()
    table.pad(DEAD)
    for number in range(10):
        table.append((0x20010DB8 << 96) | number, 1, 0)
    return table


def test_rows_between_those_in_use_come_first_and_oldest_first(table: AddressTable) -> None:
    turn = Turn(table, {1: 10})
    turn.begin_at(DEAD + 6, {DEAD + 1, DEAD + 2, DEAD + 5})
    turn.released.push(DEAD + 2)
    handed = [turn.next() for _ in range(9)]
    assert handed == [DEAD + number if number is not None else None for number in (6, 7, 8, 9, 0, 3, 4, 2, None)]


def test_rows_between_those_in_use_wait_while_their_prefix_does(table: AddressTable) -> None:
    active: dict[int, int] = {}
    turn = Turn(table, active)
    turn.begin_at(DEAD + 10, {DEAD + 9})
    assert turn.next() is None
    active[1] = 10
    turn.unpark(1, None)
    assert turn.next() == DEAD


def test_dead_rows_below_cost_a_mirror_nothing(table: AddressTable) -> None:
    tracemalloc.start()
    try:
        turns = [Turn(table, {1: 10}) for _ in range(10)]
        for turn in turns:
            turn.begin_at(DEAD + 6, {DEAD + 5})
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / len(turns) < 10_000
