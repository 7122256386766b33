from __future__ import annotations

import pytest

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.ndp.strategy import choose


def prefix(*, on_link: bool) -> HostPrefix:
    return HostPrefix(network=0x2001 << 112, length=64, interface="up0", source="interface", on_link=on_link)


@pytest.mark.parametrize(
    ("wanted", "on_link", "strategy", "word"),
    [
        ("auto", True, "ndppd", "on-link"),
        ("auto", False, "routed", "routed"),
        ("routed", True, "routed", "network.ndp"),
        ("ndppd", False, "ndppd", "network.ndp"),
    ],
)
def test_the_strategy_follows_the_setting_or_the_link_and_says_why(
    wanted: str, on_link: bool, strategy: str, word: str
) -> None:
    name, why = choose(wanted, prefix(on_link=on_link))

    assert name == strategy
    assert word in why


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="choose auto, routed or ndppd"):
        choose("magic", prefix(on_link=True))
