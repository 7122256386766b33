"""Past SQLAlchemy to the driver: for a million rows it would take as long again, for a few longer than SQLite itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from sqlite3 import Connection as Driver
from sqlite3 import register_adapter
from typing import Any, cast

from sqlalchemy import Connection

_AT_ONCE = 1_000

Rows = Sequence[tuple[Any, ...]]

# The driver knows what to do with both, but asks them first whether they would rather be something else, in the time a
# row takes to be written. These answers are where it looks before.
register_adapter(type(None), lambda nothing: nothing)
register_adapter(bool, int)


def driver_of(connection: Connection) -> Driver:
    """Return the driver's connection; raises ResourceClosedError when it is closed."""
    return cast("Driver", connection.connection.dbapi_connection)


def pieces(connection: Connection, sql: str, *parameters: int) -> Iterator[Rows]:
    """Yield the rows of a question, some at a time."""
    cursor = driver_of(connection).cursor()
    try:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(_AT_ONCE):
            yield rows
    finally:
        cursor.close()


def rows(connection: Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a question one by one."""
    return chain.from_iterable(pieces(connection, sql))
