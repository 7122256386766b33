"""Addresses in columns are the rows they were made of."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


rows = st.builds(
    AddressAdded,
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(0, 3).map(lambda net: net << 64) | st.integers(0, 2**128 - 1),
    st.floats(0.0, 2**32),
)


@given(st.lists(st.lists(rows, max_size=20), max_size=4))
def test_rows_that_were_packed_in_pieces_are_the_same_when_they_are_unpacked(lists: list[list[AddressAdded]]) -> None:
    columns = AddressColumns()
    for some in lists:
        columns.unpack(AddressColumns.of(some).pack())
    assert columns == [row for some in lists for row in some]
    found: Counter[int] = Counter()
    for place, count in columns.census():
        found[columns.nets[place][1]] += count
    assert found == Counter(row.prefix_id for row in columns)


def test_a_piece_that_is_not_whole_is_refused() -> None:
    whole = AddressColumns.of(ROWS).pack()
    foreign = whole[:42] + b"\7\0" + whole[44:]
    for piece in (b"", whole[:7], whole[:-1], whole + b"\0", foreign):
        with pytest.raises(ValueError, match=r"no piece|do not take|not listed"):
            AddressColumns().unpack(piece)


def test_more_rows_than_a_piece_holds_are_refused() -> None:
    columns = AddressColumns()
    columns.extend(range(65_537), [1] * 65_537, [bytes(16)] * 65_537, [0.0] * 65_537)
    with pytest.raises(ValueError, match="more than one piece"):
        columns.pack()
