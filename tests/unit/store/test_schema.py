"""The tables, and the migrations that lead to them."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, NullPool, Table, create_engine

from ipv6console.engine.protocol import StoreError
from ipv6console.pool.change import (
    AddressAdded,
    MirrorRecorded,
    PrefixRecorded,
    RevocationRecorded,
    UsageRecorded,
)
from ipv6console.store import schema
from ipv6console.store.database import SqliteStore

pytestmark = pytest.mark.anyio


def objects(path: Path) -> dict[str, str]:
    """Return the text of every table, index and view in the file, with the spaces made alike."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in rows if name != "alembic_version"}


@pytest.mark.parametrize(
    ("table", "change", "left_out"),
    [
        (schema.prefix, PrefixRecorded, set()),
        (schema.address, AddressAdded, set()),
        (schema.mirror, MirrorRecorded, set()),
        (schema.usage, UsageRecorded, set()),
        (schema.revocation, RevocationRecorded, {"id"}),
    ],
)
def test_the_columns_of_a_table_are_the_fields_of_its_change_in_their_order(
    table: Table, change: type[PrefixRecorded], left_out: set[str]
) -> None:
    assert tuple(name for name in table.columns.keys() if name not in left_out) == change._fields  # noqa: SIM118 - a collection of columns iterates over columns


def test_the_known_revision_is_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations").replace("%", "%%"))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.REVISION]


async def test_the_migrated_schema_is_the_one_the_tables_describe(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "migrated.db")
    await store.close()
    described = tmp_path / "described.db"
    engine = create_engine(URL.create("sqlite", database=str(described)), poolclass=NullPool)
    schema.metadata.create_all(engine)
    assert objects(tmp_path / "migrated.db") == objects(described)


async def test_an_empty_file_is_migrated_like_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for name in ("empty.db", "none.db"):
        store = await SqliteStore.open(tmp_path / name)
        await store.close()
    assert objects(tmp_path / "empty.db") == objects(tmp_path / "none.db")


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    store = await SqliteStore.open(path)
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StoreError, match=r"newer version of ipv6console \(schema 9999") as refusal:
        await SqliteStore.open(path)
    assert "upgrade" in refusal.value.fix
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


async def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")
    with pytest.raises(StoreError, match="of another program") as refusal:
        await SqliteStore.open(path)
    assert "--state-dir" in refusal.value.fix
    assert objects(path) == {"recipe": "CREATE TABLE recipe (name TEXT)"}


async def test_opening_a_current_database_does_not_import_alembic(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    store = await SqliteStore.open(path)
    await store.close()
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom ipv6console.store.database import SqliteStore\n"
        "async def main():\n    store = await SqliteStore.open(Path(sys.argv[1]))\n    await store.close()\n"
        "asyncio.run(main())\nprint('alembic' in sys.modules)"
    )
    done = await anyio.run_process(
        [sys.executable, "-W", "error", "-c", script, str(path)],
        check=False,
        cwd=Path(schema.__file__).parents[2],
    )
    assert (done.stdout, done.stderr) == (b"False\n", b"")


async def test_the_leases_are_readable_with_the_sqlite3_shell(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    store = await SqliteStore.open(path)
    await store.commit(
        [
            PrefixRecorded(1, 0x20010DB800000010 << 64, 64, "eth0", "interface", "active", 0.0, 0.0),
            AddressAdded(1, 1, (0x20010DB800000010 << 64) | 0xA, 0.0),
            MirrorRecorded(1, "task1", 0.0, draining=False),
            UsageRecorded(1, 1, "using", "secret", "curl", 60.0, 3660.0, owned=True, strikes=0, uses=1),
        ]
    )
    done = await anyio.run_process(["sqlite3", str(path), "SELECT * FROM lease"])
    await store.close()
    assert done.stdout == b"task1|2001:db8:0:10::a|curl|1970-01-01 00:01:00|1970-01-01 01:01:00|1|1\n"
