"""Several spaces: names, bindings of all or none, delegated prefixes, and what is read back."""

from __future__ import annotations

from random import Random

import pytest

from ipv6console.ipam.change import RangeRecorded, RestRow, SpaceRecorded, SpaceSnapshot, SubscriberRecorded
from ipv6console.ipam.claim import claim
from ipv6console.ipam.errors import (
    AlreadyAllocated,
    InUse,
    InvalidName,
    InvalidSubnet,
    NotFound,
    PoolFull,
)
from ipv6console.ipam.line import block_of
from ipv6console.ipam.space import Space
from ipv6console.ipam.spaces import Spaces, Wanted
from ipv6console.ipam.span import parse_address, parse_span
from tests.unit.ipam.ledger import Ledger

NOW = 1_000.0


@pytest.fixture
def spaces() -> Spaces:
    return Spaces(Random(7))


def make(spaces: Spaces, name: str, *texts: str) -> Space:
    spaces.create(name, now=NOW, choice="first")
    for text in texts:
        spaces.find(name).add_range(parse_span(text), "", NOW)
    return spaces.find(name)


def cut(
    spaces: Spaces, length: int, operation: str, *of: Space, most_free: bool = False, within: int | None = None
) -> str:
    made = spaces.cut(
        of, length, operation=operation, tenant="isp", subscriber="alice", now=NOW, range_id=within, most_free=most_free
    )
    return str(block_of(made.row))


def test_a_name_is_of_one_space_until_that_is_removed(spaces: Spaces) -> None:
    lan = make(spaces, "lan", "2001:db8::/64")
    with pytest.raises(AlreadyAllocated, match="there is a space lan already"):
        spaces.create("lan", now=NOW)
    lan.allocate(claim("a", "b"), NOW)
    with pytest.raises(InUse, match="1 bindings and 0 delegated"):
        spaces.remove("lan")
    lan.release_id("a", "b", "", NOW)
    assert spaces.remove("lan").id == lan.row.id
    assert spaces.create("lan", now=NOW).id != lan.row.id
    with pytest.raises(NotFound, match="no space 'wan'"):
        spaces.find("wan")
    with pytest.raises(InvalidName, match="no way to choose"):
        spaces.create("wan", now=NOW, choice="last")


def test_spaces_are_listed_by_name_and_what_is_in_them_is_found_by_its_id(spaces: Spaces) -> None:
    wan, lan = make(spaces, "wan", "2001:db8:1::/64"), make(spaces, "lan", "2001:db8:2::/64")
    reserved = lan.reserve(parse_span("2001:db8:2::/127"), "", "", NOW).row
    assert [space.row.name for space in spaces] == ["lan", "wan"]
    assert spaces.find_range(1) == (wan, wan.ranges()[0])
    assert spaces.find_reservation(reserved.id) == (lan, reserved)
    assert spaces.get(lan.row.id) is lan
    for find in (spaces.find_range, spaces.find_reservation, spaces.find_delegation, spaces.get):
        with pytest.raises(NotFound):
            find(99)


def test_several_bindings_are_made_or_none_and_none_leaves_no_trace(spaces: Spaces) -> None:
    lan, wan = make(spaces, "lan", "2001:db8::/126"), make(spaces, "wan", "192.0.2.0/31")
    lan.allocate(claim("old", "lasting", kind="vm", resource="v"), NOW)
    expired = lan.allocate(claim("old", "expired"), NOW, ttl=10.0).row
    wanted = [
        Wanted(lan, claim("old", "lasting")),
        Wanted(lan, claim("old", "expired", tags=["new"]), ttl=50.0),
        Wanted(lan, claim("new", "a", kind="vm", resource="v"), ttl=5.0),
        Wanted(wan, claim("new", "a"), parse_address("192.0.2.1")),
        Wanted(wan, claim("new", "b"), parse_address("192.0.2.1")),
    ]
    before = list(lan.bindings()), lan.stats(), wan.stats()
    with pytest.raises(AlreadyAllocated, match="is bound to a of new"):
        spaces.bind(wanted, NOW + 20)
    assert (list(lan.bindings()), lan.stats(), wan.stats()) == before
    assert lan.find_by_tag("new") == ()
    assert lan.find_by_resource("vm", "v") == (lan.find_by_id("old", "lasting"),)
    assert spaces.next_due() == expired.expires_at
    made = spaces.bind(wanted[:4], NOW + 20)
    assert [bound.created for bound in made] == [False, False, True, True]
    assert [len(bound.changes) for bound in made] == [0, 1, 1, 1]


