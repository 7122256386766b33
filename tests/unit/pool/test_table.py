"""The compact address table against a dict."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipv6console.pool.table import AddressTable

addresses = st.integers(0, 400).map(lambda number: (0x20010DB8 << 96) | (number % 7) << 64 | number)


@given(st.lists(st.tuples(st.booleans(), addresses), max_size=300))
def test_the_table_finds_exactly_the_live_addresses(steps: list[tuple[bool, int]]) -> None:
    table, model = AddressTable(), dict[int, int]()
    for adding, address in steps:
        if adding and address not in model:
            model[address] = table.append(address, address % 3, 5.0)
        elif not adding and address in model:
            table.kill(model.pop(address))
    assert table.live == len(model)
    assert sorted(table.rows()) == sorted(model.values())
    for _, address in steps:
        row = table.find(address)
        assert row == model.get(address)
        if row is not None:
            assert (table.address(row), table.prefix_id(row), table.verified_at(row)) == (address, address % 3, 5)


def test_rows_of_one_prefix_are_found_also_when_two_share_a_64() -> None:
    table = AddressTable()
    first = table.append((0x20010DB8 << 96) | 1, 1, 0)
    second = table.append((0x20010DB8 << 96) | 2, 2, 0)
    assert (list(table.rows_of(1)), list(table.rows_of(2))) == ([first], [second])


def test_a_gap_in_the_numbering_is_dead_rows() -> None:
    table = AddressTable()
    table.pad(5)
    row = table.append((0x20010DB8 << 96) | 1, 1, 0)
    assert (row, table.live, list(table.rows())) == (5, 1, [5])
