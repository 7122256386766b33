"""The pool's table at 100,000 addresses: how long until it is open, and from a key to its paint while all changes.

`python benchmarks/table.py` drives the console without a terminal, against a scripted engine in the same process that
changes 5,000 addresses a second. Every figure is wall time on one core, engine's script and console together.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.pilot import Pilot
from textual.screen import Screen

from ipv6console.console.app import ConsoleApp
from ipv6console.console.screens.pool import PoolScreen
from ipv6console.wire.address import AddressChanges, AddressPage, AddressRow
from tests.console import pool, scene
from tests.console.scene import NOW, ScriptedSource

SIZES = ((80, 24), (120, 40), (200, 60))
KEYS = ("j", "j", "j", "pagedown", "k", "j", "G", "k", "pageup", "g", "j", "space")
_STEP = 50


@dataclass
class BusySource(ScriptedSource):
    """A scripted engine whose addresses change all the time; answers are made in slices, as another process's are."""

    rate: int = 0
    sent: int = 0
    _random: Random = field(default_factory=lambda: Random(7))
    _last: float = field(default_factory=time.perf_counter)

    async def addresses(self, cursor: str | None, limit: int) -> AddressPage:
        await asyncio.sleep(0.005)
        return await super().addresses(cursor, limit)

    async def address_changes(self, since: int | None) -> AddressChanges:
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        count = 0 if since is None else int(self.rate * (now - self._last))
        if since is not None:
            self._last = now
        rows: list[AddressRow] = []
        for number in range(count):
            rows.append(self._changed(self._random.randrange(len(self.pool))))
            if number % _STEP == _STEP - 1:
                await asyncio.sleep(0.001)
        self.sent += len(rows)
        return AddressChanges(seq=(since or 0) + len(rows), rows=tuple(rows), gone=(), missed=False)

    def _changed(self, place: int) -> AddressRow:
        row = self.pool[place]
        taken = () if row.leased_in else ("news",)
        self.pool[place] = changed = replace(row, leased_in=taken, last_used_at=NOW, uses=row.uses + 1)
        return changed


@dataclass
class Probe:
    """Notes how long the loop was held, at worst."""

    worst: float = 0.0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            self.worst = max(self.worst, time.perf_counter() - before - 0.001)


@asynccontextmanager
async def opened(count: int, size: tuple[int, int]) -> AsyncIterator[tuple[ConsoleApp, Pilot[str], BusySource]]:
    source = BusySource()
    source.pool = pool.addresses(count)
    gc.freeze()  # the script's rows are not the console's to look through
    app = ConsoleApp(source, label="LOCAL", target=scene.SOCKET)
    async with app.run_test(size=size) as pilot:
        source.go_live(told=scene.events())
        await source.taken()
        await pilot.pause()
        yield app, pilot, source


def screen_of(app: ConsoleApp) -> PoolScreen | None:
    return app.page if isinstance(app.page, PoolScreen) else None


class Paints:
    """Tells when the screen was painted while something was so."""

    def __init__(self, app: ConsoleApp) -> None:
        self._wanted: Callable[[], bool] = lambda: False
        self._seen: asyncio.Future[float] | None = None
        shown = app._display  # noqa: SLF001 - there is no public way to see a paint

        def display(screen: Screen[object], renderable: RenderableType | None) -> None:
            shown(screen, renderable)
            if isinstance(renderable, CompositorUpdate) and not app._batch_count:  # noqa: SLF001
                renderable.render_segments(app.console)  # a console without a terminal leaves this out
                if self._seen is not None and not self._seen.done() and self._wanted():
                    self._seen.set_result(time.perf_counter())

        app._display = display  # type: ignore[method-assign] # noqa: SLF001 - every paint goes through it

    async def of(self, wanted: Callable[[], bool]) -> float:
        """Return when a paint first found `wanted` to be so."""
        self._wanted, self._seen = wanted, asyncio.get_running_loop().create_future()
        async with asyncio.timeout(60.0):
            return await self._seen


async def opening(app: ConsoleApp, paints: Paints) -> float:
    """Return the seconds from the key to the first page of addresses on the screen."""

    def shown() -> bool:
        page = screen_of(app)
        return page is not None and len(page.query("Roll")) > 0 and page.table.roll.cursor_key is not None

    before = time.perf_counter()
    app.simulate_key("2")
    return await paints.of(shown) - before


def cursor(app: ConsoleApp) -> tuple[object, ...]:
    page = screen_of(app)
    assert page is not None
    return page.table.roll.place, page.table.roll.scroll_offset.y, len(page.table.marks)


def moved(app: ConsoleApp, was: tuple[object, ...]) -> bool:
    return cursor(app) != was


async def keys(app: ConsoleApp, paints: Paints, number: int) -> list[float]:
    """Return the seconds from each key to the paint that shows it."""
    took = []
    for place in range(number):
        await asyncio.sleep(0.02 + 0.013 * (place % 5))
        before, was = time.perf_counter(), cursor(app)
        app.simulate_key(KEYS[place % len(KEYS)])
        took.append(await paints.of(partial(moved, app, was)) - before)
    return took


def at(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def told(label: str, values: list[float]) -> None:
    named = {"p50": at(values, 0.5), "p95": at(values, 0.95), "p99": at(values, 0.99), "max": max(values)}
    print(f"{label:<44} " + "  ".join(f"{name} {value * 1e3:6.1f}" for name, value in named.items()) + " ms")


@dataclass(frozen=True, slots=True)
class Figures:
    """One round, in seconds: until the table was open, until all was read, each key meanwhile and later while all changed.

    `held` is how long the loop was held at most, `rate` how many changes came a second.
    """

    opens: float
    loaded: float
    quiet: list[float]
    busy: list[float]
    held: float
    rate: float


async def measured(count: int, size: tuple[int, int], rate: int, presses: int) -> Figures:
    async with opened(count, size) as (app, _, source):
        paints, probe = Paints(app), Probe()
        probing = asyncio.create_task(probe.run())
        opens = await opening(app, paints)
        page = screen_of(app)
        assert page is not None
        before = time.perf_counter()
        quiet = await keys(app, paints, presses // 3)
        await paints.of(lambda: not page.following.reading)
        loaded = time.perf_counter() - before
        gc.collect()
        probe.worst = 0.0
        source.rate = rate
        start = time.perf_counter()
        busy = await keys(app, paints, presses)
        seconds = time.perf_counter() - start
        probing.cancel()
    return Figures(opens, loaded, quiet, busy, probe.worst, source.sent / seconds)


async def measure(count: int, size: tuple[int, int], rate: int, presses: int) -> None:
    found = await measured(count, size, rate, presses)
    named = f"{size[0]}x{size[1]}"
    print(f"{named}: {count:,} addresses, first page after {found.opens * 1e3:.0f} ms, all after {found.loaded:.1f} s")
    told(f"{named}: key to paint while loading", found.quiet)
    told(f"{named}: key to paint at {found.rate:,.0f} changes/s", found.busy)
    print(f"{named}: the loop was held {found.held * 1e3:.1f} ms at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--keys", type=int, default=300)
    given = parser.parse_args()
    for size in SIZES:
        asyncio.run(measure(given.addresses, size, given.rate, given.keys))


if __name__ == "__main__":
    main()
