"""What the pool's screen looks like in every state, pinned as pictures at the three sizes."""

from __future__ import annotations

import asyncio

import pytest

from ipv6console.config import THEMES
from ipv6console.console.look import Look
from ipv6console.console.screens.address import AddressDialog
from ipv6console.console.screens.dialog import Choice
from ipv6console.console.screens.order import OrderDialog
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.pool import PoolScreen
from ipv6console.console.source import Refused
from tests.console import pool, scene
from tests.console.stage import Stage, until
from tests.console.test_pictures import NAMED, SIZES, Compare, Prepare, pictured


async def go(stage: Stage) -> None:
    await stage.press("2")
    await until(stage, lambda: isinstance(stage.app.page, PoolScreen))


async def loading(stage: Stage) -> None:
    stage.source.gate = asyncio.Event()
    await go(stage)
    await stage.until_shows("⟳ loading")


async def live(stage: Stage) -> None:
    stage.source.pool = stage.source.pool or pool.addresses(500)
    stage.source.go_live(told=scene.events())
    await stage.settle()
    await go(stage)
    page = stage.app.page
    assert isinstance(page, PoolScreen)
    await until(stage, lambda: not page.following.reading and page.table.chosen() is not None)
    await told(stage)


async def told(stage: Stage) -> None:
    """Wait until the address under the cursor is told of in full, where that is beside the table."""
    page = stage.app.page
    assert isinstance(page, PoolScreen)

    def known() -> bool:
        row, found = page.table.chosen(), page._known
        return row is None or (found is not None and found.row == row and found.history is not None)

    if stage.app.size.width > 100:
        await until(stage, known)


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
    await stage.until_shows("○ no addresses yet")


async def no_permission(stage: Stage) -> None:
    stage.source.refusals = [Refused("This caller may not read the pool.", next="Show a token.", kind="forbidden")] * 99
    stage.source.go_live(told=scene.events())
    await stage.settle()
    await go(stage)
    await stage.until_shows("✖ no permission")


async def unreachable(stage: Stage) -> None:
    stage.source.gate = asyncio.Event()
    stage.source.lose(attempt=3)
    await stage.settle()
    await go(stage)
    await stage.until_shows("✖ no connection")


async def denied(stage: Stage) -> None:
    stage.source.gate = asyncio.Event()
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
def test_the_pool_in_every_state(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    document = scene.empty() if name == "empty" else None
    assert pictured(snap_compare, size, STATES[name], document)


async def filtered(stage: Stage) -> None:
    await live(stage)
    await stage.press("slash", *"state:bad mirror:shop")
    await stage.until_shows(" pass ")


async def bad_filter(stage: Stage) -> None:
    await live(stage)
    await stage.press("slash", *"age>90")
    await stage.until_shows("needs a unit")


async def marked(stage: Stage) -> None:
    await live(stage)
    await stage.press("space", "j", "space")


async def order(stage: Stage) -> None:
    await live(stage)
    await stage.press("o")
    await stage.until_screen(OrderDialog)


async def reset(stage: Stage) -> None:
    await live(stage)
    await stage.press("m", "R")
    await stage.until_screen(Choice)


async def revoke(stage: Stage) -> None:
    await live(stage)
    await stage.press("space", "space", "X")
    await stage.until_screen(PlanDialog)
    await stage.until_shows("holds for")


async def detail(stage: Stage) -> None:
    await live(stage)
    await stage.press("j", "j", "enter")
    await stage.until_screen(AddressDialog)
    await stage.until_shows("newest first")


DIALOGS: dict[str, Prepare] = {
    "filtered": filtered,
    "bad-filter": bad_filter,
    "marked": marked,
    "order": order,
    "reset": reset,
    "revoke": revoke,
    "detail": detail,
}


@pytest.mark.parametrize("size", SIZES[:2], ids=NAMED[:2])
@pytest.mark.parametrize("name", DIALOGS)
def test_what_keys_of_the_pool_open(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    async def before(stage: Stage) -> None:
        await DIALOGS[name](stage)
        await told(stage)

    assert pictured(snap_compare, size, before)


@pytest.mark.parametrize("theme", THEMES[1:])
def test_the_pool_in_other_themes(snap_compare: Compare, theme: str) -> None:
    assert pictured(snap_compare, (120, 40), live, look=Look(theme=theme))


def test_the_pool_in_monochrome(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert pictured(snap_compare, (120, 40), live)
