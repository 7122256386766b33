"""The filter of tables."""

from __future__ import annotations

import pytest

from ipv6console.console.filter import parse, passes

FIELDS = frozenset({"state", "name"})
ROW = {"state": "▲ warn", "name": "shop-de"}


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("", True),
        ("shop", True),
        ("SHOP", True),
        ("news", False),
        ("!shop", False),
        ("!news", True),
        ("shop warn", True),
        ("shop ok", False),
        ("state:warn", True),
        ("!state:warn", False),
        ("state:shop", False),
        ("name:shop", True),
        ("!", True),
        ("state:", True),
        ("other:shop", False),
    ],
)
def test_words_must_all_match_and_an_exclamation_mark_inverts(text: str, *, passing: bool) -> None:
    assert passes(parse(text, FIELDS), ROW) is passing
