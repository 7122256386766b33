from __future__ import annotations

from dataclasses import replace

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.dump import (
    ROUTE_LOCAL,
    ROUTE_UNICAST,
    TABLE_LOCAL,
    TABLE_MAIN,
    Address,
    Dump,
    Link,
    Neighbour,
    Route,
)
from ipv6console.linux.prefixes import prefix_text, select, unused
from ipv6console.linux.routes import bystanders
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Level

NOW = 1_000_000.0
UP = 0x1 | 0x10000
NOARP = 0x80
TEMPORARY, DADFAILED, DEPRECATED, TENTATIVE, OPTIMISTIC = 0x01, 0x08, 0x20, 0x40, 0x04

LO = Link(1, "lo", UP | 0x8)
ETH = Link(2, "eth0", UP)
LAN = Link(3, "lan0", UP)
DEFAULT = Route(TABLE_MAIN, ROUTE_UNICAST, 0, 0, 2, parse_address("fe80::1"))


def address(text: str, *, index: int = 2, flags: int = 0, preferred: float | None = None) -> Address:
    plain, length = text.split("/")
    return Address(index, parse_address(plain), int(length), flags, preferred, None)


def dump(*addresses: Address, routes: tuple[Route, ...] = (DEFAULT,), links: tuple[Link, ...] = (LO, ETH, LAN)) -> Dump:
    return Dump(at=NOW, links=links, addresses=addresses, routes=routes)


def chosen(table: Dump, settings: NetworkSettings | None = None) -> list[str]:
    return [shown(prefix) for prefix in select(table, settings or NetworkSettings()).prefixes]


def shown(prefix: HostPrefix) -> str:
    return prefix_text(prefix.network, prefix.length)


@pytest.mark.parametrize(
    ("held", "prefix"),
    [
        ("2001:db8:0:1::5/64", "2001:db8:0:1::/64"),
        ("2001:db8:4f8:10::2/64", "2001:db8:4f8:10::/64"),
        ("2a01:4f8:c0c:7::1/64", "2a01:4f8:c0c:7::/64"),
        ("2001:db8:aa:ff00::1/56", "2001:db8:aa:ff00::/56"),
        ("2001:db8:0:1:ab00::7/72", "2001:db8:0:1:ab00::/72"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("2001:db8::5/126", "2001:db8::4/126"),
    ],
)
def test_the_prefix_around_a_global_address_is_used(held: str, prefix: str) -> None:
    assert chosen(dump(address(held))) == [prefix]


@pytest.mark.parametrize(
    "held",
    [
        address("fe80::1/64"),
        address("fd00:1:2::1/64"),
        address("::1/128", index=1),
        address("2001:db8:0:1::5/64", flags=TEMPORARY),
        address("2001:db8:0:1::5/64", flags=TENTATIVE),
        address("2001:db8:0:1::5/64", flags=TENTATIVE | DADFAILED),
        address("2001:db8:0:1::5/128"),
        address("2001:db8:0:1::5/127"),
    ],
)
def test_an_address_that_makes_no_pool_is_passed_over_and_the_reason_is_told(held: Address) -> None:
    selection = select(dump(held), NetworkSettings())

    assert selection.prefixes == ()
    assert selection.findings


def test_an_optimistic_address_is_usable_while_it_is_tested() -> None:
    assert chosen(dump(address("2001:db8:0:1::5/64", flags=TENTATIVE | OPTIMISTIC))) == ["2001:db8:0:1::/64"]


def test_a_single_address_says_to_set_the_prefixes() -> None:
    (finding, *_) = select(dump(address("2001:db8::5/128")), NetworkSettings()).findings

    assert "network.prefixes" in finding.text
    assert finding.subject == "eth0"


def test_the_interface_of_the_default_route_comes_first() -> None:
    table = dump(address("2001:db8:b::1/64", index=3), address("2001:db8:a::1/64", index=2))

    assert chosen(table) == ["2001:db8:a::/64", "2001:db8:b::/64"]


def test_the_default_route_with_the_lower_metric_wins() -> None:
    other = Route(TABLE_MAIN, ROUTE_UNICAST, 0, 0, 3, parse_address("fe80::1"), metric=5)
    usual = Route(TABLE_MAIN, ROUTE_UNICAST, 0, 0, 2, parse_address("fe80::1"), metric=1024)
    table = dump(address("2001:db8:a::1/64"), address("2001:db8:b::1/64", index=3), routes=(usual, other))

    assert chosen(table) == ["2001:db8:b::/64", "2001:db8:a::/64"]


def test_a_prefix_on_the_way_out_is_on_link_and_one_elsewhere_is_routed() -> None:
    table = dump(address("2001:db8:a::1/64"), address("2001:db8:b::1/56", index=3))
    out, inside = select(table, NetworkSettings()).prefixes

    assert (out.on_link, inside.on_link) == (True, False)


def test_a_prefix_on_a_tunnel_is_routed() -> None:
    tunnel = Link(2, "he0", UP | NOARP)
    (prefix,) = select(dump(address("2001:db8:a::1/64"), links=(LO, tunnel)), NetworkSettings()).prefixes

    assert prefix.on_link is False


def test_a_lost_default_route_leaves_an_on_link_prefix_on_link_and_is_told() -> None:
    selection = select(dump(address("2001:db8:a::1/64"), routes=()), NetworkSettings())

    assert selection.prefixes[0].on_link is True
    assert [finding.subject for finding in selection.findings] == ["route"]


def test_a_deprecated_prefix_is_reported_after_the_fresh_one_for_draining() -> None:
    table = dump(address("2001:db8:a::1/64", flags=DEPRECATED, preferred=0.0), address("2001:db8:b::1/64"))
    fresh, old = select(table, NetworkSettings()).prefixes

    assert (shown(fresh), fresh.deprecated) == ("2001:db8:b::/64", False)
    assert (shown(old), old.deprecated) == ("2001:db8:a::/64", True)


def test_a_prefix_with_one_fresh_address_is_not_deprecated() -> None:
    table = dump(address("2001:db8:a::1/64", flags=DEPRECATED), address("2001:db8:a::2/64"))
    (prefix,) = select(table, NetworkSettings()).prefixes

    assert prefix.deprecated is False
    assert prefix.address == parse_address("2001:db8:a::2")


def test_lifetimes_become_moments_and_for_ever_stays_open() -> None:
    (prefix,) = select(dump(address("2001:db8:a::1/64", preferred=600.0)), NetworkSettings()).prefixes

    assert (prefix.preferred_until, prefix.valid_until) == (NOW + 600, None)


def test_only_the_interfaces_of_the_settings_count() -> None:
    table = dump(address("2001:db8:a::1/64"), address("2001:db8:b::1/64", index=3))

    assert chosen(table, NetworkSettings(interfaces=("lan0",))) == ["2001:db8:b::/64"]


def test_an_interface_of_the_settings_that_is_missing_is_named_with_those_that_exist() -> None:
    finding = select(dump(), NetworkSettings(interfaces=("wan9",))).findings[0]

    assert finding.level is Level.FAIL
    assert "wan9" in finding.text
    assert "eth0, lan0" in finding.text


def test_static_prefixes_are_used_instead_of_detected_ones() -> None:
    table = dump(address("2001:db8:a::1/64"))
    (prefix,) = select(table, NetworkSettings(prefixes=("2001:db8:5::/48",))).prefixes

    assert (shown(prefix), prefix.source, prefix.on_link, prefix.interface) == (
        "2001:db8:5::/48",
        "static",
        False,
        "eth0",
    )


def test_a_static_prefix_inside_an_on_link_one_is_on_link() -> None:
    table = dump(address("2001:db8:a::1/64"))
    (prefix,) = select(table, NetworkSettings(prefixes=("2001:db8:a:0:1::/80",))).prefixes

    assert (prefix.on_link, prefix.interface) == (True, "eth0")


def test_a_static_prefix_with_an_on_link_route_and_a_single_address_is_on_link() -> None:
    route = Route(TABLE_MAIN, ROUTE_UNICAST, parse_address("2001:db8:a::"), 64, 2)
    table = dump(address("2001:db8:a::5/128"), routes=(DEFAULT, route))
    (prefix,) = select(table, NetworkSettings(prefixes=("2001:db8:a::/64",))).prefixes

    assert (prefix.on_link, prefix.address) == (True, parse_address("2001:db8:a::5"))


def test_our_own_local_route_does_not_make_a_routed_prefix_on_link() -> None:
    route = Route(TABLE_LOCAL, ROUTE_LOCAL, parse_address("2001:db8:5::"), 48, 1)
    (prefix,) = select(dump(routes=(DEFAULT, route)), NetworkSettings(prefixes=("2001:db8:5::/48",))).prefixes

    assert prefix.on_link is False


@pytest.mark.parametrize("text", ["2001:db8::1/64", "10.0.0.0/8", "wan", "2001:db8::/127", "2001:db8::/129"])
def test_a_malformed_static_prefix_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"network\.prefixes") as caught:
        select(dump(), NetworkSettings(prefixes=(text,)))

    assert text in str(caught.value)


