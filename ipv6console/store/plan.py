"""How one kind of change is written: its statements, and what they are given of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite


class Plan(NamedTuple):
    """Statements for changes of one kind, each run for all of them before the next; `row` gives what they are asked with.

    Without `parameters` a statement is run once, whatever the change says. `then` is done after them.
    """

    statements: tuple[str, ...]
    row: Callable[[Any], tuple[Any, ...]] | None = None
    parameters: bool = True
    then: tuple[Plan, ...] = ()


def insert(table: Table, *, leave_out: tuple[str, ...] = ()) -> str:
    """Return the statement that adds a row."""
    names = [column.name for column in table.columns if column.name not in leave_out]
    return _text(sqlite.insert(table), names)


def upsert(table: Table) -> str:
    """Return the statement that adds a row or replaces the one with its key."""
    keys = [column.name for column in table.primary_key]
    statement = sqlite.insert(table)
    replaced = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return _text(statement.on_conflict_do_update(index_elements=keys, set_=replaced), table.columns.keys())


def insert_once(table: Table) -> str:
    """Return the statement that adds a row unless it is there."""
    return _text(sqlite.insert(table).on_conflict_do_nothing(), table.columns.keys())


def _text(statement: sqlite.Insert, names: list[str]) -> str:
    return str(statement.compile(dialect=sqlite.dialect(), column_keys=names))
