"""Which revision of the schema a database has, and the way from there to the present one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from ipv6console.engine.protocol import StoreError
from ipv6console.store.metadata import metadata
from ipv6console.store.schema import REVISION

_MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up_to_date(connection: Connection, path: Path) -> None:
    """Give the database the present schema, in one transaction; a database that has it is only read.

    An empty one is made from the tables, which are what all the migrations together lead to.

    Raises StoreError for a database of a newer version, or of another program.
    """
    stored = read_revision(connection)
    if stored == REVISION:
        return
    if stored is None and connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
        raise StoreError(
            f"{path} is a database of another program: it has tables, but no revision of ours",
            "give the engine a directory of its own with --state-dir DIR",
        )
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        if stored is None:
            _create(connection)
        else:
            _upgrade(connection, path, stored)
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def read_revision(connection: Connection) -> str | None:
    """Return the stored revision, None when the database has none. Read by hand: alembic costs 0.3 s to import."""
    tables = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    if tables.first() is None:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    # As alembic makes it, which finds its place by it.
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version"
        " (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (REVISION,))


def _upgrade(connection: Connection, path: Path, stored: str) -> None:
    from alembic import command  # noqa: PLC0415 - 0.3 s that only a migration pays
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    # The value passes through ConfigParser, which reads a % as the start of a reference.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if stored not in known:
        raise StoreError(
            f"{path} was written by a newer version of ipv6console (schema {stored}, this one knows {REVISION})",
            "upgrade ipv6console, or give the engine another directory with --state-dir DIR",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, REVISION)
