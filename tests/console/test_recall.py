"""What happened since the last look: which events count, and what is kept in mind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipv6console.console.model import Model
from ipv6console.console.recall import MOST, PAGE, keep_in_mind, since_last_look
from ipv6console.console.seen import Memory, Seen, engine_key
from ipv6console.console.source import Joined
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.frame import EventsFrame, StateFrame
from ipv6console.wire.state import State
from tests.console import scene
from tests.console.scene import Clock, ScriptedSource

pytestmark = pytest.mark.anyio
OWN = "ann@edge-1:77"


def with_events(number: int) -> tuple[ScriptedSource, State]:
    kept = tuple(
        Event(id=index, at=scene.NOW - 5, level=EventLevel.INFO, kind="spawn.batch", text="spawned")
        for index in range(1, number + 1)
    )
    state = scene.state()
    return ScriptedSource(kept=kept), replace(state, engine=replace(state.engine, last_event=number))


async def test_an_engine_never_seen_before_has_no_digest() -> None:
    source, state = with_events(9)
    assert await since_last_look(source, state, None, OWN) is None
    assert source.asked == []


async def test_nothing_new_has_no_digest() -> None:
    source, state = with_events(9)
    assert await since_last_look(source, state, Seen(event=9, at=1.0), OWN) is None


async def test_an_engine_that_began_anew_has_no_digest() -> None:
    source, state = with_events(9)
    assert await since_last_look(source, state, Seen(event=900, at=1.0), OWN) is None


async def test_every_page_of_what_happened_is_read() -> None:
    source, state = with_events(PAGE * 2 + 10)
    told = await since_last_look(source, state, Seen(event=5, at=1.0), OWN)
    assert told is not None
    assert (told.count, told.unread, told.since) == (PAGE * 2 + 5, 0, 5)


async def test_of_very_much_the_newest_is_read_and_the_rest_admitted() -> None:
    source, state = with_events(MOST + 50)
    told = await since_last_look(source, state, Seen(event=10, at=1.0), OWN)
    assert told is not None
    assert (told.count, told.unread) == (MOST, 40)


async def test_one_s_own_visits_do_not_count() -> None:
    kept = tuple(
        Event(id=number, at=scene.NOW, level=EventLevel.INFO, kind=kind, text=text)
        for number, (kind, text) in enumerate(
            [
                ("spawn.batch", "spawned"),
                ("console.left", "ann@edge-1:66 left"),
                ("console.attached", "ann@edge-1:77 attached"),
                ("console.attached", "bob@far:1 attached, read-only"),
            ],
            1,
        )
    )
    state = scene.state()
    state = replace(state, engine=replace(state.engine, last_event=4))
    told = await since_last_look(ScriptedSource(kept=kept), state, Seen(event=1, at=1.0), OWN)
    assert told is not None
    assert [row.kind for row in told.kinds] == ["console.attached"]
    assert told.count == 1


def shown(clock: Clock) -> Model:
    model = Model(clock)
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    model.take(EventsFrame(events=scene.events()))
    return model


def test_the_newest_event_shown_is_kept_in_mind(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "seen.json")
    assert keep_in_mind(memory, shown(Clock())) == Seen(event=9, at=scene.NOW)
    assert memory.recall(engine_key(scene.state())) == Seen(event=9, at=scene.NOW)


def test_of_an_engine_that_went_away_only_what_was_heard_counts(tmp_path: Path) -> None:
    clock = Clock()
    model = shown(clock)
    clock.advance(600)
    kept = keep_in_mind(Memory(tmp_path / "seen.json"), model)
    assert kept == Seen(event=9, at=scene.NOW)


def test_an_engine_that_never_answered_is_not_kept_in_mind(tmp_path: Path) -> None:
    assert keep_in_mind(Memory(tmp_path / "seen.json"), Model(Clock())) is None
    assert list(tmp_path.iterdir()) == []
