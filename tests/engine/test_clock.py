"""The engine's clock, and how one engine's is told from the next one's."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ipv6console.engine.clock import BootClock, Era, keep_era, read_era


def test_clocks_of_one_boot_agree_unless_the_wall_clock_was_set() -> None:
    assert BootClock().era().since(BootClock().era()) == 0.0
    assert Era("boot", 1_000.0).since(Era("boot", 400.0)) == 600.0
    assert Era("boot", 400.0).since(Era("boot", 1_000.0)) == -600.0


def test_nothing_is_known_of_a_boot_before_this_one() -> None:
    assert Era("boot", 1_000.0).since(Era("another", 1_000.0)) is None


def test_an_era_is_read_as_it_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "engine.clock"
    assert read_era(path) is None
    keep_era(path, Era("boot", 1_000.25))
    assert read_era(path) == Era("boot", 1_000.25)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("content", ["", "null", "{}", '{"boot": "b", "offset": "soon"}'])
def test_a_file_that_makes_no_sense_is_said_to_and_does_not_stop_the_engine(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "engine.clock"
    path.write_text(content)
    with caplog.at_level(logging.WARNING):
        assert read_era(path) is None
    assert str(path) in caplog.text


def test_a_place_that_cannot_be_written_is_said_and_does_not_stop_the_engine(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        keep_era(tmp_path / "gone" / "engine.clock", Era("boot", 1.0))
    assert "cannot be written" in caplog.text
