"""The events a log shows, and the gaps between them."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from ipv6console.console.ledger import Gap, Ledger
from ipv6console.console.sieve import sieve
from ipv6console.wire.event import LEVELS, Event, EventLevel


def event(number: int, level: EventLevel = EventLevel.INFO) -> Event:
    return Event(id=number, at=float(number), level=level, kind="test.told", text=f"event {number}")


def events(*numbers: int) -> list[Event]:
    return [event(number) for number in numbers]


def shape(ledger: Ledger) -> list[object]:
    """Ids of events, and bounds of gaps."""
    return [
        (item.low, item.high, *(["lost"] if item.lost else [])) if isinstance(item, Gap) else item.id
        for item in ledger.items
    ]


def run(low: int, high: int) -> Iterable[Event]:
    return events(*range(low, high + 1))


def test_what_the_stream_brings_follows_a_gap_for_what_was_before() -> None:
    ledger = Ledger()
    ledger.follow(events(8, 9))
    assert shape(ledger) == [(1, 7), 8, 9]


def test_events_that_are_known_are_not_taken_twice() -> None:
    ledger = Ledger()
    ledger.follow(events(1, 2))
    ledger.follow(events(1, 2, 3))
    assert shape(ledger) == [1, 2, 3]


def test_a_jump_of_ids_in_the_stream_is_a_gap_that_a_page_fills() -> None:
    ledger = Ledger()
    ledger.follow(events(1, 2, 6, 7))
    assert shape(ledger) == [1, 2, (3, 5), 6, 7]
    ledger.cover(3, 5, run(3, 5))
    assert shape(ledger) == [1, 2, 3, 4, 5, 6, 7]


def test_pages_go_back_to_the_first_event() -> None:
    ledger = Ledger()
    ledger.follow(events(9))
    ledger.cover(5, 8, run(5, 8))
    assert shape(ledger) == [(1, 4), 5, 6, 7, 8, 9]
    ledger.cover(1, 4, run(1, 4))
    assert shape(ledger) == [*range(1, 10)]


def test_what_the_engine_does_not_keep_any_more_is_shown_as_lost() -> None:
    ledger = Ledger()
    ledger.follow(events(9))
    ledger.cover(1, 8, events(4, 5, 8))
    assert shape(ledger) == [(1, 3, "lost"), 4, 5, (6, 7, "lost"), 8, 9]


def test_under_a_filter_ids_that_do_not_pass_are_no_gaps() -> None:
    ledger = Ledger(sieve("", LEVELS[1]))
    ledger.follow([event(4), event(5, LEVELS[1]), event(6), event(7, LEVELS[2])])
    assert shape(ledger) == [(1, 3), 5, 7]
    ledger.cover(1, 3, [event(2, LEVELS[2])])
    assert shape(ledger) == [2, 5, 7]


def test_far_from_the_reader_events_are_let_go_and_become_gaps_again() -> None:
    ledger = Ledger()
    ledger.follow(run(1, 20))
    ledger.trim(19, most=5)
    assert shape(ledger) == [(1, 15), 16, 17, 18, 19, 20]
    ledger.cover(1, 15, run(1, 15))
    ledger.trim(0, most=5)
    assert shape(ledger) == [1, 2, 3, 4, 5, (6, 20)]


def test_while_the_end_is_let_go_new_events_only_make_its_gap_larger() -> None:
    ledger = Ledger()
    ledger.follow(run(1, 20))
    ledger.trim(0, most=5)
    ledger.follow(run(21, 30))
    assert shape(ledger) == [1, 2, 3, 4, 5, (6, 30)]
    assert not ledger.at_end
    ledger.cover(26, 30, run(26, 30))
    assert ledger.at_end
    ledger.follow(run(31, 31))
    assert shape(ledger) == [1, 2, 3, 4, 5, (6, 25), *range(26, 32)]


def test_an_event_is_found_also_when_it_is_in_a_gap() -> None:
    ledger = Ledger()
    ledger.follow(events(1, 2, 6, 7))
    assert [ledger.find(number) for number in (1, 2, 4, 6, 7, 99)] == [0, 1, 2, 3, 4, 4]


def test_a_moment_is_the_first_event_at_or_after_it() -> None:
    ledger = Ledger()
    ledger.follow(events(1, 2, 6, 7))
    assert [ledger.moment(at) for at in (0.0, 2.0, 2.5, 6.5, 99.0)] == [0, 1, 3, 4, 4]
    assert Ledger().moment(3.0) == 0


def test_a_time_that_was_not_looked_at_is_not_spanned() -> None:
    ledger = Ledger()
    ledger.follow(run(10, 12))
    assert [ledger.spans(at) for at in (3.0, 10.0, 11.5, 99.0)] == [False, True, True, True]
    ledger.cover(1, 3, run(1, 3))
    assert [ledger.spans(at) for at in (0.5, 2.0, 5.0, 10.0)] == [True, True, False, True]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 15)), max_size=12), st.integers(1, 40))
def test_whatever_was_looked_at_in_whatever_order_every_id_is_there_once(
    pages: list[tuple[int, int]], newest: int
) -> None:
    ledger = Ledger()
    ledger.follow(run(newest, newest))
    for low, size in pages:
        high = min(newest, low + size)
        ledger.cover(low, high, run(low, high))
    seen: list[int] = []
    for item in ledger.items:
        seen += range(item.low, item.high + 1) if isinstance(item, Gap) else [item.id]
    assert seen == [*range(1, newest + 1)]
