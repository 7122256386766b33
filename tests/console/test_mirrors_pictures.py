"""What the mirrors' screen looks like in every state, pinned as pictures at the three sizes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ipv6console.config import THEMES
from ipv6console.console.look import Look
from ipv6console.console.screens.dialog import Choice
from ipv6console.console.screens.mirrors import MirrorsScreen
from ipv6console.console.screens.order import OrderDialog
from ipv6console.console.source import Refused
from tests.console import scene
from tests.console.stage import DEADLINE, Stage
from tests.console.test_pictures import NAMED, SIZES, Compare, Prepare, pictured


async def go(stage: Stage) -> None:
    await stage.press("3")
    async with asyncio.timeout(DEADLINE):
        while not isinstance(stage.app.page, MirrorsScreen):
            await stage.pilot.pause(0.01)


async def loading(stage: Stage) -> None:
    await go(stage)
    await stage.until_shows("⟳ loading")


async def live(stage: Stage) -> None:
    stage.source.go_live(told=scene.events())
    await stage.settle()
    await go(stage)
    await stage.until_shows("shop.example")
    for bans in range(8):
        document = stage.source.document
        rows = tuple(
            replace(row, bans=row.bans + bans, picks_per_s=row.picks_per_s + bans) if row.name == "news" else row
            for row in document.mirrors
        )
        stage.source.change(replace(document, at=document.at + 1, mirrors=rows))
        await stage.source.taken()
        # Only now, when the app has it: what it knows at that second is what its trend shows.
        stage.clock.advance(1)
        stage.app.model.sample()
    stage.source.change(stage.source.document)
    await stage.settle()
    page = stage.app.page
    assert isinstance(page, MirrorsScreen)
    page.ask_again()
    await told(stage)


async def told(stage: Stage) -> None:
    """Wait until what is inside the mirror under the cursor is told, as of now."""
    page = stage.app.page
    assert isinstance(page, MirrorsScreen)
    async with asyncio.timeout(DEADLINE):
        while True:
            row, known = page.tasks.chosen(stage.app.view), page.known
            if row and known and known.name == row.name and known.at == stage.app.model.now:
                return
            await stage.pilot.pause(0.01)


async def stale(stage: Stage) -> None:
    await live(stage)
    stage.source.lose(attempt=3)
    await stage.source.taken()
    stage.clock.advance(14)
    await stage.settle()


async def empty(stage: Stage) -> None:
    stage.source.go_live()
    await stage.settle()
    await go(stage)
    await stage.until_shows("○ no mirrors yet")


async def no_permission(stage: Stage) -> None:
    stage.source.refusals = [Refused("This caller may not read it.", next="Show a token.", kind="forbidden")] * 99
    stage.source.go_live(told=scene.events())
    await stage.settle()
    await go(stage)
    await stage.until_shows("✖ no permission")


async def unreachable(stage: Stage) -> None:
    stage.source.lose(attempt=3)
    await stage.settle()
    await go(stage)
    await stage.until_shows("✖ no connection")


async def denied(stage: Stage) -> None:
    stage.source.deny()
    await stage.settle()
    await go(stage)
    await stage.until_shows("✖ no permission")


STATES: dict[str, Prepare] = {
    "loading": loading,
    "live": live,
    "stale": stale,
    "empty": empty,
    "no-permission": no_permission,
    "unreachable": unreachable,
    "denied": denied,
}


@pytest.mark.parametrize("size", SIZES, ids=NAMED)
@pytest.mark.parametrize("name", STATES)
def test_the_mirrors_in_every_state(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    document = scene.empty() if name == "empty" else None
    assert pictured(snap_compare, size, STATES[name], document)


async def within(stage: Stage) -> None:
    await live(stage)
    await stage.press("enter")
    await stage.until_shows("Leases of shop-de")


async def burning(stage: Stage) -> None:
    await live(stage)
    await stage.press("o")
    await stage.until_screen(OrderDialog)
    await stage.press("b")
    await stage.until_shows("burns addresses")
    await told(stage)


async def order(stage: Stage) -> None:
    await live(stage)
    await stage.press("o")
    await stage.until_screen(OrderDialog)


async def reset(stage: Stage) -> None:
    await live(stage)
    await stage.press("R")
    await stage.until_screen(Choice)


DIALOGS: dict[str, Prepare] = {"within": within, "burning": burning, "order": order, "reset": reset}


@pytest.mark.parametrize("size", SIZES, ids=NAMED)
@pytest.mark.parametrize("name", DIALOGS)
def test_what_keys_of_the_mirrors_open(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    assert pictured(snap_compare, size, DIALOGS[name])


@pytest.mark.parametrize("theme", THEMES[1:])
def test_the_mirrors_in_other_themes(snap_compare: Compare, theme: str) -> None:
    assert pictured(snap_compare, (120, 40), live, look=Look(theme=theme))


def test_the_mirrors_in_monochrome(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert pictured(snap_compare, (120, 40), live)