def test_prefixes_are_cut_aligned_and_over_nothing_that_is_bound_reserved_or_resting(spaces: Spaces) -> None:
    isp = make(spaces, "isp", "2001:db8:0:80::-2001:db8:0:3ff:ffff:ffff:ffff:ffff")
    isp.allocate_specific(claim("a", "b"), parse_address("2001:db8:0:100::5"), NOW)
    isp.allocate_specific(claim("a", "c"), parse_address("2001:db8:0:200::5"), NOW)
    isp.release_id("a", "c", "", NOW)
    isp.reserve(parse_span("2001:db8:0:300::1"), "", "", NOW)
    with pytest.raises(PoolFull, match="no /56 is left in isp"):
        cut(spaces, 56, "one", isp)
    assert cut(spaces, 57, "two", isp) == "2001:db8:0:80::/57"
    assert cut(spaces, 57, "three", isp) == "2001:db8:0:180::/57"
    isp.due(NOW + 3_600)
    assert cut(spaces, 56, "one", isp) == "2001:db8:0:200::/56"


def test_an_operation_cuts_once_and_a_prefix_given_back_may_be_cut_again(spaces: Spaces) -> None:
    isp, other = make(spaces, "isp", "2001:db8::/55"), make(spaces, "other", "2001:db8:f::/48")
    first = spaces.cut([isp], 56, operation="one", tenant="t", subscriber="s", now=NOW)
    again = spaces.cut([other], 56, operation="one", tenant="t", subscriber="s", now=NOW + 1)
    assert (again.row, again.created, again.changes) == (first.row, False, ())
    assert spaces.find_operation("one") == (isp, first.row)
    assert spaces.find_delegation(first.row.id) == (isp, first.row)
    assert isp.mark(first.row.id, "active").status == "active"
    assert spaces.find_operation("two") is None
    assert (isp.stats().allocated, isp.stats().delegations, isp.stats().bindings) == (1 << 72, 1, 0)
    with pytest.raises(InUse, match="0 bindings and 1 delegated"):
        isp.remove_range(first.row.range_id)
    isp.give_back(first.row.id)
    assert spaces.find_operation("one") is None
    assert cut(spaces, 56, "two", isp) == "2001:db8::/56"


def test_bindings_are_never_made_inside_a_delegated_prefix(spaces: Spaces) -> None:
    isp = make(spaces, "isp", "2001:db8::/126")
    assert cut(spaces, 127, "one", isp) == "2001:db8::/127"
    with pytest.raises(Exception, match="2001:db8::1 is in 2001:db8::/127, which is delegated to alice"):
        isp.allocate_specific(claim("a", "b"), parse_address("2001:db8::1"), NOW)
    given = {isp.allocate(claim("a", str(number)), NOW).row.address & 3 for number in range(2)}
    assert given == {2, 3}
    with pytest.raises(PoolFull):
        isp.allocate(claim("a", "late"), NOW)


def test_ranges_are_tried_as_they_were_added_or_by_what_they_have_left(spaces: Spaces) -> None:
    isp = make(spaces, "isp", "2001:db8:9::/55", "2001:db8::/54", "192.0.2.0/24")
    assert cut(spaces, 56, "1", isp) == "2001:db8:9::/56"
    assert cut(spaces, 56, "2", isp, most_free=True) == "2001:db8::/56"
    assert cut(spaces, 56, "3", isp, within=2) == "2001:db8:0:100::/56"
    assert cut(spaces, 55, "4", isp) == "2001:db8:0:200::/55"
    assert cut(spaces, 56, "5", isp) == "2001:db8:9:100::/56"
    with pytest.raises(PoolFull):
        cut(spaces, 56, "6", isp, most_free=True)
    with pytest.raises(InvalidSubnet, match="large enough for a /53"):
        cut(spaces, 53, "6", isp)
    with pytest.raises(InvalidSubnet, match="length of 129"):
        cut(spaces, 129, "6", isp)
    with pytest.raises(NotFound, match="no IPv6 range 3"):
        cut(spaces, 56, "6", isp, within=3)
    with pytest.raises(PoolFull, match="no /56 is left in no space"):
        cut(spaces, 56, "6")


