"""The console on a scripted engine, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from ipv6console.console.app import ConsoleApp
from ipv6console.wire.state import State
from tests.console import scene
from tests.console.scene import Clock, ScriptedSource

S = TypeVar("S", bound=Screen[Any])
DEADLINE = 30.0


@dataclass
class Stage:
    """One console under test."""

    app: ConsoleApp
    pilot: Pilot[str]
    source: ScriptedSource
    clock: Clock

    async def settle(self) -> None:
        """Let everything put so far be taken in and drawn."""
        await self.source.taken()
        self.app.redraw()
        await self.pilot.pause()

    async def still(self) -> None:
        """Wait until what is shown does not change any more."""
        await self.settle()
        async with asyncio.timeout(DEADLINE):
            shown = None
            while shown != (shown := self._strips()):
                await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until_screen(self, kind: type[S]) -> S:
        """Wait until a screen of this kind is on top."""
        async with asyncio.timeout(DEADLINE):
            while not isinstance(self.app.screen, kind):
                await self.pilot.pause()
        screen = self.app.screen
        assert isinstance(screen, kind)
        await self.pilot.pause()
        return screen

    async def until_asked(self, name: str, times: int = 1) -> object:
        """Wait until the engine was asked that so many times, and return what for at last."""
        async with asyncio.timeout(DEADLINE):
            while sum(asked == name for asked, _ in self.source.asked) < times:
                await self.pilot.pause()
        await self.pilot.pause()
        return [what for asked, what in self.source.asked if asked == name][-1]

    async def until_shows(self, text: str) -> None:
        """Wait until the top screen shows `text`."""
        async with asyncio.timeout(DEADLINE):
            while text not in self.text():
                await self.pilot.pause()

    async def until_home(self) -> None:
        """Wait until no dialog is open."""
        async with asyncio.timeout(DEADLINE):
            while len(self.app.screen_stack) > 1:
                await self.pilot.pause()

    def text(self, selector: str | None = None) -> str:
        """Return what the screen (or one widget) shows, as text."""
        screen = self.app.screen
        lines = ["".join(segment.text for segment in strip) for strip in self._strips()]
        if selector is None:
            return "\n".join(lines)
        region = screen.query_one(selector, Widget).region
        return "\n".join(line[region.x : region.right] for line in lines[region.y : region.bottom])

    def _strips(self) -> list[Strip]:
        screen = self.app.screen
        return screen._compositor.render_strips(screen.size)

    async def until_says(self, text: str) -> None:
        """Wait until a toast says `text`."""
        async with asyncio.timeout(DEADLINE):
            while text not in self.toasts():
                await self.pilot.pause()

    def toasts(self) -> str:
        """Return the text of all notifications so far."""
        return "\n".join(f"{toast.title}: {toast.message}" for toast in self.app._notifications)

    def asked(self) -> list[str]:
        return [name for name, _ in self.source.asked]


async def until(where: Stage | Pilot[str], condition: Callable[[], object], what: str = "") -> None:
    """Wait until something is so, with the app at work meanwhile; `what` says what was waited for in vain."""
    pilot = where.pilot if isinstance(where, Stage) else where
    try:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await pilot.pause(0.01)
    except TimeoutError:
        pytest.fail(what or "what was waited for did not happen")
    await pilot.pause()


@asynccontextmanager
async def staged(
    document: State | None = None, *, size: tuple[int, int] = (120, 40), live: bool = True, **options: object
) -> AsyncIterator[Stage]:
    """Run the console; when `live` the document and the events are there already."""
    clock = Clock()
    source = ScriptedSource(document=document or scene.state(), clock=clock)
    app = scene.console(source, clock, **options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        stage = Stage(app, pilot, source, clock)
        if live:
            source.go_live(told=scene.events())
            await stage.settle()
        yield stage
