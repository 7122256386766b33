"""Addresses in columns are the rows they were made of."""

from __future__ import annotations

from ipv6console.pool.change import AddressAdded
from ipv6console.pool.columns import AddressColumns

ROWS = [AddressAdded(3, 1, (0x20010DB8 << 96) | (1 << 64) | 5, 1.5), AddressAdded(9, 2, (1 << 128) - 1, 2.5)]


def test_columns_give_back_the_rows_they_were_made_of() -> None:
    columns = AddressColumns.of(ROWS)
    assert columns == ROWS == list(columns)
    assert (len(columns), columns[-1], columns[:1]) == (2, ROWS[1], ROWS[:1])
    assert AddressColumns.of(columns) is columns
    assert repr(columns) == f"AddressColumns({ROWS!r})"


def test_columns_with_other_rows_are_others() -> None:
    columns = AddressColumns.of(ROWS)
    assert columns != ROWS[:1]
    assert columns != [ROWS[0], ROWS[1]._replace(verified_at=3.5)]
    assert columns != 2
