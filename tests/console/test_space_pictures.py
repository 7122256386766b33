"""What the Space screen looks like in every state, pinned as pictures at the three sizes.

A changed look is accepted with `pytest tests/console/test_space_pictures.py --snapshot-update` after somebody looked at it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from ipv6console.console.look import Look
from ipv6console.console.screens.dialog import Choice
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.session import CancelStepDialog, SessionDialog
from ipv6console.console.screens.subscriber import SubscriberDialog
from ipv6console.console.source import Refused
from ipv6console.console.widgets.bindings import BindingsPane
from ipv6console.wire.state import State
from ipv6console.wire.status import Level
from tests.console import lasting, scene
from tests.console.stage import Stage
from tests.console.test_pictures import NAMED, SIZES, Compare, denied, loading, pictured, unreachable

Prepare = Callable[[Stage], Awaitable[None]]


def named(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


async def shown(stage: Stage) -> None:
    lasting.people(stage.source)
    stage.source.go_live(told=scene.events())
    await stage.settle()
    for _ in range(12):
        stage.clock.advance(1)
        stage.app.model.sample()
        stage.source.change(stage.source.document)
        await stage.source.taken()
    await stage.press("8")
    await stage.until_shows("cust-0002")
    await stage.until_shows("2001:db8:5::10")


async def lost(stage: Stage) -> None:
    await shown(stage)
    stage.source.lose(attempt=3)
    await stage.source.taken()
    stage.clock.advance(14)
    await stage.settle()


async def vacant(stage: Stage) -> None:
    stage.source.go_live(told=scene.events())
    await stage.settle()
    await stage.press("8")
    await stage.until_asked("subscribers")
    await stage.until_asked("bindings")


async def opened(stage: Stage, prepare: Prepare) -> None:
    await prepare(stage)
    await stage.press("8")


async def refusing(stage: Stage) -> None:
    """The engine tells its counts, but not who is in them."""
    why = Refused("This needs a token, or the Unix socket.", next="Attach with --token-file.", kind="unauthorized")
    stage.source.refused = {
        "subscribers": why,
        "bindings": Refused("disk I/O error", next="Look at i.", title="Unavailable"),
    }
    await vacant(stage)


async def past(stage: Stage) -> None:
    await shown(stage)
    await stage.press("left_curly_bracket")
    await stage.until_shows("REWIND")
    await stage.until_shows("known as of now only")


STATES: dict[str, tuple[Prepare, State]] = {
    "loading": (lambda stage: opened(stage, loading), lasting.state()),
    "live": (shown, lasting.state()),
    "stale": (lost, lasting.state()),
    "empty": (vacant, replace(scene.calm(), space=lasting.vacant())),
    "unconfigured": (vacant, replace(scene.calm(), space=lasting.vacant(ipam=Level.OFF, ipam_text="not configured", registry=""))),
    "older": (lambda stage: opened(stage, live_older), scene.calm()),
    "refused": (refusing, lasting.state()),
    "past": (past, lasting.state()),
    "unreachable": (lambda stage: opened(stage, unreachable), lasting.state()),
    "denied": (lambda stage: opened(stage, denied), lasting.state()),
}  # fmt: skip


async def live_older(stage: Stage) -> None:
    stage.source.go_live(told=scene.events())
    await stage.settle()


@pytest.mark.parametrize(
    ("name", "size"),
    [(name, size) for name in STATES for size in SIZES if size == SIZES[0] or name in {"live", "empty", "past"}],
    ids=named,
)
def test_the_space_in_every_state(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    prepare, document = STATES[name]
    assert pictured(snap_compare, size, prepare, document)


@pytest.mark.parametrize("theme", ["light", "deuteranopia"])
def test_the_space_in_other_themes(snap_compare: Compare, theme: str) -> None:
    assert pictured(snap_compare, (120, 40), shown, lasting.state(), look=Look(theme=theme))


def test_the_space_in_monochrome(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert pictured(snap_compare, (120, 40), shown, lasting.state())


@pytest.mark.parametrize("size", SIZES, ids=NAMED)
def test_the_overview_with_subscribers(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(stage: Stage) -> None:
        lasting.people(stage.source)
        stage.source.go_live(told=scene.events())
        await stage.settle()

    assert pictured(snap_compare, size, before, lasting.state())


async def allocating(stage: Stage) -> None:
    await stage.press("j", "A")
    await stage.until_screen(PlanDialog)
    await stage.until_shows("holds for")


async def activating(stage: Stage) -> None:
    await stage.press("j", "j", "j", "V")
    await stage.until_screen(SessionDialog)


async def revoking(stage: Stage) -> None:
    await stage.press("X")
    dialog = await stage.until_screen(SessionDialog)
    await stage.press("enter", "enter", "tab", "tab", "tab", "enter")
    assert dialog is not stage.app.screen
    await stage.until_screen(PlanDialog)
    await stage.until_shows("holds for")


async def cancelling(stage: Stage) -> None:
    await stage.press("j")
    await stage.press("C")
    await stage.until_screen(CancelStepDialog)


async def detail(stage: Stage) -> None:
    await stage.press(*"jjjjj", "enter")
    await stage.until_screen(SubscriberDialog)
    await stage.until_shows("Steps of other systems  told now")


async def releasing(stage: Stage) -> None:
    stage.app.page.set_focus(stage.app.page.query_one(BindingsPane).target)
    await stage.press("R")
    await stage.until_screen(Choice)


async def filtered(stage: Stage) -> None:
    await stage.press("slash", *"state:allocated !stuck", "enter")
    await stage.until_shows("of 23 pass")


DIALOGS: dict[str, Prepare] = {
    "allocate": allocating,
    "activate": activating,
    "revoke": revoking,
    "cancel": cancelling,
    "detail": detail,
    "release": releasing,
    "filtered": filtered,
}


@pytest.mark.parametrize(
    ("name", "size"),
    [(name, size) for name in DIALOGS for size in SIZES[:2] if size == SIZES[0] or name in {"allocate", "detail"}],
    ids=named,
)
def test_what_keys_of_the_space_open(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    async def before(stage: Stage) -> None:
        await shown(stage)
        await DIALOGS[name](stage)

    assert pictured(snap_compare, size, before, lasting.state())
