"""The compact address table against a dict."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipv6console.pool.change import AddressAdded
from ipv6console.pool.columns import AddressColumns
from ipv6console.pool.prefix import covers
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


@given(st.lists(addresses, unique=True, max_size=80), st.sets(st.integers(0, 79)), st.sampled_from((0, 1, 2, None)))
@pytest.mark.parametrize("nets", [0, 300])
def test_all_rows_of_one_prefix_or_of_every_one_are_killed_at_once(
    nets: int, known: list[int], dead: set[int], prefix_id: int | None
) -> None:
    table = AddressTable()
    table.pad(2)
    for number in range(nets):
        table.kill(table.append(number << 64, 9, 0))
    rows = {table.append(address, address % 3, 0): address % 3 for address in known}
    for row in dead & rows.keys():
        table.kill(row)
        del rows[row]
    killed = table.clear(prefix_id)
    assert {row for row, mark in enumerate(killed) if mark} == {
        row for row, owner in rows.items() if prefix_id in (None, owner)
    }
    assert len(killed) == len(table)
    left = [row for row, owner in rows.items() if prefix_id not in (None, owner)]
    assert (list(table.rows()), table.live) == (left, len(left))


def test_a_gap_in_the_numbering_is_dead_rows() -> None:
    table = AddressTable()
    table.pad(5)
    row = table.append((0x20010DB8 << 96) | 1, 1, 0)
    assert (row, table.live, list(table.rows())) == (5, 1, [5])


@given(
    st.lists(st.tuples(addresses, st.integers(1, 3)), unique_by=lambda row: row[0], max_size=60),
    st.integers(0, 70),
    st.sampled_from((0, 16)),
)
def test_rows_taken_up_at_once_are_as_if_they_had_come_one_by_one(
    gaps: list[tuple[int, int]], indexed: int, run: int
) -> None:
    with patch("ipv6console.pool.table._RUN", run):
        take_up(gaps, indexed)


def take_up(gaps: list[tuple[int, int]], indexed: int) -> None:
    bulk, single, row = AddressTable(), AddressTable(), -1
    added: list[AddressAdded] = []
    for address, gap in gaps:
        row += gap
        single.pad(row)
        assert single.append(address, address % 3, 5.0) == row
        added.append(AddressAdded(row, address % 3, address, 5.0))
    bulk.extend(AddressColumns.of(added))
    assert bulk.rows_among([one.address for one in added[:3]] + [1]) == [one.id for one in added[:3]]
    bulk, again = AddressTable(), bulk
    bulk.extend(AddressColumns.of(added))
    assert bulk.index(indexed) == (indexed < len(bulk))
    assert again.rows_among([one.address for one in added]) == [one.id for one in added]
    for table in (bulk, single):
        assert (len(table), table.live, list(table.rows())) == (row + 1, len(gaps), [one.id for one in added])
        assert [(table.find(a), a % 3, table.verified_at(r)) for r, _, a, _ in added] == [
            (r, table.prefix_id(r), 5) for r, _, _, _ in added
        ]


def test_more_64s_than_sixteen_bits_number_are_told_apart() -> None:
    table = AddressTable()
    addresses = [(0x20010DB8 << 96) | number << 64 | 1 for number in range((1 << 16) + 5)]
    for address in addresses:
        table.append(address, 1, 0)
    assert [table.address(row) for row in table.rows()] == addresses
    assert (table.find(addresses[0]), table.find(addresses[-1])) == (0, len(addresses) - 1)


@given(
    st.sets(addresses, max_size=60),
    st.sets(addresses),
    st.sampled_from((32, 48, 61, 63, 64, 65, 100, 120, 127, 128)),
    addresses,
)
@pytest.mark.parametrize("shape", [(0, 7), (300, 7), (300, 1 << 16)])
def test_the_rows_within_a_network_are_those_whose_addresses_are(
    shape: tuple[int, int], added: set[int], gone: set[int], length: int, place: int
) -> None:
    table, network = AddressTable(), place >> 128 - length << 128 - length
    nets, piece = shape
    for number in range(nets):
        table.append(number << 64, 9, 0)
    rows = {table.append(address, address % 3, 5.0): address for address in sorted(added)}
    for row, address in rows.items():
        if address in gone:
            table.kill(row)
    with patch("ipv6console.pool.table._PIECE", piece):
        within_is_told(table, rows, gone, length, network)


def within_is_told(table: AddressTable, rows: dict[int, int], gone: set[int], length: int, network: int) -> None:
    assert list(table.rows_within(network, length)) == [
        row for row, address in rows.items() if address not in gone and covers(network, length, address)
    ]
    if length <= 64:
        inside = [row for row, address in rows.items() if covers(network, length, address)]
        assert table.census(network, length) == (len(inside), sum(rows[row] in gone for row in inside))
    before = table.counts()
    assert before.total() == table.live
    table.clear(1)
    assert table.counts() + Counter({1: before[1]}) == before


@given(st.lists(st.tuples(st.booleans(), addresses), max_size=40), addresses)
def test_a_network_is_counted_as_its_rows_come_and_go(steps: list[tuple[bool, int]], place: int) -> None:
    table, network = AddressTable(), place >> 64 << 64
    seen = {table.census(network, 64)}
    for adding, address in steps:
        row, before = table.find(address), table.census(network, 64)
        if adding and row is None:
            table.append(address, address % 3, 0)
        elif not adding and row is not None:
            table.kill(row)
        else:
            continue
        present = table.census(network, 64)
        assert present.live == len(list(table.rows_within(network, 64)))
        # An address that went and came back is another row.
        assert (present not in seen) if covers(network, 64, address) else (present == before)
        seen.add(present)
