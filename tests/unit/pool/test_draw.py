"""Addresses are drawn at random, spread over subnets, and never one that is reserved."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipv6console.pool.draw import Draw
from ipv6console.pool.exclusion import Exclusions, reserved_interface_identifier, subnet_anycast
from ipv6console.pool.prefix import covers, masked, parse_prefix

BASE = parse_prefix("2001:db8::/32")[0]


def _nobody(_: int) -> bool:
    return False


@given(st.integers(32, 128), st.integers(0, 1 << 60), st.sampled_from([48, 56, 64]))
def test_drawn_addresses_lie_inside_the_prefix_and_are_different(length: int, seed: int, spread: int) -> None:
    network = masked(BASE | seed << 36, length)
    drawn = Draw(network, length, spread=spread, random=Random(seed)).take(20, _nobody)
    assert len(set(drawn)) == len(drawn)
    assert all(covers(network, length, address) for address in drawn)
    assert len(drawn) == 20 or length > 122


@pytest.mark.parametrize(("text", "spread", "bits"), [("2001:db8:56::/56", 64, 64), ("2001:db8::/32", 48, 48)])
def test_a_prefix_shorter_than_the_spread_is_spread_over_its_subnets(text: str, spread: int, bits: int) -> None:
    network, length = parse_prefix(text)
    drawn = Draw(network, length, spread=spread, random=Random(1)).take(256, _nobody)
    assert len({address >> (128 - bits) for address in drawn}) >= 250


def test_a_56_uses_every_one_of_its_subnets_before_any_twice() -> None:
    draw = Draw(*parse_prefix("2001:db8:56::/56"), spread=64, random=Random(2))
    drawn = draw.take(512, _nobody)
    uses = [sum(address >> 64 == subnet for address in drawn) for subnet in {address >> 64 for address in drawn}]
    assert uses == [2] * 256


def test_a_small_prefix_is_exhausted_without_its_anycast_addresses() -> None:
    network, length = parse_prefix("2001:db8::f0/124")
    drawn = Draw(network, length, spread=64, random=Random(3)).take(100, _nobody)
    assert sorted(address & 0xF for address in drawn) == list(range(1, 16))


def test_unwanted_addresses_are_never_drawn() -> None:
    network, length = parse_prefix("2001:db8::f0/124")
    drawn = Draw(network, length, spread=64, random=Random(4)).take(100, lambda address: bool(address & 1))
    assert sorted(address & 0xF for address in drawn) == list(range(2, 16, 2))


@pytest.mark.parametrize(
    "text",
    ["2001:db8::", "2001:db8::200:5eff:fe00:5213", "2001:db8::200:5eff:fe00:0", "2001:db8::fdff:ffff:ffff:ff80"],
)
def test_reserved_interface_identifiers_are_excluded(text: str) -> None:
    address = parse_prefix(text)[0]
    assert reserved_interface_identifier(address)
    assert address in Exclusions()


@pytest.mark.parametrize("text", ["2001:db8::1", "2001:db8::fdff:ffff:ffff:ff7f", "2001:db8::200:5eff:ff00:0"])
def test_ordinary_interface_identifiers_are_not_excluded(text: str) -> None:
    assert parse_prefix(text)[0] not in Exclusions()


def test_the_anycast_addresses_of_a_longer_subnet_are_its_first_and_its_last_128() -> None:
    network, length = parse_prefix("2001:db8:0:0:7200::/72")
    last = network | (1 << 56) - 1
    assert subnet_anycast(network, length)
    assert subnet_anycast(last, length)
    assert subnet_anycast(last - 127, length)
    assert not subnet_anycast(last - 128, length)


def test_excluded_prefixes_addresses_and_neighbours_are_excluded() -> None:
    exclusions = Exclusions([parse_prefix("2001:db8:0:5::/64"), parse_prefix("2001:db8::99")])
    exclusions.see(frozenset({parse_prefix("2001:db8::fe")[0]}))
    for text in ("2001:db8:0:5::1234", "2001:db8::99", "2001:db8::fe"):
        assert parse_prefix(text)[0] in exclusions
    assert parse_prefix("2001:db8::98")[0] not in exclusions
