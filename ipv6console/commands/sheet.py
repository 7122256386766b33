"""What commands print: aligned columns, levels as glyph and word, times, JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click

from ipv6console.wire.codec import encode
from ipv6console.wire.status import Level

GLYPHS = {Level.OK: "●", Level.WARN: "▲", Level.FAIL: "✖", Level.OFF: "○", Level.UNKNOWN: "?"}
_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def is_dumb() -> bool:
    """Return whether the terminal can do nothing but lines."""
    return os.environ.get("TERM") == "dumb"


def print_json(document: Any, *, one_line: bool = False) -> None:
    """Print a wire document as JSON."""
    click.echo(json.dumps(encode(document), ensure_ascii=False, indent=None if one_line else 2))


def print_rows(rows: Iterable[Sequence[str]], *, indent: str = "") -> None:
    """Print `rows` as columns as wide as their widest cell."""
    cells = [tuple(row) for row in rows]
    widths = [max(len(click.unstyle(cell)) for cell in column) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True))
        click.echo((indent + "  ".join(padded)).rstrip())


def level_mark(level: Level, *, plain: bool = False) -> str:
    """Return `level` as glyph and word, in colour on a terminal; only the word when `plain`."""
    if plain:
        return level.value
    return click.style(f"{GLYPHS[level]} {level.value}", fg=_COLOURS.get(level))


def moment(at: float | None) -> str:
    """Return unix seconds as local time, a dash for None."""
    return "-" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """Return a duration in its largest fitting unit: 45s, 12m, 3.5h, 2d."""
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + unit
    return f"{max(0.0, seconds):.0f}s"


def until(at: float | None, now: float) -> str:
    """Return how long from `now` until `at`; "for ever" for None."""
    return "for ever" if at is None else span(at - now)
