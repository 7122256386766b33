"""The pool's addresses, filtered and in order, while they change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipv6console.console.listing import VALUES, Listing, Order
from ipv6console.console.query import Context, Query, parse
from ipv6console.console.stock import Stock, aligned, number, spelled
from ipv6console.wire.address import AddressRow

NOW = 1_790_000_000.0
CONTEXT = Context(now=NOW)
TIMES = st.none() | st.floats(NOW - 1e6, NOW)
NAMES = st.lists(st.sampled_from(("news", "prices")), max_size=2, unique=True).map(tuple)
ROWS = st.builds(
    AddressRow,
    addr=st.integers(1, 12).map(lambda low: f"2001:db8::{low:x}"),
    prefix=st.just("2001:db8::/64"),
    verified_at=st.floats(NOW - 1e6, NOW),
    leased_in=NAMES,
    bad_in=NAMES,
    last_used_at=TIMES,
    uses=st.integers(0, 5),
    retry_at=TIMES,
)
ORDERS = st.builds(Order, column=st.sampled_from(sorted(VALUES)), descending=st.booleans())
QUERIES = st.sampled_from(["", "state:bad", "!news", "uses>2", "::5", "2001:db8::8/125", "used<1d"])


def row(low: int, **changes: object) -> AddressRow:
    given = AddressRow(
        addr=f"2001:db8::{low:x}", prefix="2001:db8::/64", verified_at=NOW - low, leased_in=(), bad_in=()
    )
    return replace(given, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def filled(count: int) -> Listing:
    listing = Listing()
    for low in range(1, count + 1):
        listing.put(row(low * 11 % (count + 1)))
    return listing


def arranged(listing: Listing, text: str = "", order: Order | None = None) -> None:
    for _ in listing.rearrange(parse(text, CONTEXT), order or Order()):
        pass


def shown(listing: Listing) -> list[str]:
    return [spelled(listing.stock.address[listing.slot(index)]) for index in range(len(listing))]


def lows(listing: Listing) -> list[int]:
    return [number(addr) & 0xFFFF for addr in shown(listing)]


def naive(rows: dict[str, AddressRow], query: Query, order: Order) -> list[str]:
    stock = Stock()
    slots = [stock.put(item) for item in rows.values()]
    passing = [slot for slot in slots if query.passes(stock, slot)]
    sign = -1 if order.descending else 1

    def key(slot: int) -> tuple[bool, float, int]:
        value = VALUES[order.column](stock, slot)
        missing = value > 1 << 60
        address = stock.address[slot] * (sign if order.column == "address" else 1)
        return missing, 0 if missing else sign * value, address

    return [spelled(stock.address[slot]) for slot in sorted(passing, key=key)]


@given(st.lists(st.tuples(ROWS, st.booleans(), st.integers(0, 3)), max_size=40), QUERIES, ORDERS)
def test_it_lists_what_a_filter_and_a_sort_of_all_rows_would(
    steps: list[tuple[AddressRow, bool, int]], text: str, order: Order
) -> None:
    rows: dict[str, AddressRow] = {}
    listing, query = Listing(), parse(text, CONTEXT)
    arranging = None
    for count, (item, goes, pace) in enumerate(steps):
        if goes:
            listing.drop(number(item.addr))
            rows.pop(item.addr, None)
        else:
            listing.put(item)
            rows[item.addr] = item
        if count == 5:
            arranging = listing.rearrange(query, order)
        for _ in range(pace if arranging is not None else 0):
            next(arranging, None)  # type: ignore[arg-type] # it is one here
    if arranging is None:
        arranging = listing.rearrange(query, order)
    for _ in arranging:
        pass
    assert shown(listing) == naive(rows, query, order)
    assert [listing.place(listing.slot(index)) for index in range(len(listing))] == list(range(len(listing)))
    assert not listing.rearranging


@given(ROWS)
def test_a_row_comes_out_as_it_went_in(item: AddressRow) -> None:
    stock = Stock()
    assert stock.row(stock.put(item)) == item


def test_an_address_is_written_with_every_nibble() -> None:
    assert aligned(number("2001:db8::a")) == "2001:0db8:0000:0000:0000:0000:0000:000a"


def test_the_slot_of_an_address_that_left_is_used_again() -> None:
    stock = Stock()
    first = stock.put(row(1))
    assert stock.drop(number("2001:db8::1")) == first
    assert stock.drop(number("2001:db8::1")) is None
    assert stock.row(first) is None
    assert stock.put(row(2)) == first
    assert (len(stock), stock.width, list(stock.slots())) == (1, 1, [first])


def test_what_is_true_of_many_addresses_is_kept_once() -> None:
    stock = Stock()
    one, other = stock.put(row(1, bad_in=("news",))), stock.put(row(2, bad_in=("news",)))
    assert stock.usage[one] is stock.usage[other]


def test_a_change_moves_one_row_only() -> None:
    listing = filled(20)
    arranged(listing, order=Order("uses", descending=True))
    listing.put(row(9, uses=4))
    assert lows(listing)[0] == 9
    assert sorted(lows(listing)) == list(range(1, 21))


def test_what_was_never_used_comes_last_in_both_directions() -> None:
    listing = filled(3)
    listing.put(row(1, last_used_at=NOW - 5))
    listing.put(row(2, last_used_at=NOW - 50))
    for descending, expected in ((False, [2, 1, 3]), (True, [1, 2, 3])):
        arranged(listing, order=Order("used", descending=descending))
        assert lows(listing) == expected


def test_what_needs_an_eye_comes_first_by_state() -> None:
    listing = Listing()
    for item in (row(1), row(2, leased_in=("news",)), row(3, bad_in=("news",)), row(4, bad_in=("news", "prices"))):
        listing.put(item)
    arranged(listing, order=Order("state"))
    assert lows(listing) == [4, 3, 2, 1]


def test_the_old_list_stands_until_the_new_one_is_done() -> None:
    listing = filled(4_000)
    steps = listing.rearrange(parse("::5", CONTEXT), Order())
    shares = [next(steps), next(steps), next(steps)]
    assert listing.rearranging
    assert len(listing) == 4_000
    assert shares == sorted(shares)
    assert list(steps)[-1] == 1.0
    assert lows(listing) == [5]


def test_a_dropped_rearrangement_leaves_everything_as_it_was() -> None:
    listing = filled(4_000)
    steps = listing.rearrange(parse("::5", CONTEXT), Order())
    next(steps)
    steps.close()
    assert not listing.rearranging
    listing.put(row(4_500))
    assert len(listing) == 4_001


def test_the_newer_of_two_rearrangements_holds() -> None:
    listing = filled(4_000)
    older = listing.rearrange(parse("::5", CONTEXT), Order())
    next(older)
    newer = listing.rearrange(parse("::6", CONTEXT), Order())
    next(newer)
    older.close()
    assert listing.rearranging
    listing.put(row(6, uses=3))
    for _ in newer:
        pass
    assert lows(listing) == [6]


@pytest.mark.parametrize("column", sorted(VALUES))
def test_a_step_does_little(column: str) -> None:
    listing = filled(20_000)
    assert sum(1 for _ in listing.rearrange(Query(), Order(column))) > 50
