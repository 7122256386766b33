"""Every key on every page, and every way out of every dialog: one console for each page, driven through all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Button, Input, Static

from ipv6console.console.action import ACTIONS, Action, Scope
from ipv6console.console.bundle import Evidence
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.screens.page import Page
from ipv6console.console.source import Source
from ipv6console.console.tab import TABS, Tab
from tests.console import pool, scene
from tests.console.stage import Stage, staged, until

pytestmark = pytest.mark.anyio
MODES = [tab.mode for tab in TABS]
ACTING = frozenset({"spawn", "apply", "drain_mirror", "drain_prefix", "reset", "reset_all"})
"""What a source is asked that changes an engine."""

UNSEEN = {
    "back": "there is nothing to leave",
    "again": "what is asked for again looks the same",
}
"""Actions that may change nothing on the screen, and why."""

LEADS_AWAY = frozenset({*MODES, "open"})
"""Actions that go to another page: the digits, and Enter on an event to what it is about."""


def no_connection(target: str, *, token: str | None, read_only: bool) -> Source:
    raise ValueError(f"{target} cannot be reached from here")


@asynccontextmanager
async def furnished(monkeypatch: pytest.MonkeyPatch, mode: str = "overview") -> AsyncIterator[Stage]:
    """Run a console with something in every pane, on a page, with an engine of its own, so that q asks."""

    async def nothing(*_args: object, **_options: object) -> Evidence:
        return Evidence(made_at="now", target="here", portraits=(), state=None)

    monkeypatch.setattr("ipv6console.console.desk.evidence", nothing)
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.002)  # everything here waits for what it wants to see
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.002)
    async with staged(owner=scene.RecordedOwner(), size=(80, 24)) as stage:
        stage.source.pool = [pool.address(low, leased_in=("news",), bad_in=("shop-de",)) for low in range(1, 5)]
        stage.source.kept = tuple(
            replace(event, subject="shop-de" if event.kind == "mirror.banned" else None) for event in scene.events()
        )
        await home(stage, mode)
        yield stage


async def drawn(stage: Stage) -> None:
    """Wait until what was pressed is done as far as it goes by itself, and drawn."""
    shown = None
    await stage.pilot.pause(0.001)
    while shown != (shown := stage.text()):
        await stage.pilot.pause(0.004)


async def home(stage: Stage, mode: str) -> None:
    """Undo whatever a key did, and be on a page with the focus where it is at first."""
    app = stage.app
    while len(app.screen_stack) > 1:
        screen = app.screen
        await stage.pilot.press("escape")
        await until(stage, lambda left=screen: app.screen is not left, f"Esc does not leave {screen}")  # type: ignore[misc]
    if app.past is not None:
        app.past.leave()
    app.paused, app.read_only = False, False
    app.clear_notifications()
    if app.page.mode != mode:
        await app.switch_mode(app.context.mode(mode))
        await stage.pilot.pause(0.01)
    page = app.page
    if page.zoomed:
        page.toggle_zoom()
    pane = page.filter_pane()
    if pane is not None:
        pane.drop_filter()
    if page.has_class("-within"):
        await stage.pilot.press("escape")
    page.home.target.focus()
    app.redraw()
    await stage.pilot.pause(0.001)


def seen(stage: Stage) -> tuple[object, ...]:
    """Return all that an operator could notice."""
    app = stage.app
    focused = app.screen.focused
    return (
        app.screen, stage.text(), stage.toasts(), app.clipboard, app.theme, focused, app.page.mode,
        tuple(pane.filter_text for pane in [app.page.filter_pane()] if pane is not None),
    )  # fmt: skip


def in_scope(page: Page) -> list[Action]:
    scopes = page.here | ({Scope.TABLE} if page.filter_pane() is not None else frozenset())
    return [item for item in ACTIONS if item.scope in scopes]


@pytest.mark.parametrize("tab", TABS, ids=MODES)
async def test_every_key_does_something_to_be_seen_and_esc_leads_back(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with furnished(monkeypatch, tab.mode) as stage:
        app = stage.app
        for item in in_scope(app.page):
            if item.id == "follow":
                await stage.pilot.press("k", "k")
            if item.id == "quieter":
                await stage.pilot.press("greater_than_sign")
            await drawn(stage)
            before = seen(stage)
            await stage.pilot.press(item.key)
            if item.id not in UNSEEN and item.id != tab.mode:
                what = f"{item.key} ({item.id}) does nothing to be seen on {tab.mode}"
                await until(stage, lambda seen_before=before: seen(stage) != seen_before, what)  # type: ignore[misc]
            await home(stage, app.page.mode)
            assert app.page.mode == tab.mode or item.id in LEADS_AWAY, f"{item.key} ({item.id}) leads away"
            if app.page.mode != tab.mode:
                await home(stage, tab.mode)
        assert not set(stage.asked()) & ACTING
        assert app.return_value is None


TYPED = "2001:db8:0:1::7"
DEEPER: dict[str, tuple[str, tuple[str, ...], str]] = {
    "spawn": ("overview", ("s",), "SpawnDialog"),
    "flush": ("overview", ("F",), "Choice"),
    "flush-mirror": ("overview", ("F", "down", "enter"), "PlanDialog"),
    "flush-pool": ("overview", ("F", "down", "down", "enter"), "PlanDialog"),
    "revoke": ("overview", ("X",), "RevokeDialog"),
    "revoke-plan": ("overview", ("X", TYPED, "enter"), "PlanDialog"),
    "drain": ("overview", ("D",), "Choice"),
    "drain-prefix": ("prefixes", ("D",), "Choice"),
    "revoke-prefix": ("prefixes", ("X",), "PlanDialog"),
    "revoke-address": ("pool", ("X",), "PlanDialog"),
    "revoke-marked": ("pool", ("m", "X"), "PlanDialog"),
    "reset-address": ("pool", ("R",), "Choice"),
    "order": ("pool", ("o",), "OrderDialog"),
    "address": ("pool", ("enter",), "AddressDialog"),
    "reset-mirror": ("mirrors", ("R",), "Choice"),
    "reset-lease": ("mirrors", ("enter", "R"), "Choice"),
    "revoke-lease": ("mirrors", ("enter", "X"), "PlanDialog"),
    "order-mirrors": ("mirrors", ("o",), "OrderDialog"),
    "mirror": ("overview", ("enter",), "MirrorDialog"),
    "drain-in-mirror": ("overview", ("enter", "D"), "Choice"),
    "pane": ("overview", ("tab", "enter"), "DetailDialog"),
    "why": ("overview", ("w",), "DoctorDialog"),
    "config": ("ndp", ("c",), "Reader"),
    "who": ("overview", ("a",), "WhoDialog"),
    "who-found": ("overview", ("a", TYPED, "enter"), "WhoDialog"),
    "troubles": ("overview", ("f",), "Reader"),
    "time": ("events", ("t",), "JumpDialog"),
    "engines": ("overview", ("x",), "EnginesDialog"),
    "open-engine": ("overview", ("x", "a"), "OpenDialog"),
    "presence": ("overview", ("p",), "PresenceDialog"),
    "export": ("overview", ("e",), "Choice"),
    "engine": ("overview", ("i",), "Reader"),
    "allow-acts": ("overview", ("L", "L"), "Choice"),
    "help": ("overview", ("question_mark",), "Reader"),
    "quit": ("overview", ("q",), "Choice"),
}
"""How each dialog is reached: the page, the keys, and which kind of dialog it is."""


async def reached(stage: Stage, name: str) -> Dialog[Any]:
    mode, keys, kind = DEEPER[name]
    await home(stage, mode)
    for key in keys:
        if key == TYPED:
            field = stage.app.screen.focused
            assert isinstance(field, Input)
            field.value = TYPED
        else:
            await stage.pilot.press(key)
            await drawn(stage)
    await until(stage, lambda: type(stage.app.screen).__name__ == kind, f"{name}: {kind} does not open")
    await drawn(stage)
    screen = stage.app.screen
    assert isinstance(screen, Dialog)
    return screen


async def test_esc_and_cancel_leave_every_dialog_and_ask_nothing_of_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with furnished(monkeypatch) as stage:
        stage.app.means = replace(stage.app.means, connect=no_connection)
        for name in DEEPER:
            for way in ("escape", "cancel"):
                screen = await reached(stage, name)
                cancel = next(iter(screen.query("#cancel, #stay").results(Button)), None)
                if way == "cancel":
                    if cancel is None:
                        continue
                    cancel.focus()
                await stage.pilot.press("escape" if way == "escape" else "enter")
                left = f"{way} does not leave {name}"
                await until(stage, lambda here=screen: stage.app.screen is not here, left)  # type: ignore[misc]
                assert not set(stage.asked()) & ACTING, name
                assert stage.app.return_value is None


async def test_every_dialog_shows_its_command_and_copies_exactly_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with furnished(monkeypatch) as stage:
        stage.app.means = replace(stage.app.means, connect=no_connection)
        for name in DEEPER:
            screen = await reached(stage, name)
            made = screen.calls()
            assert made is not None, f"{name} names no command"
            shown = " ".join(str(widget.content) for widget in screen.query(".calls").results(Static))
            assert made.cli in shown, name
            assert made.curl in shown, name
            await stage.pilot.press("ctrl+y")
            assert stage.app.clipboard == made.cli, name
            if isinstance(screen.focused, Input):
                screen.set_focus(next((item for item in screen.query("Button, .body") if item.can_focus), None))
                made = screen.calls()
                assert made is not None
            stage.app.copy_to_clipboard("")
            await stage.pilot.press("C" if "C copies" in shown else "y")
            if " fix" not in shown:
                assert stage.app.clipboard == made.cli, name
            if made.curl:
                await stage.pilot.press("Y")
                assert stage.app.clipboard == made.curl, name
