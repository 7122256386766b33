"""Export: what a table shows becomes a file that nothing else was."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ipv6console.console.export import Form, Sheet, aligned, cell_text, sheet, stem, write_new, written
from ipv6console.console.export import told as row_told
from ipv6console.console.tone import Tone
from ipv6console.console.widgets.grid import Column, GridRow

COLUMNS = (Column(key="name", title="NAME", width=10), Column(key="note", title="", width=10, rank=9))


def told(*rows: tuple[str, str]) -> Sheet:
    cells = [{"name": ((name, Tone.STRONG),), "note": ((note, Tone.DIM),)} for name, note in rows]
    return sheet(COLUMNS, [row_told(COLUMNS, GridRow(str(number), cell)) for number, cell in enumerate(cells)])


def test_csv_has_titles_and_every_row() -> None:
    rows = list(csv.reader(io.StringIO(written(told(("news", 'says "no", twice'), ("prices", "")), Form.CSV))))
    assert rows == [["NAME", "note"], ["news", 'says "no", twice'], ["prices", ""]]


def test_lines_for_eyes_leave_out_a_column_that_is_empty_everywhere() -> None:
    assert aligned(told(("news", ""), ("prices", "")), 80) == ["NAME", "news", "prices"]
    assert aligned(told(("news", ""), ("prices", "low")), 80) == ["NAME    note", "news", "prices  low"]


def test_lines_for_eyes_stand_closer_where_they_would_be_broken_otherwise() -> None:
    assert aligned(told(("news", ""), ("prices", "low")), 12) == ["NAME    note", "news", "prices  low"]
    assert aligned(told(("news", ""), ("prices", "low")), 11) == ["NAME   note", "news", "prices low"]


def test_json_has_one_object_a_row_by_column_key() -> None:
    assert json.loads(written(told(("nöws", "x")), Form.JSON)) == [{"name": "nöws", "note": "x"}]


@pytest.mark.parametrize("text", ["=cmd()", "+cmd", "-cmd", "@cmd"])
def test_what_a_spreadsheet_would_run_is_disarmed_in_csv_only(text: str) -> None:
    assert f"'{text}" in written(told(("a", text)), Form.CSV)
    assert json.loads(written(told(("a", text)), Form.JSON))[0]["note"] == text


@pytest.mark.parametrize("text", ["-12", "+1,024", "-0.5"])
def test_numbers_stay_numbers(text: str) -> None:
    assert "'" not in written(told(("a", text)), Form.CSV)


def test_what_a_terminal_would_obey_is_not_written() -> None:
    assert cell_text((("a\x1b[2Jb", Tone.PLAIN), ("c ", Tone.DIM))) == "a·[2Jbc"


def test_the_name_tells_what_where_and_when() -> None:
    at = datetime(2026, 9, 21, 4, 12, 7, tzinfo=UTC)
    assert stem("edge-1", "mirrors", at=at) == "ipv6console-edge-1-mirrors-20260921-041207"
    assert stem("../etc/x y", "", at=at) == "ipv6console-etc-x-y-20260921-041207"


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    first = write_new(tmp_path, "table", "csv", b"1")
    second = write_new(tmp_path, "table", "csv", b"2")
    assert (first.name, second.name) == ("table.csv", "table-1.csv")
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")


def test_a_link_that_waits_there_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (tmp_path / "table.csv").symlink_to(victim)
    assert write_new(tmp_path, "table", "csv", b"1").name == "table-1.csv"
    assert not victim.exists()


def test_only_the_user_can_read_the_file(tmp_path: Path) -> None:
    assert write_new(tmp_path, "table", "csv", b"1").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_new(tmp_path / "nowhere", "table", "csv", b"1")
