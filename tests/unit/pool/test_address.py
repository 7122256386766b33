"""Addresses from text and back."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipv6console.pool.address import InvalidAddress, format_address, parse_address, parse_ipv6


@given(st.integers(0, (1 << 128) - 1))
def test_every_address_comes_back_from_its_text(address: int) -> None:
    assert parse_address(format_address(address)) == address


@given(st.integers(0, (1 << 128) - 1))
def test_every_spelling_is_the_same_address(address: int) -> None:
    full = IPv6Address(address).exploded
    assert parse_address(full) == parse_address(full.upper()) == address


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("192.0.2.1", "IPv4"),
        ("fe80::1%eth0", "zone id"),
        ("2001:db8::/64", "is a prefix"),
        ("2001:db8::1::2", "not an IPv6 address"),
        ("2001:db8:::1", "not an IPv6 address"),
        ("", "not an IPv6 address"),
        ("2001:db8::1\0", "not an IPv6 address"),
        (" 2001:db8::1", "not an IPv6 address"),
        ("x" * 1000, "..."),
    ],
)
def test_what_is_no_plain_address_is_refused_with_the_cause(text: str, complaint: str) -> None:
    with pytest.raises(InvalidAddress) as refused:
        parse_address(text)
    assert complaint in str(refused.value)


def test_ipv4_inside_ipv6_is_refused_as_the_ipv4_it_is() -> None:
    with pytest.raises(InvalidAddress, match="is an IPv4 address; the pool holds IPv6 addresses only"):
        parse_ipv6("::FFFF:c000:207")
    assert parse_ipv6("2001:db8::ffff:192.0.2.7") == parse_address("2001:db8::ffff:c000:207")
