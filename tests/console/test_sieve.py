"""Which events an operator wants, as typed."""

from __future__ import annotations

import pytest

from ipv6console.console.sieve import EVERYTHING, louder, sieve, unknown
from ipv6console.wire.event import EVERY_EVENT, LEVELS, Event, EventFilter, EventLevel

INFO, WARNING, ERROR = LEVELS


def event(**changes: object) -> Event:
    told: dict[str, object] = {
        "id": 1, "at": 1.0, "level": WARNING, "kind": "lease.lost", "text": "2001:db8::7 in shop: 2001:db8::/64 is gone",
        "subject": "shop", "actor": "unix pid 812 uid 0", **changes,
    }  # fmt: skip
    return Event(**told)  # type: ignore[arg-type] # the tests name fields of the event


@pytest.mark.parametrize(
    "text",
    [
        "", "lost", "GONE", "lost gone", "shop", "pid", "!spawn", "kind:lease", "kind:lease.lost", "subject:shop",
        "mirror:shop", "actor:UID", "text:gone", "prefix:2001:db8::/64", "level:warn", "level:info", "!level:fail",
        "!mirror:shop-de", "prefix:2001:DB8:0:0::/64", "2001:0db8::7",
    ],
)  # fmt: skip
def test_an_event_passes(text: str) -> None:
    assert sieve(text, INFO).passes(event())


@pytest.mark.parametrize(
    "text",
    [
        "spawn",
        "!lost",
        "lost spawn",
        "kind:mirror.",
        "subject:sho",
        "mirror:Shop",
        "level:fail",
        "!level:warn",
        "actor:nobody",
    ],
)
def test_an_event_is_held_back(text: str) -> None:
    assert not sieve(text, INFO).passes(event())


@pytest.mark.parametrize("text", ["!", "level:", "kind:", "level:wa", "!mirror:"])
def test_a_word_that_is_still_being_typed_asks_for_nothing(text: str) -> None:
    assert sieve(text, INFO) == EVERYTHING


def test_an_unknown_field_is_a_word() -> None:
    assert sieve("at:noon", INFO).passes(event(text="tea at:noon"))


def test_the_level_holds_back_what_is_quieter() -> None:
    assert sieve("", WARNING).passes(event())
    assert not sieve("", ERROR).passes(event())


def test_the_engine_is_asked_for_all_that_it_can_pick_out_by_itself() -> None:
    asked = sieve("level:warn kind:lease. mirror:shop actor:uid prefix:2001:DB8::/64 word !other", INFO).wanted
    assert asked == EventFilter(level=WARNING, kind="lease.", subject="shop", actor="uid", text="2001:db8::/64")


def test_words_and_what_is_inverted_are_not_asked_of_the_engine() -> None:
    assert sieve("word !kind:lease !text:gone", INFO).wanted == EVERY_EVENT


@pytest.mark.parametrize(
    "text", ["kind:lease. kind:lease.lost", "text:gone prefix:2001:db8::/64", "level:warn level:info"]
)
def test_what_passes_is_among_what_the_engine_is_asked_for(text: str) -> None:
    wanted = sieve(text, INFO)
    assert wanted.passes(event())
    assert wanted.wanted.wants(event())


def test_the_louder_of_two_levels_is_asked_for() -> None:
    assert sieve("level:info", ERROR).wanted.level is ERROR
    assert sieve("level:fail", INFO).wanted.level is ERROR


def test_levels_end_where_there_are_no_more() -> None:
    assert [louder(INFO, -1), louder(INFO, 1), louder(WARNING, 1), louder(ERROR, 1), louder(ERROR, -1)] == [
        INFO, WARNING, ERROR, ERROR, WARNING,
    ]  # fmt: skip


def test_a_sieve_is_told_as_it_could_be_typed() -> None:
    assert str(sieve("!kind:lease. word", EventLevel.WARNING)) == "level:warn !kind:lease. word"


def test_a_level_there_is_none_of_is_named_once_it_cannot_become_one() -> None:
    assert unknown("ndp !level:war level:") is None
    assert unknown("ndp level:eror") == "level:eror"
