"""Pictures of the live console: as Textual draws it, made PNG by CairoSVG.

`ipv6console lab run --scrapers 4 -- python -m ipv6console.console.picture FOLDER` takes them of the lab at 80x24, 120x40 and 200x60.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from ipv6console.console.app import ConsoleApp
from ipv6console.console.link import Link
from ipv6console.console.model import Condition
from ipv6console.console.portrait import portrait

SIZES = ((80, 24), (120, 40), (200, 60))
_CELL = 11
_DEADLINE = 60.0
_POLL = 0.1
_CELL_WIDTH, _ADVANCE = 12.2, 0.6
_TEXT_LENGTH = re.compile(r' textLength="[^"]*"')
_FOREIGN = re.compile("[✖◌]")
"""Glyphs that Fira Code lacks; CairoSVG looks for no other font by itself, as terminals do."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: its name, the keys that lead there from the Overview, the text that must be there, and the sizes."""

    name: str
    keys: tuple[str, ...] = ()
    shows: str = ""
    sizes: tuple[tuple[int, int], ...] = SIZES[1:2]


SCENES: tuple[Scene, ...] = (
    Scene("overview", sizes=SIZES),
    Scene("pool", ("2",), " idle", SIZES),
    Scene("mirrors", ("3", "o", "s", "g"), "BURN", SIZES),
    Scene("mirror", ("3", "g", "enter"), "Leases of "),
    Scene("prefixes", ("4",), "from the kept events", SIZES),
    Scene("ndp", ("5",), "walked ", SIZES),
    Scene("ha", ("6",), sizes=SIZES),
    Scene("events", ("7",), "following", SIZES),
    Scene("space", ("8",), sizes=SIZES),
    Scene("spawn", ("s",), "as CLI"),
    Scene("flush", ("F", "down", "enter"), "holds for"),
    Scene("revoke", ("2", "space", "space", "space", "X"), "holds for"),
    Scene("doctor", ("w",), "as CLI"),
    Scene("engines", ("x",), "as CLI"),
    Scene("rewind", ("left_square_bracket",), "REWIND"),
    Scene("help", ("question_mark",)),
)
"""What is pictured."""


class PictureError(RuntimeError):
    """Pictures cannot be taken: there is no engine to show, or it never got anything to show."""


async def pictures(target: str, size: tuple[int, int], scenes: Sequence[Scene] = SCENES) -> dict[str, str]:
    """Return those of the scenes that are wanted in `size`, of the engine at `target`, as SVG. Raises PictureError."""
    app = ConsoleApp(Link(target), label="LOCAL", target=target)
    taken: dict[str, str] = {}
    async with app.run_test(size=size) as pilot:
        await _until_worth_showing(app, pilot)
        for scene in scenes:
            if size in scene.sizes:
                for key in scene.keys:
                    await pilot.press(key)
                    await _settled(app, pilot)
                await _until_shown(app, pilot, scene)
                taken[scene.name] = app.export_screenshot(title=f"ipv6console {size[0]}x{size[1]}")
                await _home(app, pilot)
    return taken


async def _until_shown(app: ConsoleApp, pilot: Pilot[str], scene: Scene) -> None:
    try:
        async with asyncio.timeout(_DEADLINE):
            while scene.shows not in portrait(app, scene.name, scene.name).text:
                await pilot.pause(_POLL)
    except TimeoutError as error:
        raise PictureError(f"{scene.name} does not show {scene.shows!r} within {_DEADLINE:.0f} s") from error
    await pilot.pause(_POLL)
    app.redraw()
    await pilot.pause()


async def _home(app: ConsoleApp, pilot: Pilot[str]) -> None:
    """Leave dialogs, the past and what is inside, and go back to the Overview."""
    while len(app.screen_stack) > 1:
        await pilot.press("escape")
        await pilot.pause()
    await pilot.press("escape")
    if app.current_mode != "overview":
        await pilot.press("1")
    await pilot.pause(_POLL)


async def _until_worth_showing(app: ConsoleApp, pilot: Pilot[str]) -> None:
    try:
        async with asyncio.timeout(_DEADLINE):
            while not _worth_showing(app):
                await pilot.pause(_POLL)
    except TimeoutError as error:
        said = app.model.loss.text if app.model.loss else "it has no leased address, or no event, yet"
        raise PictureError(f"the engine shows nothing worth a picture after {_DEADLINE:.0f} s: {said}") from error


def _worth_showing(app: ConsoleApp) -> bool:
    model = app.model
    if model.condition is not Condition.LIVE or model.state is None or not model.events:
        return False
    sparks = max((len(rates) for rates in model.rates.values()), default=0)
    return model.state.pool.leased > 0 and sparks > 8


async def _settled(app: ConsoleApp, pilot: Pilot[str]) -> None:
    """Wait until what a dialog on the screen asks for is there; what pages follow never ends."""
    async with asyncio.timeout(_DEADLINE):
        while app.screen.is_modal and any(worker.is_running for worker in app.workers if worker.node is app.screen):
            await pilot.pause(_POLL)
    await pilot.pause(_POLL)


def png(svg: str) -> bytes:
    """Return `svg` as PNG, 11 pixels a terminal cell; needs CairoSVG, Fira Code and DejaVu Sans Mono."""
    import cairosvg  # noqa: PLC0415 - a development package, needed for pictures only

    # Cairo rounds a glyph's advance to whole pixels: unless that is exactly a cell, long lines drift to the right.
    fitting = _TEXT_LENGTH.sub("", svg).replace("font-size: 20px", f"font-size: {_CELL_WIDTH / _ADVANCE:.4f}px")
    dressed = _FOREIGN.sub(lambda found: f'<tspan font-family="DejaVu Sans Mono">{found[0]}</tspan>', fitting)
    drawn = cairosvg.svg2png(bytestring=dressed.encode(), scale=_CELL / _CELL_WIDTH)
    if not isinstance(drawn, bytes):
        raise PictureError("CairoSVG returned no picture")
    return drawn


def take(target: str, folder: Path) -> list[Path]:
    """Write all pictures into `folder`, as SVG and PNG, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for size in SIZES:
        for name, svg in asyncio.run(pictures(target, size)).items():
            path = folder / f"{name}-{size[0]}x{size[1]}.svg"
            path.write_text(svg, encoding="utf-8")
            picture = path.with_suffix(".png")
            picture.write_bytes(png(svg))
            written += [path, picture]
    return written


def main() -> int:
    """Take the pictures; the engine is IPV6CONSOLE_SOCKET or IPV6CONSOLE_URL, as `lab run` sets them."""
    parser = argparse.ArgumentParser(description="Take pictures of the live console.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    target = os.environ.get("IPV6CONSOLE_SOCKET") or os.environ.get("IPV6CONSOLE_URL")
    if not target:
        sys.stderr.write("picture: name an engine by IPV6CONSOLE_SOCKET or IPV6CONSOLE_URL, or run it in the lab\n")
        return 2
    for path in take(target, folder):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
