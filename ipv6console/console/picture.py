"""Pictures of the live console: SVG as Textual draws it, PNG by CairoSVG.

`ipv6console lab run --scrapers 4 -- python -m ipv6console.console.picture FOLDER` takes them of the lab at 80x24, 120x40 and 200x60.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from pathlib import Path

from textual.pilot import Pilot

from ipv6console.console.app import ConsoleApp
from ipv6console.console.link import Link
from ipv6console.console.model import Condition

SIZES = ((80, 24), (120, 40), (200, 60))
_CELL = 11
_DEADLINE = 60.0
_POLL = 0.1
_CELL_WIDTH, _ADVANCE = 12.2, 0.6
_TEXT_LENGTH = re.compile(r' textLength="[^"]*"')
_FOREIGN = re.compile("[✖◌]")
"""Glyphs that Fira Code lacks; CairoSVG looks for no other font by itself, as terminals do."""

DIALOGS: dict[str, tuple[str, ...]] = {
    "overview": (),
    "spawn": ("s",),
    "plan": ("F", "tab", "enter"),
    "doctor": ("w",),
    "help": ("question_mark",),
}
"""What is pictured, and the keys that lead there from the Overview."""


class PictureError(RuntimeError):
    """Pictures cannot be taken: there is no engine to show, or it never got anything to show."""


async def picture(target: str, size: tuple[int, int], keys: tuple[str, ...]) -> str:
    """Return the console on the engine at `target` as SVG, after `keys`. Raises PictureError."""
    app = ConsoleApp(Link(target), label="LOCAL", target=target)
    async with app.run_test(size=size) as pilot:
        await _until_worth_showing(app, pilot)
        for key in keys:
            await pilot.press(key)
        await _settled(app, pilot)
        app.redraw()
        await pilot.pause()
        return app.export_screenshot(title=f"ipv6console {size[0]}x{size[1]}")


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
    async with asyncio.timeout(_DEADLINE):
        while any(worker.is_running for worker in app.workers if worker.node is app.screen):
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
    """Write all pictures into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, keys in DIALOGS.items():
        for size in SIZES if name == "overview" else SIZES[1:2]:
            svg = asyncio.run(picture(target, size, keys))
            path = folder / f"{name}-{size[0]}x{size[1]}.svg"
            path.write_text(svg, encoding="utf-8")
            path.with_suffix(".png").write_bytes(png(svg))
            written += [path, path.with_suffix(".png")]
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
