"""What is looked for among subscribers and bindings, and what of it the engine is asked to pick out."""

from __future__ import annotations

import anyio
import pytest

from ipv6console.console.catalogue import LOOKED, Leaf, gather
from ipv6console.console.finding import (
    BINDINGS,
    SUBSCRIBERS,
    asked_address,
    asked_state,
    asked_text,
    parse,
    passes,
)
from ipv6console.console.life import STATES
from tests.console import lasting


def found(line: str) -> list[str]:
    terms = parse(line, SUBSCRIBERS)
    return [row.subscriber_id[-2:] for row in lasting.subscribers() if passes(terms, row, SUBSCRIBERS)]


def bound(line: str) -> list[str]:
    terms = parse(line, BINDINGS)
    return [row.id for row in lasting.bindings() if passes(terms, row, BINDINGS)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("state:pending", ["02", "09"]),
        ("state:stuck", ["03"]),
        ("!state:active !state:allocated tenant:acme", ["02", "05", "06", "07"]),
        ("ipam:refused", ["08"]),
        ("radius:", [row.subscriber_id[-2:] for row in lasting.subscribers()]),
        ("2001:DB8:4005:0100:0:0:0:7", ["05"]),
        ("2001:db8:4004::/46", ["04", "05", "06"]),
        ("prefix:2001:db8:4004::/46 !2001:db8:4005::/48", ["04", "06"]),
        ("192.0.2.0/24", []),
        ("cust5@", ["05"]),
        ("CUST-0008", ["08"]),
        ("text:day", ["03"]),
    ],
)
def test_subscribers_are_found_by_words_and_by_addresses_in_any_spelling(line: str, expected: list[str]) -> None:
    assert found(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2001:db8:5:0:0:0:0:17", ["nic23"]),
        ("2001:0DB8:5::/125 ", []),
        ("2001:db8:5::10/125", ["nic16", "nic23"]),
        ("192.0.2.0/24", ["nic24"]),
        ("tag:canary", ["nic23"]),
        ("kind:vm", ["nic24"]),
        ("resource:cart", ["nic23"]),
        ("02:00:5e:10:00:2b", ["nic43"]),
        ("id:nic4 !blue space:edge instance:rack1", ["nic42"]),
        ("meta:owner=ops kind:pod", ["nic23"]),
    ],
)
def test_bindings_are_found_by_any_of_their_fields(line: str, expected: list[str]) -> None:
    assert bound(line) == expected


def test_the_engine_is_asked_for_what_every_passing_row_has_and_nothing_narrower() -> None:
    terms = parse("tag:blue rack !nic23 kind:mac 2001:db8:5::/64 2001:db8:5::17", BINDINGS)
    assert asked_text(terms, BINDINGS) == "blue"
    assert asked_address(terms) == "2001:db8:5::17"
    assert asked_address(parse("!2001:db8::/32", BINDINGS)) is None
    life = parse("state:fail tenant:acme text:no cust", SUBSCRIBERS)
    assert (asked_text(life, SUBSCRIBERS), asked_state(life, tuple(STATES))) == ("cust", None)
    assert asked_state(parse("state:failed", SUBSCRIBERS), tuple(STATES)) == "failed"


def test_a_slash_that_is_still_being_typed_looks_for_the_address_before_it() -> None:
    assert bound("2001:db8:5::17/") == ["nic23"]


def test_no_more_is_read_than_is_wanted_and_a_filter_that_finds_little_gives_up() -> None:
    asked: list[tuple[str | None, int]] = []

    async def ask(cursor: str | None, limit: int) -> Leaf[int]:
        asked.append((cursor, limit))
        start = int(cursor or 0)
        return Leaf(rows=range(start, start + limit), next=str(start + limit))

    async def some(least: int, every: int) -> tuple[int, int, bool]:
        told = await gather(ask, lambda row: row % every == 0, least)
        return len(told.rows), told.looked, told.more

    assert anyio.run(some, 200, 1) == (200, 200, True)
    assert asked == [(None, 200)]
    assert anyio.run(some, 200, 1_000_000) == (1, LOOKED + 200, True)
