"""What every state looks like, pinned as pictures at the three sizes.

A changed look is accepted with `pytest tests/console/test_pictures.py --snapshot-update` after somebody looked at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from ipv6console.config import THEMES
from ipv6console.console.look import Look
from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.doctor import DoctorDialog
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.revoke import RevokeDialog
from ipv6console.console.screens.spawn import SpawnDialog
from ipv6console.wire.state import State
from tests.console import scene
from tests.console.scene import Clock, ScriptedSource
from tests.console.stage import Stage

Compare = Callable[..., bool]
Prepare = Callable[[Stage], Awaitable[None]]
SIZES = [(80, 24), (120, 40), (200, 60)]
NAMED = [f"{width}x{height}" for width, height in SIZES]


def pictured(
    snap_compare: Compare, size: tuple[int, int], prepare: Prepare, document: State | None = None, **options: Any
) -> bool:
    clock = Clock()
    source = ScriptedSource(document=document or scene.state(), clock=clock)
    app = scene.console(source, clock, **options)

    async def before(pilot: Pilot[str]) -> None:
        stage = Stage(app, pilot, source, clock)
        await pilot.pause()
        await prepare(stage)
        for widget in app.screen.query("Input"):
            widget.cursor_blink = False  # type: ignore[attr-defined] # every Input has it
        await stage.still()

    return snap_compare(app, terminal_size=size, run_before=before)


async def loading(stage: Stage) -> None:
    await stage.settle()


async def live(stage: Stage) -> None:
    stage.source.go_live(told=scene.events())
    await stage.settle()
    for _ in range(12):
        stage.clock.advance(1)
        stage.app.model.sample()
        stage.source.change(stage.source.document)
        await stage.source.taken()
    await stage.settle()


async def stale(stage: Stage) -> None:
    await live(stage)
    stage.source.lose(attempt=3)
    await stage.source.taken()
    stage.clock.advance(14)
    await stage.settle()


async def silent(stage: Stage) -> None:
    await live(stage)
    stage.source.gate = asyncio.Event()
    stage.clock.advance(9)
    await stage.settle()


async def without_events(stage: Stage) -> None:
    stage.source.go_live()
    await stage.settle()


async def unreachable(stage: Stage) -> None:
    stage.source.lose(attempt=3)
    await stage.settle()


async def denied(stage: Stage) -> None:
    stage.source.deny()
    await stage.settle()


def answering() -> State:
    full = scene.state()
    return replace(full, ndp=(scene.responder_row(),), engine=replace(full.engine, findings=(scene.INBOUND,)))


STATES: dict[str, tuple[Prepare, State]] = {
    "loading": (loading, scene.state()),
    "live": (live, scene.state()),
    "calm": (live, scene.calm()),
    "broken": (live, scene.broken()),
    "answering": (live, answering()),
    "stale": (stale, scene.state()),
    "silent": (silent, scene.state()),
    "empty": (without_events, scene.empty()),
    "unreachable": (unreachable, scene.state()),
    "denied": (denied, scene.state()),
}


@pytest.mark.parametrize("size", SIZES, ids=NAMED)
@pytest.mark.parametrize("name", STATES)
def test_the_overview_in_every_state(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    prepare, document = STATES[name]
    assert pictured(snap_compare, size, prepare, document)


@pytest.mark.parametrize("theme", THEMES[1:])
def test_the_overview_in_other_themes(snap_compare: Compare, theme: str) -> None:
    assert pictured(snap_compare, (120, 40), live, scene.broken(), look=Look(theme=theme))


def test_the_overview_in_monochrome(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert pictured(snap_compare, (120, 40), live, scene.broken())


@pytest.mark.parametrize("size", [(59, 24), (80, 14), (30, 8)], ids=["59x24", "80x14", "30x8"])
def test_a_terminal_that_is_too_small(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert pictured(snap_compare, size, live, scene.broken())


async def filtered(stage: Stage) -> None:
    await live(stage)
    await stage.press("slash", *"state:ok")


async def zoomed(stage: Stage) -> None:
    await live(stage)
    await stage.press("z")


async def read_only_and_paused(stage: Stage) -> None:
    await live(stage)
    await stage.press("L", "P")


async def spawn_asks(stage: Stage) -> None:
    await live(stage)
    await stage.press("s")
    await stage.until_screen(SpawnDialog)


async def spawn_runs(stage: Stage) -> None:
    await spawn_asks(stage)
    stage.source.gate = asyncio.Event()
    await stage.press("enter")
    await stage.until_asked("spawn")


async def spawn_done(stage: Stage) -> None:
    await spawn_asks(stage)
    await stage.press("enter")
    await stage.until_shows("10 of 10 spawned")


async def flush_asks(stage: Stage) -> None:
    await live(stage)
    await stage.press("F")
    await stage.until_screen(Choice)


async def flush_plan(stage: Stage) -> None:
    await flush_asks(stage)
    await stage.press("down", "down", "enter")
    await stage.until_screen(PlanDialog)
    await stage.until_shows("holds for")


async def revoke_asks(stage: Stage) -> None:
    await live(stage)
    await stage.press("X")
    await stage.until_screen(RevokeDialog)


async def revoke_plan(stage: Stage) -> None:
    await revoke_asks(stage)
    await stage.press(*"2001:db8:0:1::7", "enter")
    await stage.until_screen(PlanDialog)
    await stage.until_shows("holds for")


async def drain_asks(stage: Stage) -> None:
    await live(stage)
    await stage.press("D")
    await stage.until_screen(Choice)


async def reading(stage: Stage, key: str) -> None:
    await live(stage)
    await stage.press(key)
    await stage.until_screen(Reader)


async def help_page(stage: Stage) -> None:
    await reading(stage, "question_mark")


async def detail(stage: Stage) -> None:
    await reading(stage, "enter")
    await stage.until_asked("leases")


async def detail_end(stage: Stage) -> None:
    await detail(stage)
    await stage.press("G")


async def who(stage: Stage) -> None:
    await live(stage)
    await stage.press("a", *"2001:db8:0:1::7", "enter")
    await stage.until_shows("newest first")


async def trouble_list(stage: Stage) -> None:
    await reading(stage, "f")


async def doctor(stage: Stage) -> None:
    await live(stage)
    await stage.press("w")
    await stage.until_screen(DoctorDialog)
    await stage.until_shows("not tried")


async def quit_asks(stage: Stage) -> None:
    await live(stage)
    await stage.press("q")
    await stage.until_screen(Choice)


DIALOGS: dict[str, Prepare] = {
    "filtered": filtered,
    "zoomed": zoomed,
    "read-only-and-paused": read_only_and_paused,
    "spawn-asks": spawn_asks,
    "spawn-runs": spawn_runs,
    "spawn-done": spawn_done,
    "flush-asks": flush_asks,
    "flush-plan": flush_plan,
    "revoke-asks": revoke_asks,
    "revoke-plan": revoke_plan,
    "drain-asks": drain_asks,
    "help": help_page,
    "detail": detail,
    "detail-end": detail_end,
    "who": who,
    "troubles": trouble_list,
    "doctor": doctor,
    "quit-asks": quit_asks,
}


@pytest.mark.parametrize("size", SIZES[:2], ids=NAMED[:2])
@pytest.mark.parametrize("name", DIALOGS)
def test_what_keys_open(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    owner = scene.RecordedOwner() if name == "quit-asks" else None
    assert pictured(snap_compare, size, DIALOGS[name], scene.broken() if name == "troubles" else None, owner=owner)
