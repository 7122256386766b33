"""What a screen shows, as SVG and as text."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from textual.app import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One screen: `name` without an ending, the SVG picture, and the same as lines of text."""

    name: str
    svg: str
    text: str


def portrait(app: App[Any], name: str, title: str) -> Portrait:
    """Return what `app` shows now; it must be running."""
    width, height = app.size
    console = Console(
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
        safe_box=False,
    )
    shown = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)  # noqa: SLF001 - as App.export_screenshot does, which gives no text
    console.print(shown)
    text = console.export_text(clear=False)
    lines = [line.rstrip() for line in text.splitlines()]
    return Portrait(name=name, svg=console.export_svg(title=title), text="\n".join(lines).rstrip() + "\n")
