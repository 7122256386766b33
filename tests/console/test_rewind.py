"""The past: nothing newer than the moment is in it, and nothing can be done from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipv6console.console.model import Condition, Model
from ipv6console.console.rewind import lacks_events, past, past_source
from ipv6console.console.source import Joined, Refused
from ipv6console.wire.frame import EventsFrame, StateFrame
from ipv6console.wire.state import State
from tests.console import scene
from tests.console.scene import Clock, ScriptedSource


def live_model(clock: Clock) -> Model:
    model = Model(clock)
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    model.take(EventsFrame(events=scene.events()))
    return model


def earlier(seconds: float) -> State:
    return replace(scene.state(), at=scene.NOW - seconds)


def test_events_are_cut_off_at_that_moment() -> None:
    model = past(live_model(Clock()), earlier(100))
    assert [event.id for event in model.events] == [1, 2, 3, 4, 5, 6]


def test_ages_are_told_from_that_moment_and_stand_still() -> None:
    clock = Clock()
    model = past(live_model(clock), earlier(100))
    clock.advance(60)
    assert model.condition is Condition.LIVE
    assert model.now == scene.NOW - 100
    assert model.age_of(scene.NOW - 130) == 30


def test_trends_end_at_that_moment() -> None:
    clock = Clock()
    live = live_model(clock)
    for number in range(10):
        clock.advance(1)
        live.take(StateFrame(state=replace(scene.state(), at=scene.NOW + number)))
        live.sample()
    assert len(live.rates["news"]) == 10
    assert len(past(live, replace(scene.state(), at=scene.NOW + 5)).rates["news"]) == 6
    assert len(past(live, earlier(100)).rates["news"]) == 0


def test_more_events_are_wanted_only_when_the_console_knows_too_few() -> None:
    model = live_model(Clock())
    assert not lacks_events(model, scene.NOW - 7_310)
    model.events.popleft()
    assert lacks_events(model, scene.NOW)


@pytest.mark.anyio
async def test_every_act_and_question_is_refused_with_the_reason() -> None:
    source = ScriptedSource()
    then = past_source(source, scene.NOW - 100, "04:12:07")
    with pytest.raises(Refused, match="The screen shows 04:12:07: who holds what is known as of now only") as holders:
        await then.leases("news", 10)
    assert holders.value.next == "a tells who had held one address by then. Esc goes back to live."
    with pytest.raises(Refused) as refusal:
        await then.spawn(3)
    assert refusal.value.next == "Esc goes back to live."
    assert source.asked == []


@pytest.mark.anyio
async def test_an_address_of_the_past_has_only_the_holders_it_had_by_then() -> None:
    then = past_source(ScriptedSource(), scene.NOW - 8_500, "11:51:45")
    bad, expired = (await then.history("2001:db8::7", 100)).entries
    assert (bad.since, bad.until, bad.verdict, bad.reason) == (scene.NOW - 9_000, None, None, None)
    assert (expired.until, expired.verdict) == (scene.NOW - 86_400, "expired")
    assert len((await then.history("2001:db8::7", 1)).entries) == 1


@pytest.mark.anyio
async def test_a_prefix_of_the_past_has_only_the_turns_it_had_taken_by_then() -> None:
    other = "2001:db8:0:9::/64"
    source = past_source(ScriptedSource(), scene.NOW - 100, "14:11:40")
    assert [entry.turn for entry in (await source.prefix_story(other)).entries] == ["seen"]
    live = ScriptedSource()
    assert len((await live.prefix_story(other)).entries) == 2


@pytest.mark.anyio
async def test_who_bans_in_the_past_is_refused_with_what_there_is_instead() -> None:
    then = past_source(ScriptedSource(), scene.NOW - 100, "04:12:07")
    with pytest.raises(Refused, match="who banned a mirror is counted as of now only") as refusal:
        await then.targets("news", 10)
    assert refusal.value.next == "7 Events tells its bans by then. Esc goes back to live."
