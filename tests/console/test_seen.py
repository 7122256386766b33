"""What a user has seen of each engine outlives the console."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ipv6console.console.seen import ENGINES_KEPT, Memory, Seen, Unremembered, engine_key
from tests.console import scene


def test_nothing_is_known_of_an_engine_that_was_never_seen(tmp_path: Path) -> None:
    assert Memory(tmp_path / "seen.json").recall("edge-1:/var/lib/ipv6console") is None


def test_what_was_kept_is_recalled_by_another_console(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "seen.json"
    Memory(file).keep("a", Seen(event=7, at=1.0))
    Memory(file).keep("b", Seen(event=9, at=2.0))
    assert Memory(file).recall("a") == Seen(event=7, at=1.0)
    assert Memory(file).recall("b") == Seen(event=9, at=2.0)


def test_only_the_user_can_read_it_and_no_other_file_is_left(tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    Memory(file).keep("a", Seen(event=7, at=1.0))
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_engines_on_one_host_are_told_apart_by_their_state_folder() -> None:
    one = scene.state()
    other = replace(one, engine=replace(one.engine, state_dir="/tmp/lab"))
    assert engine_key(one) != engine_key(other)
    assert engine_key(one) == engine_key(replace(one, generation=900))


def test_engines_nobody_looked_at_for_long_are_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "seen.json")
    for number in range(ENGINES_KEPT + 1):
        memory.keep(f"host-{number}", Seen(event=1, at=float(number)))
    assert memory.recall("host-0") is None
    assert memory.recall(f"host-{ENGINES_KEPT}") is not None


@pytest.mark.parametrize("text", ["{", "[]", '{"engines": {"a": 1}}', "\xff"])
def test_a_file_that_is_not_understood_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "seen.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(Unremembered, match=str(file)):
        Memory(file).recall("a")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unremembered, match=r"seen\.json"):
        Memory(tmp_path / "file" / "seen.json").keep("a", Seen(event=1, at=1.0))


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    Memory(file).keep("a", Seen(event=7, at=1.0))
    assert json.loads(file.read_text()) == {"engines": {"a": {"event": 7, "at": 1.0}}, "version": 1}
