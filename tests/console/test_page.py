"""What every screen has in common: its key, its tab, its place, and that only the one on the screen is drawn."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from ipv6console.console.action import ACTIONS, Scope
from ipv6console.console.screens.dialog import Choice
from ipv6console.console.tab import TABS, Tab
from ipv6console.console.widgets.events import EventsPane
from ipv6console.wire.state import PrefixState
from tests.console import scene
from tests.console.stage import staged

pytestmark = pytest.mark.anyio

MODES = [tab.mode for tab in TABS]


def test_the_screens_are_on_the_digits_in_order() -> None:
    assert [int(tab.key) for tab in TABS] == sorted(int(tab.key) for tab in TABS)
    assert len({tab.key for tab in TABS}) == len(TABS)


def test_the_screen_of_a_scope_has_its_name() -> None:
    used = {item.scope for item in ACTIONS} - {Scope.ANYWHERE, Scope.TABLE}
    assert {scope.mode for scope in used} <= set(MODES)


def test_a_screen_is_imported_when_it_is_first_opened() -> None:
    modules = [tab.path.partition(":")[0] for tab in TABS]
    code = f"import sys, ipv6console.console.app; sys.exit(bool(set({modules!r}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("tab", TABS, ids=MODES)
async def test_its_key_opens_a_screen_and_its_tab_stands_out(tab: Tab) -> None:
    async with staged() as stage:
        await stage.press(tab.key)
        await stage.settle()
        assert stage.app.page.mode == tab.mode
        assert f"{tab.key} {tab.title}" in stage.text("#tabs")
        assert scene.PREFIX in stage.text("#top")
        assert "shop-de" in stage.text("#verdict")


@pytest.mark.parametrize("tab", TABS, ids=MODES)
async def test_in_a_narrow_terminal_only_the_screen_shown_has_its_name(tab: Tab) -> None:
    async with staged(size=(80, 24)) as stage:
        await stage.press(tab.key)
        await stage.settle()
        shown = stage.text("#tabs")
        assert f"{tab.key} {tab.title}" in shown
        for other in TABS:
            assert other.key in shown
            assert other is tab or other.title not in shown


@pytest.mark.parametrize("tab", TABS, ids=MODES)
async def test_every_screen_says_that_it_waits_what_is_wrong_and_how_old_it_is(tab: Tab) -> None:
    async with staged(live=False) as stage:
        await stage.press(tab.key)
        await stage.settle()
        assert "⟳ loading" in stage.text("#all")
        stage.source.deny()
        await stage.settle()
        assert "✖ no permission" in stage.text("#all")
        stage.source.go_live(told=scene.events())
        await stage.settle()
        stage.source.lose()
        await stage.source.taken()
        stage.clock.advance(14)
        await stage.settle()
        assert "◌ stale 14 s" in stage.text("#all")
        assert "● ok" not in stage.text("#all")
        assert "● active" not in stage.text("#all")


@pytest.mark.parametrize("tab", TABS, ids=MODES)
async def test_a_click_on_its_tab_opens_a_screen(tab: Tab) -> None:
    async with staged() as stage:
        offset = stage.text("#tabs").index(f"{tab.key} {tab.title}")
        await stage.pilot.click("#tabs", offset=(offset, 0))
        await stage.pilot.pause()
        assert stage.app.page.mode == tab.mode


@pytest.mark.parametrize("tab", TABS, ids=MODES)
async def test_every_pane_can_have_the_whole_screen_and_give_it_back(tab: Tab) -> None:
    async with staged() as stage:
        await stage.press(tab.key)
        for pane in stage.app.page.panes:
            pane.target.focus()
            await stage.pilot.pause()
            before = pane.size
            await stage.press("z")
            assert stage.app.page.panes == [pane]
            assert pane.outer_size.width == 120
            await stage.press("z")
            assert pane.size == before


async def test_only_the_screen_that_is_shown_is_drawn() -> None:
    async with staged() as stage:
        overview = stage.app.page
        for tab in TABS[1:]:
            await stage.press(tab.key)
            assert stage.app.page is not overview
            stage.source.change(scene.broken())
            await stage.settle()
            assert "ndppd has exited" not in str(overview.query_one("#verdict").render())
            stage.source.change(scene.state())
            await stage.settle()


@pytest.mark.parametrize(
    ("key", "size", "named"),
    [
        ("1", (80, 24), True),
        ("2", (120, 40), False),
        ("3", (80, 24), True),
        ("4", (80, 24), True),
        ("5", (120, 40), False),
        ("6", (80, 24), False),
        ("7", (120, 40), False),
        ("8", (80, 24), False),
        ("8", (200, 60), False),
    ],
)
async def test_draining_is_named_where_there_is_something_to_drain_and_refused_elsewhere(
    key: str, size: tuple[int, int], named: bool
) -> None:
    async with staged(size=size) as stage:
        await stage.press(key)
        await stage.settle()
        assert ("D Drain" in stage.text("#keys")) is named
        await stage.press("D")
        if named:
            await stage.until_screen(Choice)
        else:
            await stage.until_says("Drain: not now: What is shown here cannot be drained. 3 has the mirrors")


async def test_a_toast_takes_the_place_of_the_one_before_it_of_the_same_heading() -> None:
    async with staged() as stage:
        await stage.press("ctrl+t", "ctrl+t", "ctrl+t")
        await stage.until_says("Theme: deuteranopia")
        assert stage.toasts().count("Theme:") == 1


async def test_a_prefix_that_drains_is_not_said_to_be_missing() -> None:
    row = scene.prefix_row(state=PrefixState.DRAINING)
    async with staged(replace(scene.calm(), prefixes=(row,))) as stage:
        assert f"no active prefix, {scene.PREFIX} draining" in stage.text("#top")


async def test_a_list_of_events_that_was_scrolled_says_what_shows_the_newest() -> None:
    async with staged() as stage:
        await stage.press("tab")
        pane = stage.app.page.query_one("#events", EventsPane)
        pane.target.focus()
        await stage.press("j", "j")
        await stage.settle()
        assert "Events · Home follows" in stage.text()
        await stage.press("home")
        await stage.settle()
        assert "Home follows" not in stage.text()
