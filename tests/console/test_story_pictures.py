"""What Prefixes, NDP, HA and Events look like in every state, pinned as pictures at the three sizes.

A changed look is accepted with `pytest tests/console/test_story_pictures.py --snapshot-update` after somebody looked at it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from ipv6console.config import THEMES
from ipv6console.console.look import Look
from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.jump import JumpDialog
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.source import Refused
from ipv6console.wire.state import State
from tests.console import scene
from tests.console.stage import Stage
from tests.console.test_pictures import (
    NAMED,
    SIZES,
    Compare,
    denied,
    loading,
    pictured,
    stale,
    unreachable,
    without_events,
)

Prepare = Callable[[Stage], Awaitable[None]]
KEYS = {"prefixes": "4", "ndp": "5", "ha": "6", "events": "7"}


async def shown(stage: Stage) -> None:
    stage.source.kept = scene.events()
    stage.source.go_live(told=scene.events())
    await stage.settle()


async def refusing(stage: Stage) -> None:
    """The engine is there, but refuses what the screens ask for besides its document."""
    stage.source.kept = scene.events()
    stage.source.go_live(told=scene.events()[-4:])
    await stage.settle()
    text, step = "The kept events cannot be read: disk I/O error.", "Look at the disk, then at i."
    stage.source.refusals = [Refused(text, next=step, title="Unavailable") for _ in range(4)]


STATES: dict[str, tuple[Prepare, State]] = {
    "loading": (loading, scene.state()),
    "live": (shown, scene.state()),
    "broken": (shown, scene.broken()),
    "stale": (stale, scene.state()),
    "empty": (without_events, scene.empty()),
    "refused": (refusing, scene.state()),
    "unreachable": (unreachable, scene.state()),
    "denied": (denied, scene.state()),
}


async def settled(stage: Stage) -> None:
    """Let what the screen asks for come in."""
    for _ in range(4):
        await stage.settle()


MET = [(mode, state) for mode in KEYS for state in STATES if mode != "ha" or state in {"live", "denied"}]
"""What is not configured looks the same whatever the pool does."""


@pytest.mark.parametrize("size", SIZES, ids=NAMED)
@pytest.mark.parametrize(("mode", "state"), MET)
def test_the_screens_in_every_state(snap_compare: Compare, mode: str, state: str, size: tuple[int, int]) -> None:
    prepare, document = STATES[state]

    async def before(stage: Stage) -> None:
        await prepare(stage)
        await stage.press(KEYS[mode])
        await settled(stage)

    assert pictured(snap_compare, size, before, document)


@pytest.mark.parametrize("theme", THEMES[1:])
@pytest.mark.parametrize("mode", ["prefixes", "ndp", "events"])
def test_the_screens_in_other_themes(snap_compare: Compare, mode: str, theme: str) -> None:
    async def before(stage: Stage) -> None:
        await shown(stage)
        await stage.press(KEYS[mode])
        await settled(stage)

    assert pictured(snap_compare, (120, 40), before, scene.broken(), look=Look(theme=theme))


@pytest.mark.parametrize("mode", ["prefixes", "ndp", "events"])
def test_the_screens_in_monochrome(snap_compare: Compare, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def before(stage: Stage) -> None:
        await shown(stage)
        await stage.press(KEYS[mode])
        await settled(stage)

    assert pictured(snap_compare, (120, 40), before, scene.broken())


async def draining(stage: Stage) -> None:
    await stage.press("4", "D")
    await stage.until_screen(Choice)


async def revoking(stage: Stage) -> None:
    await stage.press("4", "X")
    await stage.until_screen(PlanDialog)
    await stage.until_shows("holds for")


async def configured(stage: Stage) -> None:
    await stage.press("5", "c")
    await stage.until_screen(Reader)
    await stage.until_shows("as wanted")


async def asking_when(stage: Stage) -> None:
    await stage.press("7", "t")
    await stage.until_screen(JumpDialog)
    await stage.press(*"yesterday 23:00")


async def opening(stage: Stage) -> None:
    await stage.press("7", "k", "k", "enter")
    await stage.until_screen(Reader)


async def filtered(stage: Stage) -> None:
    await stage.press("7", "greater_than_sign", "slash", *"ndp", "enter")


DIALOGS: dict[str, Prepare] = {
    "drain": draining,
    "revoke": revoking,
    "config": configured,
    "time": asking_when,
    "event": opening,
    "filtered": filtered,
}


@pytest.mark.parametrize("size", SIZES[:2], ids=NAMED[:2])
@pytest.mark.parametrize("name", DIALOGS)
def test_what_their_keys_open(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    async def before(stage: Stage) -> None:
        await shown(stage)
        await DIALOGS[name](stage)
        await settled(stage)

    assert pictured(snap_compare, size, before, scene.state())