def test_what_is_bound_reserved_or_delegated_in_any_space_is_taken(spaces: Spaces) -> None:
    lan, isp = make(spaces, "lan", "2001:db8::/64"), make(spaces, "isp", "2001:db8:f::/48")
    lan.allocate(claim("a", "b"), NOW)
    lan.reserve(parse_span("2001:db8::10/124"), "", "", NOW)
    cut(spaces, 56, "one", isp)
    taken = ["2001:db8::", "2001:db8::10", "2001:db8::1f", "2001:db8:f::5"]
    free = ["2001:db8::1", "2001:db8::20", "2001:db8:f:100::", "2001:db8:e::", "::"]
    assert all(spaces.taken(parse_address(text).value) for text in taken)
    assert not any(spaces.taken(parse_address(text).value) for text in free)
    lan.release_id("a", "b", "", NOW)
    assert not spaces.taken(parse_address("2001:db8::").value)


def test_what_was_committed_is_held_again_and_nothing_else(spaces: Spaces) -> None:
    ledger = Ledger()
    ledger.apply([spaces.create("lan", now=NOW)])
    lan = spaces.find("lan")
    ledger.apply([lan.add_range(parse_span("2001:db8::/64"), "", NOW)])
    ledger.apply(lan.reserve(parse_span("2001:db8::/120"), "", "", NOW).changes)
    for number in range(3):
        ledger.apply(lan.allocate(claim("a", str(number), kind="vm", resource="v", tags=["t"]), NOW, ttl=50.0).changes)
    ledger.apply(lan.release_id("a", "1", "", NOW).changes)
    ledger.apply(spaces.cut([lan], 80, operation="one", tenant="", subscriber="s", now=NOW).changes)
    expected = lan.stats(), list(lan.bindings()), lan.delegations(), lan.reservations(), spaces.next_due()
    lan.allocate(claim("a", "not committed"), NOW)
    spaces.create("not-committed", now=NOW)
    spaces.restore(ledger.snapshot())
    lan = spaces.find("lan")
    assert len(spaces) == 1
    assert (lan.stats(), list(lan.bindings()), lan.delegations(), lan.reservations(), spaces.next_due()) == expected
    assert [row.key for row in lan.find_by_tag("t")] == ["0", "2"]
    assert {row.key for row in spaces.due(NOW + 50).rows} == {"0", "2"}
    assert len(spaces.due(NOW + 3_600).changes) == 1
    assert len(spaces.due(NOW + 3_650).changes) == 2


def test_a_rest_read_back_ends_when_it_should(spaces: Spaces) -> None:
    address = parse_address("2001:db8::").value
    spaces.restore(
        SpaceSnapshot(
            spaces=(SpaceRecorded(4, "lan", "", "first", 60.0, "", NOW),),
            ranges=(RangeRecorded(9, 4, 6, address, address, "", NOW),),
            rests=(RestRow(4, 6, address, NOW + 5),),
        )
    )
    lan = spaces.find("lan")
    assert (lan.stats().resting, spaces.next_due()) == (1, NOW + 5)
    assert spaces.due(NOW + 5).changes == ((4, 6, address),)
    assert lan.add_range(parse_span("::1"), "", NOW).id == 10
    assert lan.allocate(claim("a", "b"), NOW).row.address == 1


def test_the_id_of_a_prefix_that_a_subscriber_remembers_is_never_given_to_another(spaces: Spaces) -> None:
    texts = dict.fromkeys(SubscriberRecorded._fields)
    row = SubscriberRecorded(**texts)._replace(registry="embedded", ipv6_netbox_prefix_id=41)  # type: ignore[arg-type]
    other = row._replace(registry="netbox", ipv6_netbox_prefix_id=500)
    spaces.restore(SpaceSnapshot(subscribers=(row, other)))
    isp = make(spaces, "isp", "2001:db8::/48")
    cut(spaces, 56, "one", isp)
    assert isp.delegations()[0].id == 42
