"""Since you last looked: what is counted, and what is told first."""

from __future__ import annotations

from dataclasses import replace

from ipv6console.console.digest import Digest, digest, headline, page
from ipv6console.wire.event import Event, EventLevel
from tests.console import scene


def of(*events: Event, since: int = 0, unread: int = 0) -> Digest:
    return digest(events, since=since, since_at=scene.NOW - 8_000, unread=unread)


def test_events_are_counted_by_level_and_kind() -> None:
    told = of(*scene.events())
    assert told.count == 9
    assert told.levels == {EventLevel.INFO: 7, EventLevel.WARNING: 1, EventLevel.ERROR: 1}
    assert {row.kind: row.count for row in told.kinds}["ndp.started"] == 2


def test_only_events_after_the_last_one_seen_count() -> None:
    assert of(*scene.events(), since=7).count == 2


def test_the_loudest_kind_and_the_newest_of_the_worst_come_first() -> None:
    told = of(*scene.events())
    assert [row.kind for row in told.kinds][:2] == ["ndp.failed", "mirror.banned"]
    assert [event.kind for event in told.worst] == ["ndp.failed", "mirror.banned"]


def test_the_headline_names_the_loudest_first_and_nothing_that_did_not_happen() -> None:
    assert headline(of(*scene.events())) == "✖ 1 failure, ▲ 1 warning, 7 other events"
    assert headline(of(*scene.events()[:1])) == "1 other event"
    assert headline(of()) == ""


def test_what_is_too_much_to_read_is_admitted() -> None:
    assert "12,000 older ones not looked at" in headline(of(*scene.events(), unread=12_000))


def test_the_page_tells_how_long_ago_what_was_worst_and_who_acted() -> None:
    text = page(of(*scene.events()), scene.NOW, 70).plain
    assert "You last looked 2 h 13 m ago" in text
    assert text.index("ndppd exited with code 1") < text.index("512 of 1,024") < text.index("By kind")
    assert "2x" in text
    assert "unix pid 812 uid 0" in text


def test_every_line_of_the_page_fits() -> None:
    for width in (50, 74, 106):
        assert max(map(len, page(of(*scene.events()), scene.NOW, width).plain.splitlines())) <= width


def test_what_has_just_happened_is_told_in_plain_words() -> None:
    newest = scene.events()[-1]
    text = page(of(replace(newest, at=scene.NOW)), scene.NOW, 70).plain
    assert "last now" in text
    assert "now ago" not in text
