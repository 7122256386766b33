"""Text to addresses and ranges: what is meant, how many they are, and what is refused."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from ipv6console.ipam.errors import InvalidAddress, InvalidRange, InvalidSubnet, IpamError
from ipv6console.ipam.span import Address, Span, parse_address, parse_span


@pytest.mark.parametrize("length", range(129))
def test_the_total_of_an_ipv6_prefix_of_any_length_is_exact(length: int) -> None:
    span = parse_span(f"8000::/{length}" if length else "::/0")
    assert span.size == 2 ** (128 - length)
    assert span.length == length
    assert parse_span(span.cidr or "") == span
    assert span.last == int(ip_network(span.cidr or "").broadcast_address)


@pytest.mark.parametrize("length", range(33))
def test_the_total_of_an_ipv4_prefix_of_any_length_is_exact(length: int) -> None:
    span = parse_span(f"128.0.0.0/{length}" if length else "0.0.0.0/0")
    assert span.size == 2 ** (32 - length)
    assert span.cidr == str(ip_network((span.first, length)))


@pytest.mark.parametrize(
    ("text", "span", "shown"),
    [
        ("192.0.2.1", Span(4, 0xC0000201, 0xC0000201), "192.0.2.1"),
        (" 2001:DB8::/127 ", Span(6, 0x20010DB8 << 96, (0x20010DB8 << 96) + 1), "2001:db8::/127"),
        ("192.0.2.3 - 192.0.2.4", Span(4, 0xC0000203, 0xC0000204), "192.0.2.3-192.0.2.4"),
        ("192.0.2.4-192.0.2.7", Span(4, 0xC0000204, 0xC0000207), "192.0.2.4/30"),
        ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Span(6, 0, 2**128 - 1), "::/0"),
        ("::1-::1", Span(6, 1, 1), "::1"),
    ],
)
def test_a_range_is_a_cidr_or_two_addresses_or_one(text: str, span: Span, shown: str) -> None:
    assert parse_span(text) == span
    assert str(span) == shown


@pytest.mark.parametrize(
    ("text", "kind", "cause", "advice"),
    [
        ("", InvalidAddress, "there is no address", "such as 2001:db8::1"),
        ("2001:db8::g", InvalidAddress, "no address", "such as"),
        ("192.0.2.256", InvalidAddress, "no address", "such as"),
        ("192.0.2.01", InvalidAddress, "no address", "such as"),
        ("lan", InvalidAddress, "'lan' is no address", "such as"),
        ("fe80::1%up0", InvalidAddress, "zone id", "alone, fe80::1"),
        ("::ffff:192.0.2.1", InvalidAddress, "IPv4 address in IPv6 clothes", "write 192.0.2.1"),
        ("\0::1", InvalidAddress, "no address", "such as"),
        ("é::", InvalidAddress, "no address", "such as"),
        ("2001:db8::1/64", InvalidSubnet, "bits set after its first 64", "write 2001:db8::/64"),
        ("2001:db8::/129", InvalidSubnet, "no such prefix length", "0 to 128"),
        ("192.0.2.0/33", InvalidSubnet, "no such prefix length", "0 to 32"),
        ("192.0.2.0/255.255.255.0", InvalidSubnet, "no such prefix length", "0 to 32"),
        ("2001:db8::/", InvalidSubnet, "no such prefix length", "0 to 128"),
        ("2001:db8::/+64", InvalidSubnet, "no such prefix length", "0 to 128"),
        ("2001:db8::/٦٤", InvalidSubnet, "no such prefix length", "0 to 128"),
        ("2001:db8::/64/64", InvalidSubnet, "no such prefix length", "0 to 128"),
        ("::2-::1", InvalidRange, "ends before it begins", "write ::1-::2"),
        ("192.0.2.1-::1", InvalidRange, "from one family to the other", "one family"),
        ("::1-::2-::3", InvalidRange, "is no range", "FIRST-LAST"),
        ("::/64-::/65", InvalidRange, "is no range", "FIRST-LAST"),
        ("-::1", InvalidAddress, "there is no address", "such as"),
        pytest.param("9" * 5_000, InvalidAddress, "it has 5000 characters", "such as", id="long"),
    ],
)
def test_what_is_no_range_is_refused_with_its_cause_and_what_to_do(
    text: str, kind: type[IpamError], cause: str, advice: str
) -> None:
    with pytest.raises(kind) as refused:
        parse_span(text)
    assert type(refused.value) is kind
    assert cause in refused.value.detail
    assert advice in refused.value.next
    assert len(refused.value.detail) < 300


def test_an_address_is_found_in_any_spelling() -> None:
    assert parse_address("2001:DB8:0:0::0001") == Address(6, (0x20010DB8 << 96) + 1)
    assert str(parse_address("2001:DB8:0:0::0001")) == "2001:db8::1"
    with pytest.raises(InvalidAddress, match="is a prefix"):
        parse_address("2001:db8::/64")
