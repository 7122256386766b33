"""The Events screen: the whole log, levels, filter, times, and the object of an event."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual.widgets import Input

from ipv6console.console.goal import Goal, goals
from ipv6console.console.paging import PAGE
from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.events import EventsScreen
from ipv6console.console.screens.jump import JumpDialog
from ipv6console.console.screens.mirrors import MirrorsScreen
from ipv6console.console.source import Refused
from ipv6console.console.widgets.log import LogPane
from ipv6console.console.widgets.prefixes import PrefixesPane
from ipv6console.wire.event import LEVELS, Event, EventLevel
from ipv6console.wire.frame import EventsFrame
from tests.console import scene
from tests.console.stage import Stage, staged

pytestmark = pytest.mark.anyio

ALL = 2_000
STEP = 60.0


def event(number: int, **changes: object) -> Event:
    told: dict[str, object] = {
        "id": number, "at": scene.NOW - (ALL - number) * STEP, "level": EventLevel.INFO, "kind": "pool.spawned",
        "text": f"told {number}", **changes,
    }  # fmt: skip
    return Event(**told)  # type: ignore[arg-type] # the tests name fields of the event


def kept() -> tuple[Event, ...]:
    """A long log with one loud event far back."""
    found = [event(number) for number in range(1, ALL + 1)]
    found[99] = event(100, level=EventLevel.ERROR, kind="prefix.silent", text="the loud one", subject=scene.PREFIX)
    return tuple(found)


async def _opened(stage: Stage, *, told: tuple[Event, ...] | None = None) -> LogPane:
    """Go to the log of an engine whose stream has told only its newest events."""
    stage.source.kept = told or kept()
    stage.source.go_live(told=stage.source.kept[-20:])
    await stage.settle()
    await stage.press("7")
    await stage.settle()
    assert isinstance(stage.app.page, EventsScreen)
    return stage.app.page.log_pane


async def _idle(stage: Stage, pane: LogPane) -> None:
    """Wait until nothing is read any more."""
    async with asyncio.timeout(10.0):
        await stage.settle()
        while pane._paging.busy:
            await stage.settle()
    await stage.settle()


async def test_the_newest_event_is_last_and_is_followed() -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage, told=scene.events())
        text = stage.text("#log")
        assert text.index("engine 0.1.0 started") < text.index("pid 844")
        assert "following" in text
        fresh = replace(scene.events()[-1], id=10, text="a fresh one")
        stage.source.put(EventsFrame(events=(fresh,)))
        await stage.settle()
        assert isinstance(pane.chosen, Event)
        assert pane.chosen.id == 10
        assert "a fresh one" in stage.text("#event")


async def test_who_reads_above_stays_there_and_end_follows_again() -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage, told=scene.events())
        await stage.press("k", "k")
        await stage.settle()
        assert "End follows" in stage.text("#log")
        stage.source.put(EventsFrame(events=(replace(scene.events()[-1], id=10),)))
        await stage.settle()
        assert isinstance(pane.chosen, Event)
        assert pane.chosen.id == 7
        await stage.press("end")
        await stage.settle()
        assert pane.chosen is not None
        assert "following" in stage.text("#log")


async def test_scrolling_up_reads_older_pages_and_stays_on_the_event() -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage)
        await _idle(stage, pane)
        await stage.press(*["pageup"] * 3)
        before = pane.chosen
        await _idle(stage, pane)
        assert pane.chosen == before
        assert pane.ledger.held > PAGE
        asked = [what for name, what in stage.source.asked if name == "events"]
        assert asked[0] == (0, PAGE, pane.ledger.sieve.wanted, ALL - 19)


async def test_home_goes_to_the_oldest_event_kept_and_what_lies_between_is_a_gap() -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage)
        await _idle(stage, pane)
        await stage.press("home")
        await _idle(stage, pane)
        assert isinstance(pane.chosen, Event)
        assert pane.chosen.id == 1
        assert "told 1 " in stage.text("#log")
        assert [type(item).__name__ for item in pane.ledger.items].count("Gap") == 1


async def test_what_the_engine_does_not_keep_any_more_is_a_line_of_its_own() -> None:
    async with staged(live=False) as stage:
        told = tuple(item for item in scene.events() if item.id not in {1, 2, 5})
        pane = await _opened(stage, told=told)
        await _idle(stage, pane)
        text = stage.text("#log")
        assert "2 events are not kept any more: the log begins here" in text
        await stage.press("home")
        await _idle(stage, pane)
        assert "1 event is not kept any more: 5-5" in stage.text("#log")


async def test_what_the_stream_missed_is_read_from_the_engine() -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage, told=scene.events())
        later = tuple(replace(scene.events()[-1], id=number, text=f"later {number}") for number in range(10, 16))
        stage.source.kept = (*scene.events(), *later)
        stage.source.put(EventsFrame(events=later[-2:]))
        await _idle(stage, pane)
        text = stage.text("#log")
        for number in range(10, 16):
            assert f"later {number}" in text


async def test_levels_go_up_and_down_and_the_engine_picks_them_out() -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage)
        await stage.press("greater_than_sign", "greater_than_sign")
        await _idle(stage, pane)
        text = stage.text("#log")
        assert "fail only" in text
        assert "the loud one" in text
        assert "told" not in text
        asked = [what for name, what in stage.source.asked if name == "events"]
        assert isinstance(asked[-1], tuple)
        assert asked[-1][2].level is LEVELS[2]
        await stage.press("less_than_sign")
        await stage.settle()
        assert "warn and louder" in stage.text("#log")
        await stage.press("less_than_sign", "less_than_sign")
        await _idle(stage, pane)
        assert "told 2000" in stage.text("#log")


async def test_the_filter_works_on_the_whole_log() -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage)
        await stage.press("slash", *"loud")
        await _idle(stage, pane)
        assert "the loud one" in stage.text("#log")
        assert "filtered" in stage.text("#log")
        await stage.press("enter", "escape")
        await _idle(stage, pane)
        assert "told 2000" in stage.text("#log")


async def test_when_nothing_passes_that_is_said_with_the_key_that_helps() -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage)
        await stage.press("slash", *"kind:nothing.", "enter")
        await _idle(stage, pane)
        assert "○ nothing passes kind:nothing." in stage.text("#log")
        assert "Esc drops the filter" in stage.text("#log")


async def test_looking_for_a_word_ends_after_many_pages_and_r_looks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipv6console.console.paging.FRUITLESS", 1)
    async with staged(live=False) as stage:
        pane = await _opened(stage)
        await stage.press("slash", *"nowhere", "enter")
        await _idle(stage, pane)
        assert "r looks on" in stage.text("#log")
        before = stage.asked().count("events")
        await stage.press("r")
        await _idle(stage, pane)
        assert stage.asked().count("events") > before


async def _asked_for_a_time(stage: Stage, text: str) -> JumpDialog:
    await stage.press("t")
    dialog = await stage.until_screen(JumpDialog)
    dialog.query_one("#when", Input).value = text
    await stage.pilot.pause()
    return dialog


@pytest.mark.parametrize("keys", [("enter",), ("tab", "tab", "enter")])
async def test_t_goes_to_a_time(keys: tuple[str, ...]) -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage)
        await _idle(stage, pane)
        await _asked_for_a_time(stage, "-1000m")
        assert "that is 2026-09-20" in stage.text()
        await stage.press(*keys)
        await stage.until_home()
        await _idle(stage, pane)
        assert isinstance(pane.chosen, Event)
        assert pane.chosen.id == ALL - 1_000


@pytest.mark.parametrize("keys", [("escape",), ("tab", "enter")])
async def test_going_to_a_time_can_be_taken_back(keys: tuple[str, ...]) -> None:
    async with staged(live=False) as stage:
        pane = await _opened(stage)
        await _asked_for_a_time(stage, "-1000m")
        await stage.press(*keys)
        await stage.until_home()
        assert isinstance(pane.chosen, Event)
        assert pane.chosen.id == ALL


async def test_what_is_no_time_is_said_and_the_dialog_stays() -> None:
    async with staged(live=False) as stage:
        await _opened(stage)
        await _asked_for_a_time(stage, "noon")
        assert "not yet: 'noon' is no time" in stage.text()
        await stage.press("enter")
        assert "✖ 'noon' is no time" in stage.text()
        assert isinstance(stage.app.screen, JumpDialog)


async def test_a_refused_page_says_why_and_r_asks_again() -> None:
    async with staged(live=False) as stage:
        stage.source.refusals = [Refused("The kept events cannot be read.", title="Unavailable")]
        pane = await _opened(stage)
        await _idle(stage, pane)
        assert "r asks again: The kept events cannot be read." in stage.text("#log")
        await stage.press("r")
        await _idle(stage, pane)
        assert pane.ledger.held > 20


async def test_while_the_engine_is_away_nothing_is_asked_and_that_is_said() -> None:
    async with staged(live=False) as stage:
        stage.source.kept = kept()
        stage.source.go_live(told=kept()[-9:])
        await stage.settle()
        stage.source.lose()
        await stage.settle()
        await stage.press("7")
        await stage.settle()
        assert "read when the engine answers" in stage.text("#log")
        assert "events" not in stage.asked()


async def test_p_freezes_the_log() -> None:
    async with staged(live=False) as stage:
        await _opened(stage, told=scene.events())
        await stage.press("P")
        stage.source.put(EventsFrame(events=(replace(scene.events()[-1], id=10, text="not yet"),)))
        await stage.settle()
        assert "paused" in stage.text("#log")
        assert "not yet" not in stage.text("#log")
        await stage.press("P")
        await stage.settle()
        assert "not yet" in stage.text("#log")


def _about(kind: str, subject: str | None, **data: object) -> tuple[Event, ...]:
    """A short log whose last event is about something."""
    return (
        *scene.events(),
        replace(scene.events()[-1], id=10, kind=kind, text="the last one", subject=subject, data=data),
    )


async def test_enter_opens_the_prefix_of_an_event() -> None:
    async with staged(scene.broken(), live=False) as stage:
        await _opened(stage, told=_about("prefix.deprecated", "2001:db8:0:9::/64"))
        assert "opens Prefix 2001:db8:0:9::/64" in stage.text("#event")
        await stage.press("enter")
        await stage.settle()
        assert stage.app.page.mode == "prefixes"
        assert stage.app.page.query_one(PrefixesPane).grid.cursor_key == "2001:db8:0:9::/64"


async def test_enter_opens_ndp_for_what_is_about_reachability() -> None:
    async with staged(live=False) as stage:
        await _opened(stage, told=_about("reach.broken", None))
        await stage.press("enter")
        await stage.settle()
        assert stage.app.page.mode == "ndp"


@pytest.mark.parametrize(("keys", "mode"), [(("right", "enter"), "ndp"), (("right", "right", "enter"), "prefixes")])
async def test_an_event_about_several_things_asks_which_to_open(keys: tuple[str, ...], mode: str) -> None:
    async with staged(live=False) as stage:
        await _opened(stage, told=_about("reach.broken", scene.PREFIX))
        await stage.press("enter")
        await stage.until_screen(Choice)
        await stage.press(*keys)
        await stage.settle()
        await stage.settle()
        assert stage.app.page.mode == mode


@pytest.mark.parametrize("keys", [("escape",), ("enter",)])
async def test_opening_can_be_taken_back(keys: tuple[str, ...]) -> None:
    async with staged(live=False) as stage:
        await _opened(stage, told=_about("reach.broken", scene.PREFIX))
        await stage.press("enter")
        await stage.until_screen(Choice)
        await stage.press(*keys)
        await stage.until_home()
        assert stage.app.page.mode == "events"


async def test_enter_puts_the_cursor_on_the_mirror_of_an_event_whatever_had_the_focus_there() -> None:
    async with staged(live=False) as stage:
        await _opened(stage, told=_about("address.bad", "prices"))
        await stage.press("3", "enter", "tab", "7")
        await stage.settle()
        await stage.press("enter")
        await stage.settle()
        page = stage.app.page
        assert isinstance(page, MirrorsScreen)
        assert not page.within
        assert page.focused_pane is page.tasks
        assert page.tasks.grid.cursor_key == "prices"
        assert not page.query(".-filtering")


async def test_what_is_gone_is_said_to_be_gone() -> None:
    async with staged(live=False) as stage:
        await _opened(stage, told=_about("prefix.gone", "2001:db8:0:77::/64"))
        await stage.press("enter")
        await stage.settle()
        assert "is not known to the engine any more" in stage.toasts()
        assert stage.app.page.mode == "events"


async def test_an_event_that_no_screen_is_about_is_shown_large() -> None:
    async with staged(live=False) as stage:
        await _opened(stage, told=_about("token.created", "ci"))
        await stage.press("enter")
        await stage.until_screen(Reader)
        await stage.until_shows("token.created")


async def test_y_copies_an_event_with_its_time_and_the_pane_below_tells_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged(live=False) as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await _opened(stage, told=_about("prefix.gone", "2001:db8:0:77::/64", leases=3))
        for told in ("event 10", "2001:db8:0:77::/64", "leases", "1 m 1 s ago"):
            assert told in stage.text("#event")
        await stage.press("y", "tab", "y")
        assert copied == ["2026-09-21 14:12:19 UTC  prefix.gone: the last one"] * 2


async def test_an_engine_without_events_says_what_will_appear() -> None:
    async with staged(live=False) as stage:
        stage.source.go_live()
        await stage.settle()
        await stage.press("7")
        await stage.settle()
        assert "○ no events yet" in stage.text("#log")


@pytest.mark.parametrize(
    ("kind", "subject", "data", "found"),
    [
        ("mirror.drained", "shop", {}, [Goal("mirrors", "shop", "Mirror shop")]),
        ("address.bad", "shop", {"count": 3}, [Goal("mirrors", "shop", "Mirror shop")]),
        (
            "lease.lost", "shop", {"addr": "2001:db8::7"},
            [Goal("mirrors", "shop", "Mirror shop"), Goal("pool", "2001:db8::7", "Address 2001:db8::7")],
        ),
        ("revoke.prefix", "2001:db8::/64", {}, [Goal("prefixes", "2001:db8::/64", "Prefix 2001:db8::/64")]),
        ("revoke.addresses", "2001:db8::7", {}, [Goal("pool", "2001:db8::7", "Address 2001:db8::7")]),
        ("prefix.withdrawn", None, {}, [Goal("prefixes", "", "Prefixes")]),
        (
            "reach.broken", "2001:db8::/64", {},
            [Goal("ndp", "2001:db8::/64", "NDP of 2001:db8::/64"), Goal("prefixes", "2001:db8::/64", "Prefix 2001:db8::/64")],
        ),
        ("reach.unknown", None, {}, [Goal("ndp", "", "NDP and doctor")]),
        ("flush.pool", "the whole pool", {}, [Goal("pool", "", "Pool")]),
        ("token.created", "shop", {}, []),
        ("engine.started", None, {}, []),
    ],
)  # fmt: skip
def test_what_an_event_is_about(kind: str, subject: str | None, data: dict[str, object], found: list[Goal]) -> None:
    assert list(goals(event(1, kind=kind, subject=subject, data=data))) == found
