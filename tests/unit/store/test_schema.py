"""The tables, and the migrations that lead to them."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, NullPool, Table, create_engine

from ipv6console.engine.protocol import StoreError
from ipv6console.pool.address import format_address
from ipv6console.pool.change import (
    AddressAdded,
    LeaseEnded,
    MirrorRecorded,
    PrefixRecorded,
    RevocationRecorded,
    Snapshot,
    TokenRecorded,
    UsageRecorded,
)
from ipv6console.store import lookup, schema
from ipv6console.store.database import SqliteStore

pytestmark = pytest.mark.anyio


def objects(path: Path) -> dict[str, str]:
    """Return the text of every table, index and view in the file, with the spaces made alike, constraints last."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: constraints_last(" ".join(sql.split())) for name, sql in rows if name != "alembic_version"}


def own_version(path: Path) -> tuple[str, str]:
    """Return the text of alembic's table in the file, with the spaces made alike, and what is in it."""
    with closing(sqlite3.connect(path)) as connection:
        [(sql,)] = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'alembic_version'")
        [(version,)] = connection.execute("SELECT version_num FROM alembic_version")
        return re.sub(r"\s+", "", sql), version


def constraints_last(sql: str) -> str:
    """Return the text of a table as if the columns that were added to it later stood before its constraints."""
    whole = re.fullmatch(r"(CREATE TABLE \w+ )\( ?(.*?) ?\)((?: WITHOUT ROWID)?)", sql)
    if whole is None:
        return sql
    start, body, end = whole.groups()
    # Commas outside of parentheses; those of these tables are never nested.
    items = [item.strip() for item in re.split(r",(?![^(]*\))", body)]
    return f"{start}({', '.join(sorted(items, key=lambda item: item.startswith('CONSTRAINT')))}){end}"


def make_release(path: Path, revision: str) -> None:
    """Make an empty database as an earlier release would."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations").replace("%", "%%"))
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@pytest.mark.parametrize(
    ("table", "change", "left_out"),
    [
        (schema.prefix, PrefixRecorded, set()),
        (schema.address, AddressAdded, set()),
        (schema.mirror, MirrorRecorded, set()),
        (schema.usage, UsageRecorded, set()),
        (schema.history, LeaseEnded, {"id"}),
        (schema.token, TokenRecorded, set()),
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


async def test_a_new_database_is_what_all_migrations_together_lead_to(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "new.db")
    await store.close()
    make_release(tmp_path / "migrated.db", schema.REVISION)
    assert objects(tmp_path / "new.db") == objects(tmp_path / "migrated.db")
    kept = [own_version(tmp_path / name) for name in ("new.db", "migrated.db")]
    assert kept[0] == kept[1]


async def test_a_database_of_the_first_release_comes_up_with_everything_it_had(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    make_release(path, "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            INSERT INTO prefix VALUES (1, '2001:db8::', 64, 'eth0', 'interface', 'active', 1.0, 2.0, 1);
            INSERT INTO address VALUES (1, 1, '2001:db8::a', 3.0), (2, 1, '2001:db8::b', 4.0);
            INSERT INTO mirror VALUES (1, 'task1', 5.0, 1), (2, 'task2', 6.0, 0);
            INSERT INTO usage VALUES (1, 1, 'using', 'secret', 'curl', 7.0, 8.0, 1, 0, 3),
                                     (2, 2, 'bad', NULL, NULL, 9.0, 10.0, 0, 2, 4);
            INSERT INTO revocation VALUES (1, '2001:db8:1::', 48, 'sold', 'alice', 11.0);
            INSERT INTO event VALUES (7, 12.0, 'warning', 'prefix.gone', 'it is gone', NULL, 'kernel', '{"leases": 3}');
            """
        )
    base = 0x20010DB8 << 96
    store = await SqliteStore.open(path)
    assert store.findings == ()
    assert await store.load() == Snapshot(
        prefixes=(PrefixRecorded(1, base, 64, "eth0", "interface", "active", 1.0, 2.0, held=True),),
        addresses=(AddressAdded(1, 1, base + 0xA, 3.0), AddressAdded(2, 1, base + 0xB, 4.0)),
        mirrors=(MirrorRecorded(1, "task1", 5.0, draining=True), MirrorRecorded(2, "task2", 6.0, draining=False)),
        usages=(
            UsageRecorded(1, 1, "using", "secret", "curl", 7.0, 8.0, owned=True, strikes=0, uses=3),
            UsageRecorded(2, 2, "bad", None, None, 9.0, 10.0, owned=False, strikes=2, uses=4),
        ),
        revocations=(RevocationRecorded(base + (1 << 80), 48, "sold", "alice", 11.0),),
    )
    assert [(kept.id, kept.data) for kept in await store.events(0, 10)] == [(7, {"leases": 3})]
    assert await store.history(None, None, None, 10) == ()
    await store.close()