def test_gateways_and_known_neighbours_inside_an_on_link_prefix_are_bystanders() -> None:
    inside = parse_address("2001:db8:a::9")
    gateway = parse_address("2001:db8:a::1")
    reachable, failed = 0x02, 0x20
    table = Dump(
        at=NOW,
        links=(LO, ETH, LAN),
        addresses=(address("2001:db8:a::5/64"),),
        routes=(Route(TABLE_MAIN, ROUTE_UNICAST, 0, 0, 2, gateway),),
        neighbours=(
            Neighbour(2, inside, reachable),
            Neighbour(2, parse_address("2001:db8:a::77"), failed),
            Neighbour(2, parse_address("2001:db8:b::9"), reachable),
            Neighbour(3, parse_address("2001:db8:a::8"), reachable),
            Neighbour(2, parse_address("2001:db8:a::5"), reachable),
        ),
    )
    (prefix,) = select(table, NetworkSettings()).prefixes

    assert bystanders(prefix, table) == {inside: 2, gateway: 2}


def test_an_address_nobody_has_is_found_however_few_are_left() -> None:
    found = HostPrefix(
        network=parse_address("2001:db8::4"), length=126, interface="eth0", source="static", on_link=True
    )
    mine = dump(address("2001:db8::5/126"), address("fe80::7/64"))
    one = Neighbour(2, parse_address("2001:db8::7"), 0x02)

    assert {unused(found, mine) for _ in range(64)} == {found.network | 2, found.network | 3}
    assert unused(found, replace(mine, neighbours=(one,))) == found.network | 2


def test_of_a_prefix_that_is_all_taken_there_is_no_unused_address() -> None:
    found = HostPrefix(
        network=parse_address("2001:db8::4"), length=126, interface="eth0", source="static", on_link=True
    )
    held = tuple(address(f"2001:db8::{number}/128") for number in (4, 5, 6, 7))

    assert unused(found, replace(dump(), pooled=held)) is None
