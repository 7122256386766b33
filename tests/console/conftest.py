"""What the console's tests share: waits that end when an app is done, stylesheets that are read once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
import textual.app
import textual.pilot
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_YOUNG = 20_000
"""Objects made before garbage is looked for: an app makes many that all die with it, and each look goes through them."""

_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def drained(_least: float = 0.0, most: float = 1.0) -> None:
    """Wait until the loop has nothing to do but wait for time, threads and sockets, at `most` so many seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + most
    idle = 0
    while idle < 2 and loop.time() < until:  # once more: what the first look finds due is only then in the queue
        await asyncio.sleep(0)
        idle = 0 if loop._ready else idle + 1  # type: ignore[attr-defined] # nothing public tells it


@pytest.fixture
def drained_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the waits of a pilot end when the app is done, for tests that wait for threads and timers by name.

    Textual's own wait ends when the process has been nearly idle for 20 ms, which says nothing where the machine is busy
    and is half of a test's time where it is not.
    """
    monkeypatch.setattr(textual.pilot, "wait_for_idle", drained)
    monkeypatch.setattr(textual.app, "wait_for_idle", drained)


@pytest.fixture(autouse=True, scope="module")
def swift_apps() -> Iterator[None]:
    """Spare apps of tests what only costs time: the same stylesheets read for each, garbage looked for all along."""
    read: Any = Stylesheet._parse_rules

    def parse(self: Stylesheet, *text: object, **options: object) -> list[RuleSet]:
        key = (*text, *sorted(options.items()), *sorted(self._variables.items()))
        if key not in _parsed:
            _parsed[key] = read(self, *text, **options)
        return _parsed[key]

    before = gc.get_threshold()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse)
        gc.set_threshold(_YOUNG, *before[1:])
        yield
        gc.set_threshold(*before)