async def test_a_database_of_the_first_release_gets_the_schema_the_tables_describe(tmp_path: Path) -> None:
    make_release(tmp_path / "old.db", "0001")
    for name in ("old.db", "new.db"):
        store = await SqliteStore.open(tmp_path / name)
        await store.close()
    assert objects(tmp_path / "old.db") == objects(tmp_path / "new.db")


async def test_bad_verdicts_that_named_a_host_become_bans_by_that_host(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    make_release(path, "0002")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            INSERT INTO prefix VALUES (1, '2001:db8::', 64, 'eth0', 'interface', 'active', 1.0, 2.0, 1);
            INSERT INTO address VALUES (1, 1, '2001:db8::a', 3.0), (2, 1, '2001:db8::b', 4.0), (3, 1, '2001:db8::c', 4.0);
            INSERT INTO mirror (id, name, created_at, draining) VALUES (1, 'task1', 5.0, 0);
            INSERT INTO usage VALUES (1, 1, 'bad', NULL, NULL, 9.0, 90.0, 0, 2, 4, 'shop.example'),
                                     (1, 2, 'idle', NULL, NULL, 9.0, NULL, 0, 1, 4, 'maps.example'),
                                     (1, 3, 'bad', NULL, NULL, 9.0, 80.0, 0, 3, 4, NULL);
            """
        )
    store = await SqliteStore.open(path)
    usages = (await store.load()).usages
    assert [(usage.strikes, usage.target, usage.bans, usage.until) for usage in usages] == [
        (0, None, '{"shop.example":[2,90.0]}', 90.0),
        (0, None, '{"maps.example":[1,0.0]}', None),
        (3, None, None, 80.0),
    ]
    await store.close()


async def test_a_history_that_was_never_indexed_is_found_by_address_before_and_after_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "engine.db"
    make_release(path, "0003")
    leases = [
        LeaseEnded((0x20010DB8 << 96) + number % 5, "task1", "curl", 1.0, 2.0 + number, "idle") for number in range(50)
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO history (address, mirror, holder, since, until, verdict) VALUES (?, ?, ?, ?, ?, ?)",
            [(format_address(lease.address), *lease[1:6]) for lease in leases],
        )
        connection.commit()
    monkeypatch.setattr(lookup, "BLOCK", 8)
    store = await SqliteStore.open(path)
    wanted = tuple(reversed(leases[3::5]))
    assert await store.history(leases[3].address, None, None, 100) == wanted
    assert await store.index_history() == 6
    assert await store.history(leases[3].address, None, None, 100) == wanted
    await store.close()


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


async def test_opening_a_current_or_a_new_database_does_not_import_alembic(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    store = await SqliteStore.open(path)
    await store.close()
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom ipv6console.store.database import SqliteStore\n"
        "async def main():\n"
        "    for path in sys.argv[1:]:\n        store = await SqliteStore.open(Path(path))\n        await store.close()\n"
        "asyncio.run(main())\nprint('alembic' in sys.modules)"
    )
    done = await anyio.run_process(
        [sys.executable, "-W", "error", "-c", script, str(path), str(tmp_path / "new.db")],
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
            UsageRecorded(
                1, 1, "using", "secret", "curl", 60.0, 3660.0, True, 0, 1, "shop.example", None, "pid 7 curl uid 0"
            ),
        ]
    )
    done = await anyio.run_process(["sqlite3", str(path), "SELECT * FROM lease"])
    await store.close()
    assert done.stdout == (
        b"task1|2001:db8:0:10::a|curl|pid 7 curl uid 0|1970-01-01 00:01:00|1970-01-01 01:01:00|1|1|shop.example\n"
    )


async def test_past_leases_are_readable_with_the_sqlite3_shell(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    store = await SqliteStore.open(path)
    await store.commit(
        [LeaseEnded(0x20010DB8 << 96 | 0xA, "task1", "curl", 60.0, 90.0, "bad", "a.example", "http 429", "pid 7 curl")]
    )
    done = await anyio.run_process(["sqlite3", str(path), "SELECT * FROM past_lease"])
    await store.close()
    assert (
        done.stdout
        == b"task1|2001:db8::a|curl|pid 7 curl|1970-01-01 00:01:00|1970-01-01 00:01:30|bad|a.example|http 429\n"
    )
