from __future__ import annotations

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.ndp.strategy import Means, choose, find_means

ALL = Means(ndppd=True, packets=True, routes=True)


def prefix(*, on_link: bool) -> HostPrefix:
    return HostPrefix(network=0x2001 << 112, length=64, interface="up0", source="interface", on_link=on_link)


@pytest.mark.parametrize(
    ("wanted", "on_link", "strategy", "word"),
    [
        ("auto", True, "ndppd", "on-link"),
        ("auto", False, "routed", "routed"),
        ("routed", True, "routed", "network.ndp"),
        ("ndppd", False, "ndppd", "network.ndp"),
        ("responder", False, "responder", "network.ndp"),
        ("address", True, "address", "network.ndp"),
        ("proxy", True, "proxy", "network.ndp"),
    ],
)
def test_the_strategy_follows_the_setting_or_the_link_and_says_why(
    wanted: str, on_link: bool, strategy: str, word: str
) -> None:
    name, why = choose(wanted, prefix(on_link=on_link), ALL)

    assert name == strategy
    assert word in why


@pytest.mark.parametrize(
    ("means", "strategy", "word"),
    [
        (ALL, "ndppd", "ndppd is installed"),
        (Means(ndppd=False, packets=True, routes=True), "responder", "ndppd is not installed"),
        (Means(ndppd=True, packets=False, routes=True), "address", "CAP_NET_RAW is missing"),
        (Means(ndppd=False, packets=False, routes=True), "address", "CAP_NET_RAW is missing"),
        (Means(ndppd=False, packets=True, routes=False), "responder", "ndppd is not installed"),
        (Means(ndppd=True, packets=False, routes=False), "ndppd", "ndppd is installed"),
        (Means(ndppd=False, packets=False, routes=False), "responder", "ndppd is not installed"),
    ],
)
def test_on_link_the_strategy_follows_what_works_here_and_says_so(means: Means, strategy: str, word: str) -> None:
    name, why = choose("auto", prefix(on_link=True), means)

    assert name == strategy
    assert word in why


def test_an_ndppd_that_is_not_installed_is_no_means() -> None:
    assert not find_means(NetworkSettings(ndppd="ndppd-that-is-not-there")).ndppd


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="choose auto, routed, ndppd, responder, address or proxy"):
        choose("magic", prefix(on_link=True), ALL)
