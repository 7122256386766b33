"""`ipv6console backup` and `restore`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ipv6console.cli import root
from ipv6console.store.database import SqliteStore


@pytest.fixture
def state(tmp_path: Path) -> Path:
    async def make() -> None:
        store = await SqliteStore.open(tmp_path / "state" / "engine.db")
        await store.close()

    asyncio.run(make())
    return tmp_path / "state"


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(root, words)
    return done.exit_code, done.output


def test_a_backup_is_made_and_restored_and_both_say_what_is_in_it(state: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    code, said = run("backup", str(copy), "--state-dir", str(state))
    assert (code, said.split(":")[0]) == (0, str(copy))
    assert "0 addresses, 0 live leases" in said
    code, said = run("restore", str(copy), "--state-dir", str(state), "--json")
    assert code == 0
    document = json.loads(said)
    assert document["path"] == str(state / "engine.db")
    assert Path(document["set_aside"]).is_file()


def test_what_cannot_be_done_is_said_with_the_next_step(state: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    code, said = run("backup", str(tmp_path / "copy.db"), "--state-dir", str(state))
    assert code == 1
    assert "is there already" in said
    assert "next: name another file" in said
    code, said = run("restore", str(tmp_path / "copy.db"), "--state-dir", str(state))
    assert code == 1
    assert "next: name a file made by: ipv6console backup FILE" in said
