"""Writing what a table shows into a file of its own: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from ipv6console.console.widgets.grid import Cell, Column, GridRow

_UNNAMEABLE = re.compile(r"[^A-Za-z0-9._-]+")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_TRIES = 1_000


class Form(StrEnum):
    """How a table is written; also the ending of the file's name."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table as text: its keys and titles, and one mapping from key to text a row."""

    keys: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]


def told(columns: Sequence[Column], row: GridRow) -> dict[str, str]:
    """Return a row as text, also the columns that do not fit on the screen."""
    return {column.key: cell_text(row.cells.get(column.key, ())) for column in columns}


def sheet(columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> Sheet:
    """Return the sheet of these rows."""
    keys = tuple(column.key for column in columns)
    titles = tuple(column.title or column.key for column in columns)
    return Sheet(keys=keys, titles=titles, rows=tuple(rows))


def cell_text(cell: Cell) -> str:
    """Return what a cell says, without its colours and without what a terminal would obey."""
    text = "".join(part for part, _ in cell).strip()
    return "".join(character if character.isprintable() else "·" for character in text)


def written(table: Sheet, form: Form) -> str:
    """Return the sheet in `form`.

    In CSV a text that a spreadsheet would take for a formula gets an apostrophe in front: some of what tables show was
    chosen by whoever called the engine.
    """
    if form is Form.JSON:
        return json.dumps(table.rows, ensure_ascii=False, indent=1) + "\n"
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.titles)
    writer.writerows([_harmless(row[key]) for key in table.keys] for row in table.rows)
    return out.getvalue()


def aligned(table: Sheet, width: int) -> list[str]:
    """Return the sheet as lines of columns, for eyes: without the columns that are empty in every row.

    Two cells are between the columns, one when two are too many for `width`.
    """
    titles = dict(zip(table.keys, table.titles, strict=True))
    keys = [key for key in table.keys if any(row[key] for row in table.rows)]
    lines = [tuple(titles[key] for key in keys), *(tuple(row[key] for key in keys) for row in table.rows)]
    widths = [max(cell_len(line[index]) for line in lines) for index in range(len(keys))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= width else " "
    return [
        gap.join(set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(",", "").replace(".", "").isdigit()


def stem(*words: str, at: datetime) -> str:
    """Return a file name without its ending: ipv6console, the words, and the moment."""
    named = [cleaned for word in words if (cleaned := _UNNAMEABLE.sub("-", word).strip("-."))]
    return "-".join(("ipv6console", *named, at.strftime("%Y%m%d-%H%M%S")))


def write_new(folder: Path, name: str, ending: str, data: bytes) -> Path:
    """Write `data` into a file of its own in `folder`, readable by the user only, and return its path.

    A file that is there already is never overwritten: the new one gets a number. Raises OSError.
    """
    for number in range(_TRIES):
        path = folder / f"{name}{f'-{number}' if number else ''}.{ending}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path
    raise FileExistsError(f"{folder} holds {_TRIES} files named {name}")
