"""The model: what it takes in, how old it says things are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipv6console.console.model import Condition, Model
from ipv6console.console.source import Frame, Joined, LossKind, Lost
from ipv6console.wire.delta import DeltaGap, difference
from ipv6console.wire.frame import DeltaFrame, EventsFrame, MissedFrame, StateFrame
from ipv6console.wire.state import PrefixState, State
from tests.console import scene
from tests.console.scene import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def model(clock: Clock) -> Model:
    return Model(clock)


def later(document: State, **changes: object) -> State:
    return replace(document, generation=document.generation + 1, **changes)  # type: ignore[arg-type] # fields of State


def test_before_the_first_word_of_the_engine_it_is_loading(model: Model) -> None:
    assert model.condition is Condition.LOADING


def test_an_engine_that_was_never_reached_is_an_error(model: Model) -> None:
    model.take(Lost(text="refused", next="start it"))
    assert model.condition is Condition.ERROR


def test_a_socket_one_may_not_open_is_denied(model: Model) -> None:
    model.take(Lost(text="denied", next="join the group", kind=LossKind.DENIED))
    assert model.condition is Condition.DENIED


def test_a_document_over_a_standing_connection_is_live(model: Model) -> None:
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    assert model.condition is Condition.LIVE


def test_data_without_a_connection_is_stale_at_once(model: Model) -> None:
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    model.take(Lost(text="gone", next="wait"))
    assert model.condition is Condition.STALE


def test_a_silent_engine_is_stale_although_the_connection_stands(model: Model, clock: Clock) -> None:
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    clock.advance(5.1)
    assert model.condition is Condition.STALE
    assert model.silence == pytest.approx(5.1)


def test_events_alone_do_not_make_old_data_live(model: Model, clock: Clock) -> None:
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    clock.advance(6)
    model.take(EventsFrame(events=scene.events()))
    assert model.condition is Condition.STALE


def test_a_delta_advances_the_document(model: Model) -> None:
    first = scene.state()
    second = later(first, pool=replace(first.pool, leased=99))
    model.take(StateFrame(state=first))
    model.take(DeltaFrame(delta=difference(first, second)))
    assert model.state == second


def test_a_delta_that_does_not_follow_asks_for_the_document(model: Model) -> None:
    first = scene.state()
    model.take(StateFrame(state=first))
    second, third = later(first), later(later(first))
    with pytest.raises(DeltaGap):
        model.take(DeltaFrame(delta=difference(second, third)))


def test_a_delta_before_any_document_asks_for_it(model: Model) -> None:
    first = scene.state()
    with pytest.raises(DeltaGap):
        model.take(DeltaFrame(delta=difference(first, later(first))))


def test_a_delta_older_than_the_document_is_passed_over(model: Model) -> None:
    first = scene.state()
    second = later(first, pool=replace(first.pool, leased=99))
    model.take(StateFrame(state=second))
    model.take(DeltaFrame(delta=difference(first, replace(second, pool=first.pool))))
    assert model.state == second


def test_the_same_events_told_twice_are_kept_once(model: Model) -> None:
    model.take(EventsFrame(events=scene.events()))
    model.take(EventsFrame(events=scene.events()[-3:]))
    assert [event.id for event in model.events] == list(range(1, 10))
    assert model.last_event == 9


def test_missed_frames_are_counted(model: Model) -> None:
    model.take(MissedFrame(count=7))
    model.take(MissedFrame(count=5))
    assert model.missed == 12


def test_ages_are_told_in_the_engines_time_whatever_the_clock_here_says(model: Model, clock: Clock) -> None:
    model.take(StateFrame(state=scene.state()))
    clock.advance(3)
    assert model.now == scene.NOW + 3
    assert model.age_of(scene.NOW - 2) == pytest.approx(5)


def test_rates_are_sampled_once_a_second_and_only_while_live(model: Model, clock: Clock) -> None:
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    for _ in range(8):
        clock.advance(0.5)
        model.sample()
    assert list(model.rates["news"]) == [31.2] * 4
    clock.advance(60)
    model.sample()
    assert len(model.rates["news"]) == 4


def test_the_rates_of_a_mirror_that_went_are_forgotten(model: Model, clock: Clock) -> None:
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    clock.advance(1)
    model.sample()
    model.take(StateFrame(state=replace(scene.state(), mirrors=(scene.mirror_row("prices"),))))
    clock.advance(1)
    model.sample()
    assert set(model.rates) == {"prices"}


def test_the_prefix_in_use_comes_first(model: Model) -> None:
    old = scene.prefix_row("2001:db8:0:9::/64", id=2, state=PrefixState.DRAINING)
    gone = scene.prefix_row("2001:db8:0:8::/64", id=3, state=PrefixState.GONE)
    model.take(StateFrame(state=scene.state(prefixes=(gone, old, scene.prefix_row()))))
    assert [row.state for row in model.prefixes] == [PrefixState.ACTIVE, PrefixState.DRAINING, PrefixState.GONE]
    assert model.prefix is not None
    assert model.prefix.prefix == scene.PREFIX


def test_a_document_asked_for_before_a_delta_came_does_not_take_it_back(model: Model) -> None:
    old = scene.state()
    model.take(Joined())
    model.take(StateFrame(state=old))
    new = replace(old, generation=old.generation + 1, mirrors=())
    model.take(DeltaFrame(delta=difference(old, new)))
    model.take(StateFrame(state=old))
    assert model.state == new


def test_another_run_of_the_engine_may_count_its_generations_anew(model: Model) -> None:
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    again = replace(scene.state(), generation=1, engine=replace(scene.state().engine, pid=902, started_at=scene.NOW))
    model.take(StateFrame(state=again))
    assert model.state == again


@pytest.mark.parametrize("told_first", [True, False])
def test_events_numbered_anew_take_the_place_of_those_before(model: Model, told_first: bool) -> None:
    model.take(Joined())
    model.take(StateFrame(state=scene.state()))
    model.take(EventsFrame(events=scene.events()))
    engine = replace(scene.state().engine, pid=902, started_at=scene.NOW, last_event=2)
    frames: list[Frame] = [
        StateFrame(state=replace(scene.state(), engine=engine)),
        EventsFrame(events=(replace(scene.events()[0], id=2, at=scene.NOW, text="engine started, pid 902"),)),
    ]
    for frame in frames if told_first else reversed(frames):
        model.take(frame)
    assert [event.text for event in model.events][1:] == ["engine started, pid 902"]
    assert model.log >= 1
