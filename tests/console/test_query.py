"""The filter of the pool."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv6Address, IPv6Network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipv6console.console.query import BadFilter, Context, parse
from ipv6console.console.stock import Stock, number
from ipv6console.wire.address import AddressRow
from tests.console import pool

NOW = 1_790_000_000.0
ADDR = "2001:db8:0:1:5:ab:1:beef"
MIRRORS = ("news", "prices", "shop-de")
CONTEXT = Context(now=NOW, mirrors=MIRRORS, holders={number(ADDR): "unix pid 4711 (python3 scraper.py) nightly"})
ADDRESSES = st.integers(0x2000 << 112, (0x4000 << 112) - 1)


def row(addr: str = ADDR, **changes: object) -> AddressRow:
    given: dict[str, object] = {
        "addr": addr, "prefix": "2001:db8:0:1::/64", "verified_at": NOW - 7_200, "leased_in": ("news",),
        "bad_in": ("shop-de",), "last_used_at": NOW - 60, "uses": 7, "retry_at": NOW + 600, **changes,
    }  # fmt: skip
    return AddressRow(**given)  # type: ignore[arg-type] # the tests name fields of the row


def passes(text: str, address: AddressRow | None = None, context: Context = CONTEXT) -> bool:
    stock = Stock()
    slot = stock.put(address or row())
    return parse(text, context).passes(stock, slot)


IDLE = row(leased_in=(), bad_in=(), last_used_at=None, uses=0, retry_at=None)


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("", True),
        ("news", True),
        ("NEWS", True),
        ("prices", False),
        ("!prices", True),
        ("beef", True),
        ("BEEF", True),
        ("feed", False),
        ("using", True),
        ("news beef", True),
        ("news feed", False),
        ("state:using", True),
        ("state:bad", True),
        ("state:idle", False),
        ("state:u", True),
        ("!state:bad", False),
        ("mirror:news", True),
        ("mirror:prices", False),
        ("!mirror:prices", True),
        ("!mirror:news", False),
        ("mirror:news state:bad", False),
        ("mirror:shop state:bad", True),
        ("mirror:shop !state:bad", False),
        ("mirror:prices state:idle", True),
        ("mirror:news state:idle", False),
        ("lease:yes", True),
        ("lease:no", False),
        ("!lease:no", True),
        ("lease:nightly", True),
        ("lease:python3", True),
        ("lease:hourly", False),
        ("age>1h", True),
        ("age>=1h", True),
        ("age>3h", False),
        ("age<3h", True),
        ("age<1h30m", False),
        ("!age>1h", False),
        ("used<5m", True),
        ("used>5m", False),
        ("uses>6", True),
        ("uses<7", False),
        ("retry<15m", True),
        ("retry>15m", False),
        ("2001:db8::/32", True),
        ("2001:0DB8::/32", True),
        ("2001:db8:0:2::/64", False),
        ("!2001:db8:0:2::/64", True),
        ("::/0", True),
        ("::beef", True),
        ("::BEEF", True),
        ("::1:beef", True),
        ("::0001:beef", True),
        ("::2:beef", False),
        ("!::beef", False),
        ("2001:db8:0:1:5:ab:1:beef", True),
        ("2001:0DB8:0000:0001:0005:00AB:0001:BEEF", True),
        ("2001:db8::1:5:ab:1:beef", True),
        ("2001:db8:0:1:5:ab:1:beee", False),
        ("2001:db8::", True),
        ("2001:db8:0:1:", True),
        ("2001:db8:0:1", True),
        ("2001:db8:0:2", False),
        ("2001:d", True),
        ("2001:0d", True),
        ("2001:dc", False),
        ("prefix:2001:db8:0:1::/64", True),
        ("prefix:2001:db8:0:2::/64", False),
        ("prefix:2001:db8::", True),
        ("prefix:2001:db8:0", True),
        ("prefix:2001", True),
    ],
)
def test_every_word_must_hold_and_an_exclamation_mark_inverts(text: str, *, passing: bool) -> None:
    assert passes(text) is passing


@pytest.mark.parametrize("text", ["!", "state:", "mirror:", "lease:", "prefix:", "age>", "used<", "uses>=", "!state:"])
def test_what_is_still_being_typed_asks_for_nothing(text: str) -> None:
    assert passes(text)
    assert passes(text, IDLE)


@pytest.mark.parametrize(
    ("text", "passing"),
    [("state:idle", True), ("idle", True), ("lease:no", True), ("used>5m", False), ("used<5m", False), ("retry<1h", False)],
)  # fmt: skip
def test_an_address_nobody_uses(text: str, *, passing: bool) -> None:
    assert passes(text, IDLE) is passing


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("state:gone", "state:idle, state:using or state:bad"),
        ("mirror:shop-fr", "did you mean shop-de?"),
        ("mirror:zzz", "there are news, prices, shop-de"),
        ("age:1h", "age>1h"),
        ("age>90", "age>90h"),
        ("age>soon", "age>1h"),
        ("uses>many", "uses>3"),
        ("2001:db8::5/48", "2001:db8::/48"),
        ("2001:db8::/", "2001:db8::/48"),
        ("2001:db8::/129", "0 to 128"),
        ("192.0.2.0/24", "no IPv4 addresses"),
        ("/48", "2001:db8::/48 is one"),
        ("mirrors:news", "did you mean mirror:news?"),
        ("colour:red", "state:bad"),
        ("2001:db8::12345", "1 to 4 digits"),
        ("1:2:3:4:5:6:7:8:9", "eight groups"),
        ("::1:2:3:4:5:6:7:8:9", "eight groups"),
        ("prefix:2001:db8::1", "/64"),
    ],
)
def test_a_bad_filter_says_what_would_be_right(text: str, right: str) -> None:
    with pytest.raises(BadFilter) as told:
        parse(text, CONTEXT)
    assert right in str(told.value)


def test_mirrors_are_not_judged_while_it_is_not_known_which_there_are() -> None:
    assert not passes("mirror:prices", context=Context(now=NOW))


def test_it_is_told_what_time_and_leases_can_change() -> None:
    assert parse("age>1h", CONTEXT).timed
    assert not parse("uses>1 beef", CONTEXT).timed
    assert parse("lease:nightly", CONTEXT).needs_holders
    assert not parse("lease:yes", CONTEXT).needs_holders


@given(ADDRESSES, st.integers(0, 128), st.booleans())
@example(number(ADDR), 61, True)
def test_containment_agrees_with_the_standard_library(address: int, length: int, padded: bool) -> None:
    network = IPv6Network((address, length), strict=False)
    inside = row(str(IPv6Address(address)))
    text = network.exploded.upper() if padded else str(network)
    assert passes(text, inside)
    assert passes(text) is (IPv6Address(ADDR) in network)


@given(ADDRESSES)
def test_any_spelling_of_an_address_finds_it_and_nothing_else(address: int) -> None:
    there = IPv6Address(address)
    for text in (
        str(there),
        there.exploded,
        there.exploded.upper(),
        ":".join(f"{int(g, 16):x}" for g in there.exploded.split(":")),
    ):
        assert passes(text, row(str(there)))
        assert passes(text) is (there == IPv6Address(ADDR))


@given(ADDRESSES, st.integers(1, 7))
def test_the_end_of_an_address_finds_it(address: int, groups: int) -> None:
    there = IPv6Address(address)
    assert passes("::" + ":".join(there.exploded.split(":")[-groups:]), row(str(there)))


@given(ADDRESSES, st.integers(1, 34) | st.just(39))
def test_every_beginning_of_an_address_finds_it_while_it_is_typed(address: int, length: int) -> None:
    there = IPv6Address(address)
    assert passes(there.exploded[:length], row(str(there)))


@given(ADDRESSES, st.data())
def test_every_beginning_of_the_canonical_spelling_is_understood(address: int, data: st.DataObject) -> None:
    text = str(IPv6Address(address))
    parse(text[: data.draw(st.integers(1, len(text)))], CONTEXT)


@given(st.text(alphabet="0123456789abcdefghsx:/!><.-% ", max_size=30))
def test_no_line_breaks_the_filter(text: str) -> None:
    with suppress(BadFilter):
        passes(text)


@pytest.mark.parametrize(("line", "uses"), [("uses>3", [4]), ("uses>=3", [3, 4]), ("uses<3", [2]), ("uses<=3", [2, 3])])
def test_a_limit_that_is_meant_with_its_own_number_has_it(line: str, uses: list[int]) -> None:
    stock = Stock()
    for low in (2, 3, 4):
        stock.put(pool.address(low, uses=low))
    query = parse(line, Context())
    assert [stock.uses[slot] for slot in stock.slots() if query.passes(stock, slot)] == uses
