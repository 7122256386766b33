"""Prefixes from text and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipv6console.pool.prefix import InvalidPrefix, covers, format_prefix, masked, parse_prefix


@given(st.integers(0, (1 << 128) - 1), st.integers(0, 128))
def test_every_prefix_comes_back_from_its_text(address: int, length: int) -> None:
    network = masked(address, length)
    assert parse_prefix(format_prefix(network, length)) == (network, length)
    assert covers(network, length, address)


def test_a_bare_address_is_a_prefix_of_128() -> None:
    assert parse_prefix("2001:db8::1")[1] == 128


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2001:db8::1/64", "host bits set; the prefix is 2001:db8::/64"),
        ("2001:db8::/129", "from 0 to 128"),
        ("2001:db8::/-1", "from 0 to 128"),
        ("2001:db8::/", "from 0 to 128"),
        ("2001:db8::/²", "from 0 to 128"),
        ("192.0.2.0/24", "IPv4"),
    ],
)
def test_what_is_no_prefix_is_refused_with_the_cause(text: str, complaint: str) -> None:
    with pytest.raises(InvalidPrefix) as refused:
        parse_prefix(text)
    assert complaint in str(refused.value)
