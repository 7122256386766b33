"""One space: what the older system got wrong, each by itself, and what has no place in the machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from ipv6console.ipam.change import (
    BindingEnded,
    BindingRecorded,
    RangeRecorded,
    RestEnded,
    SpaceRecorded,
    SpaceSnapshot,
)
from ipv6console.ipam.claim import Claim, claim
from ipv6console.ipam.errors import (
    AlreadyAllocated,
    BindingNotFound,
    InUse,
    InvalidRange,
    IpamError,
    NotAvailable,
    NotFound,
    PoolFull,
)
from ipv6console.ipam.space import Space
from ipv6console.ipam.spaces import Spaces
from ipv6console.ipam.span import Address, format_address, parse_address, parse_span

NOW = 1_000.0


@pytest.fixture
def spaces() -> Spaces:
    return Spaces(Random(7))


@pytest.fixture
def lan(spaces: Spaces) -> Space:
    """A space that gives its lowest address, where released ones rest for a minute."""
    spaces.create("lan", now=NOW, choice="first", quarantine=60.0)
    space = spaces.find("lan")
    space.add_range(parse_span("2001:db8::/125"), "", NOW)
    return space


def addresses(space: Space, count: int) -> list[str]:
    rows = [space.allocate(claim("test", f"n{number}"), NOW).row for number in range(count)]
    return [format_address(row.family, row.address) for row in rows]


# What the older system got wrong


def test_an_id_that_has_an_address_does_not_get_a_second_one_by_asking_for_it(lan: Space) -> None:
    first = lan.allocate(claim("blue", "vm-1"), NOW).row
    with pytest.raises(AlreadyAllocated, match="has 2001:db8:: and cannot have 2001:db8::5 too"):
        lan.allocate_specific(claim("blue", "vm-1"), parse_address("2001:db8::5"), NOW)
    again = lan.allocate_specific(claim("blue", "vm-1"), Address(6, first.address), NOW)
    assert (again.row, again.created, again.changes) == (first, False, ())
    assert lan.find_by_id("blue", "vm-1") == first
    assert lan.stats().allocated == 1


def test_a_resource_has_all_its_bindings_and_loses_only_the_one_that_is_released(lan: Space) -> None:
    rows = [lan.allocate(claim("blue", key, kind="vm", resource="vm-1"), NOW).row for key in ("a", "b", "c")]
    assert lan.find_by_resource("vm", "vm-1") == tuple(rows)
    lan.release_id("blue", "b", "", NOW)
    assert lan.find_by_resource("vm", "vm-1") == (rows[0], rows[2])
    lan.release_id("blue", "c", "", NOW)
    assert lan.find_by_resource("vm", "vm-1") == (rows[0],)
    lan.release_id("blue", "a", "", NOW)
    assert lan.find_by_resource("vm", "vm-1") == ()


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ("2001:db8::", AlreadyAllocated, "2001:db8:: is bound to n0 of test"),
        ("2001:db8::-2001:db8::3", AlreadyAllocated, "for 2001:db8:: is bound"),
        ("2001:db8::7-2001:db8::8", NotAvailable, "not within one range"),
        ("192.0.2.1", NotAvailable, "not within one range"),
        ("2001:db8::6", NotAvailable, "in reservation 1, 2001:db8::6/127"),
        ("2001:db8::5-2001:db8::6", NotAvailable, "in reservation 1"),
    ],
)
def test_only_free_addresses_of_a_range_can_be_reserved_and_what_is_refused_counts_nowhere(
    lan: Space, text: str, kind: type[IpamError], cause: str
) -> None:
    addresses(lan, 1)
    lan.reserve(parse_span("2001:db8::6/127"), "gateways", "", NOW)
    before = lan.stats()
    with pytest.raises(kind, match=cause):
        lan.reserve(parse_span(text), "", "", NOW)
    assert lan.stats() == before
    assert (before.total, before.allocated, before.reserved, before.available) == (8, 1, 2, 5)


@pytest.mark.parametrize("text", ["2001:db8::/125", "2001:db8::/64", "2001:db8::3", "2001:db8::7-2001:db8::9"])
def test_ranges_that_overlap_are_refused_and_nothing_is_counted_twice(lan: Space, text: str) -> None:
    with pytest.raises(InvalidRange, match="overlaps 2001:db8::/125"):
        lan.add_range(parse_span(text), "", NOW)
    assert lan.stats().total == 8
    lan.add_range(parse_span("2001:db8::8/125"), "", NOW)
    assert lan.stats().total == 16


@pytest.mark.parametrize("length", [0, 1, 63, 64, 127, 128])
def test_totals_of_a_space_are_exact_for_huge_ranges_too(spaces: Spaces, length: int) -> None:
    spaces.create("all", now=NOW)
    space = spaces.find("all")
    space.add_range(parse_span(f"::/{length}"), "", NOW)
    space.add_range(parse_span("0.0.0.0/0"), "", NOW)
    size = 2 ** (128 - length)
    assert space.stats().total == size + 2**32
    row = space.allocate(claim("a", "b"), NOW).row
    assert (row.family, space.stats().available) == (6, size + 2**32 - 1)


def test_an_address_is_not_given_again_before_it_has_rested_not_even_when_all_others_are_used(lan: Space) -> None:
    addresses(lan, 8)
    ended = lan.release(parse_address("2001:db8::2"), "alice", NOW).changes
    assert ended == (
        BindingEnded(3, lan.row.id, 6, parse_address("2001:db8::2").value, NOW, "released", "alice", NOW + 60),
    )
    with pytest.raises(PoolFull, match="7 are allocated, 0 reserved, 1 rest") as refused:
        lan.allocate(claim("test", "late"), NOW + 59)
    assert refused.value.next.startswith("wait until one has rested")
    with pytest.raises(NotAvailable, match="2001:db8::2 rests"):
        lan.allocate_specific(claim("test", "late"), parse_address("2001:db8::2"), NOW + 59)
    assert lan.due(NOW + 59).changes == ()
    assert lan.next_due() == NOW + 60
    assert lan.due(NOW + 60).changes == (RestEnded(lan.row.id, 6, parse_address("2001:db8::2").value),)
    assert lan.allocate(claim("test", "late"), NOW + 60).row.address == parse_address("2001:db8::2").value


@pytest.mark.parametrize("choice", ["random", "first"])
@pytest.mark.parametrize("left", [1, 1 << 63])
def test_one_address_of_a_hundred_thousand_used_ones_is_found_without_walking_through_them(
    choice: str, left: int
) -> None:
    used, network = 100_000, parse_span("2001:db8::/64").first
    spaces = Spaces(Random(7))
    spaces.restore(
        SpaceSnapshot(
            spaces=(SpaceRecorded(1, "lan", "", choice, 0.0, "", NOW),),
            ranges=(RangeRecorded(1, 1, 6, network, network + used + left - 1, "", NOW),),
            bindings=tuple(
                BindingRecorded(number, 1, 6, network + number, "a", str(number), *Claim("", "")[2:], NOW, None)
                for number in range(used)
            ),
        )
    )
    space = spaces.find("lan")
    began = time.process_time()
    for _ in range(200):
        space.allocate(Claim("other", "one"), NOW)
        space.release_id("other", "one", "", NOW)
    assert time.process_time() - began < 1.0, "something is walked through"


# Bindings


def test_asking_again_returns_what_is_bound_and_changes_nothing(lan: Space) -> None:
    first = lan.allocate(claim("blue", "vm-1", tags=["a"]), NOW, ttl=10.0)
    again = lan.allocate(claim("blue", "vm-1", tags=["b"]), NOW + 9, ttl=100.0)
    assert (again.row, again.created, again.changes) == (first.row, False, ())
    with pytest.raises(AlreadyAllocated, match="cannot have an IPv4 address too"):
        lan.allocate(claim("blue", "vm-1"), NOW, family=4)


def test_what_has_expired_and_was_not_ended_yet_goes_on_on_the_new_terms_for_who_asks_again(lan: Space) -> None:
    first = lan.allocate(claim("blue", "vm-1", tags=["a"]), NOW, ttl=10.0).row
    again = lan.allocate(claim("blue", "vm-1", tags=["b"]), NOW + 10, ttl=100.0)
    assert again.row == first._replace(tags='["b"]', allocated_at=NOW + 10, expires_at=NOW + 110)
    assert (again.created, again.changes, again.before) == (False, (again.row,), first)
    assert lan.due(NOW + 109).rows == ()
    assert lan.due(NOW + 110).rows == (again.row,)


def test_a_binding_expires_and_its_address_rests_from_then(lan: Space) -> None:
    row = lan.allocate(claim("blue", "vm-1"), NOW, ttl=10.0).row
    ended = lan.due(NOW + 12)
    assert ended.rows == (row,)
    assert ended.changes == (BindingEnded(1, 1, 6, row.address, NOW + 12, "expired", "", NOW + 72),)


def test_without_quarantine_a_released_address_does_not_rest(spaces: Spaces) -> None:
    spaces.create("lan", now=NOW, choice="first", quarantine=0)
    lan = spaces.find("lan")
    lan.add_range(parse_span("192.0.2.0/31"), "", NOW)
    lan.allocate(claim("a", "b"), NOW)
    released = lan.release_id("a", "b", "", NOW)
    assert released.changes[0][-1] is None
    assert addresses(lan, 2) == ["192.0.2.0", "192.0.2.1"]


def test_a_random_choice_is_spread_over_all_ranges_by_their_size(spaces: Spaces) -> None:
    spaces.create("wide", now=NOW)
    wide = spaces.find("wide")
    for text in ("2001:db8::/120", "2001:db8:1::/122"):
        wide.add_range(parse_span(text), "", NOW)
    rows = [wide.allocate(Claim("test", str(number)), NOW).row for number in range(160)]
    inside = sum(parse_span("2001:db8::/120").first <= row.address <= parse_span("2001:db8::/120").last for row in rows)
    assert 110 < inside < 146
    assert [row.address for row in rows] != sorted(row.address for row in rows)


@pytest.mark.parametrize("used", [0, 5])
def test_every_free_address_is_as_likely_as_any_other_in_an_empty_space_and_in_a_full_one(
    spaces: Spaces, used: int
) -> None:
    spaces.create("lan", now=NOW, quarantine=0)
    lan = spaces.find("lan")
    for text in ("2001:db8::/126", "2001:db8:1::/127", "2001:db8:2::/126"):
        lan.add_range(parse_span(text), "", NOW)
    lan.reserve(parse_span("2001:db8::3"), "", "", NOW)
    for number in range(used):
        lan.allocate(Claim("test", str(number)), NOW)
    drawn: Counter[int] = Counter()
    for _ in range(3_000):
        drawn[lan.allocate(Claim("other", "one"), NOW).row.address] += 1
        lan.release_id("other", "one", "", NOW)
    expected = 3_000 / (9 - used)
    assert len(drawn) == 9 - used
    assert all(0.75 * expected < times < 1.25 * expected for times in drawn.values())


def test_bindings_are_listed_by_address_within_a_block_and_behind_an_address(lan: Space) -> None:
    lan.add_range(parse_span("192.0.2.0/30"), "", NOW)
    addresses(lan, 10)
    listed = [format_address(row.family, row.address) for row in lan.bindings(after=parse_address("192.0.2.0"))]
    assert listed == ["192.0.2.1", *(f"2001:db8::{n}" if n else "2001:db8::" for n in range(8))]
    block = list(lan.bindings(parse_span("2001:db8::4/126"), after=parse_address("2001:db8::5")))
    assert [row.address & 7 for row in block] == [6, 7]
    assert list(lan.bindings(parse_span("2001:db8::4/126"), after=parse_address("2001:db8::7"))) == []


# Ranges, reservations, the whole


def test_a_range_goes_with_its_reservations_and_rests_once_nothing_is_bound_in_it(lan: Space) -> None:
    row = lan.allocate(claim("blue", "vm-1"), NOW).row
    reserved = lan.reserve(parse_span("2001:db8::4/126"), "", "", NOW).row
    with pytest.raises(InUse, match="has 1 bindings and 0 delegated prefixes"):
        lan.remove_range(1)
    lan.release_id("blue", "vm-1", "", NOW)
    assert [type(change).__name__ for change in lan.remove_range(1)] == [
        "RestEnded",
        "ReservationRemoved",
        "RangeRemoved",
    ]
    assert lan.find_reservation(reserved.id) is None
    assert lan.due(NOW + 60).changes == ()
    with pytest.raises(PoolFull, match="it has no range of them"):
        lan.allocate(claim("blue", "vm-1"), NOW)
    lan.add_range(parse_span("2001:db8::/64"), "", NOW)
    assert lan.allocate(claim("blue", "vm-1"), NOW).row.address == row.address


def test_an_address_that_rests_can_be_reserved_and_then_rests_no_more(lan: Space) -> None:
    lan.allocate(claim("blue", "vm-1"), NOW)
    lan.release_id("blue", "vm-1", "", NOW)
    reserved = lan.reserve(parse_span("2001:db8::/127"), "gateways", "alice", NOW)
    assert [type(change).__name__ for change in reserved.changes] == ["RestEnded", "ReservationRecorded"]
    assert (lan.stats().reserved, lan.stats().resting) == (2, 0)
    assert lan.due(NOW + 60).changes == ()
    with pytest.raises(NotAvailable, match="in reservation 1, 2001:db8::/127"):
        lan.allocate_specific(claim("a", "b"), parse_address("2001:db8::1"), NOW)
    lan.unreserve(reserved.row.id)
    assert lan.allocate(claim("a", "b"), NOW).row.address == reserved.row.first


@pytest.mark.parametrize(
    "act",
    [
        lambda space: space.release(parse_address("2001:db8::1"), "", NOW),
        lambda space: space.release_id("blue", "vm-1", "", NOW),
        lambda space: space.get_binding(parse_address("192.0.2.1")),
        lambda space: space.unreserve(9),
        lambda space: space.remove_range(9),
        lambda space: space.range_stats(9),
        lambda space: space.give_back(9),
        lambda space: space.mark(9, "active"),
    ],
)
def test_what_is_not_there_is_not_found_and_it_is_said_what_to_do(lan: Space, act: Callable[[Space], object]) -> None:
    with pytest.raises(NotFound) as refused:
        act(lan)
    assert refused.value.next
    assert isinstance(refused.value, BindingNotFound) == (
        "bound" in str(refused.value) or "binding" in str(refused.value)
    )


def test_entries_of_bindings_released_long_before_they_expire_do_not_pile_up(spaces: Spaces) -> None:
    spaces.create("lan", now=NOW, quarantine=0)
    lan = spaces.find("lan")
    lan.add_range(parse_span("2001:db8::/64"), "", NOW)
    kept = lan.allocate(claim("a", "kept"), NOW, ttl=86_400.0).row
    for number in range(5_000):
        lan.allocate(Claim("a", "b"), NOW + number, ttl=86_400.0)
        lan.release_id("a", "b", "", NOW + number)
    assert len(lan._agenda._heap) < 2_500
    assert lan.due(NOW + 86_400).rows == (kept,)
