"""`make bench`: one table of everything, also when a part of it fails."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import bench
from benchmarks.bench import PARTS, Part, measured, written
from benchmarks.row import KEPT, Row, show

GOOD = """
import sys
sys.path.insert(0, sys.argv[-1])
from benchmarks.row import Row, show
show([Row("a figure", 1.0, 2.0, 1.5, "s")])
"""


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where rows are kept, with two parts: one tells its figure, the other ends after the first of its two."""
    repository = Path(bench.__file__).parents[1]
    monkeypatch.setattr(bench, "HERE", tmp_path)
    monkeypatch.setattr(bench, "PARTS", {"good": Part(1, str(repository)), "bad": Part(2, str(repository))})
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(f"{GOOD}sys.exit('no such device')")
    path = tmp_path / "rows"
    path.touch()
    monkeypatch.setenv(KEPT, str(path))
    return path


def test_a_part_that_fails_is_a_row_that_says_so_and_the_others_are_told(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(("bad", "good"), rows, quick=True)
    monkeypatch.delenv(KEPT)
    assert [row.metric for row in found] == ["a figure", "a figure", "bad: ended with 1 and told 1 of 2 figures"]
    assert [row.verdict for row in found] == ["at least", "at least", "FAILED"]
    assert show(found[:2])
    assert not show(found)
    assert capsys.readouterr().out.splitlines()[-1].endswith("FAILED")


def test_results_are_json_that_anything_reads(tmp_path: Path) -> None:
    rows = [Row("lost", 0, 0, 0, ""), Row("failed", 0, 0, None, ""), Row("share", 99, 99, 99.5, "%", more=True)]
    path = written(rows, datetime(2026, 1, 2, tzinfo=UTC), tmp_path / "results")
    told = json.loads(path.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert path.name == "2026-01-02.json"
    assert [(row["metric"], row["measured"], row["ratio"], row["pass"]) for row in told["rows"]] == [
        ("lost", 0, None, "yes"),
        ("failed", None, None, "FAILED"),
        ("share", 99.5, 1.005, "yes"),
    ]


def test_a_part_that_is_measured_again_takes_the_place_of_what_it_told_and_leaves_the_others(tmp_path: Path) -> None:
    morning, evening = (datetime(2026, 1, 2, hour, tzinfo=UTC) for hour in (6, 18))
    written([Row("kept", 1, 1, 1, ""), Row("again", 1, 1, 2, "")], morning, tmp_path)
    path = written([Row("again", 1, 1, 1, "")], evening, tmp_path, whole=False)
    told = json.loads(path.read_text())["rows"]
    assert [(row["metric"], row["pass"], row["at"]) for row in told] == [
        ("kept", "yes", morning.isoformat()),
        ("again", "yes", evening.isoformat()),
    ]


def test_every_part_has_a_program_of_its_own_and_is_in_the_page_about_measuring() -> None:
    folder = Path(bench.__file__).parent
    page = (folder.parent / "docs" / "performance.md").read_text()
    assert [name for name in PARTS if name != "version" and not (folder / f"{name}.py").exists()] == []
    assert [name for name in PARTS if f"| `{name}`" not in page] == []
