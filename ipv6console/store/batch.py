"""Writing changes and events: every kind of row has its statement, and runs of one kind go to the driver at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from sqlite3 import Connection as Driver
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

from ipv6console.pool.address import format_address
from ipv6console.pool.change import (
    AddressAdded,
    AddressRemoved,
    Change,
    LeaseEnded,
    MirrorFlushed,
    MirrorRecorded,
    PoolEmptied,
    PrefixEmptied,
    PrefixRecorded,
    RevocationRecorded,
    TokenRecorded,
    TokenRevoked,
    UsageRecorded,
)
from ipv6console.store.rows import driver_of
from ipv6console.store.schema import address, history, kept_event, mirror, prefix, revocation, token, usage
from ipv6console.wire.event import Event


def write_changes(connection: Connection, changes: Iterable[Change]) -> int:
    """Write `changes` in their order into the open transaction, consecutive ones of a kind with one call.

    Returns how many there were.
    """
    # The history refers to no row and no row to it, so it may come last: each report has a usage and a lease that ended,
    # and in their order every call would have one row.
    ended: list[Change] = []
    others: list[Change] = []
    for change in changes:
        (ended if type(change) is LeaseEnded else others).append(change)
    driver = driver_of(connection)
    for kind, run in groupby(others, type):
        _write(driver, kind, list(run))
    if ended:
        _write(driver, LeaseEnded, ended)
    return len(others) + len(ended)


def write_events(connection: Connection, events: Sequence[Event]) -> None:
    """Write `events` into the open transaction; one that is kept already stays as it is, so a retry is harmless."""
    driver_of(connection).executemany(
        _KEEP,
        [
            (
                event.id,
                event.at,
                event.level.value,
                event.kind,
                event.text,
                event.subject,
                event.actor,
                # An event is for reading: a value JSON does not know is better kept as text than lost.
                json.dumps(event.data, default=str),
            )
            for event in events
        ],
    )


def _write(driver: Driver, kind: type, rows: list[Any]) -> None:
    plan = _PLANS[kind]
    if plan.row is not None:
        rows = [plan.row(change) for change in rows]
    for statement in plan.statements:
        if plan.parameters:
            driver.executemany(statement, rows)
        else:
            driver.execute(statement)


class _Plan(NamedTuple):
    statements: tuple[str, ...]
    row: Callable[[Any], tuple[Any, ...]] | None = None
    parameters: bool = True


def _insert(table: Table, *, leave_out: tuple[str, ...] = ()) -> str:
    names = [column.name for column in table.columns if column.name not in leave_out]
    return _text(sqlite.insert(table), names)


def _upsert(table: Table) -> str:
    keys = [column.name for column in table.primary_key]
    statement = sqlite.insert(table)
    replaced = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return _text(statement.on_conflict_do_update(index_elements=keys, set_=replaced), table.columns.keys())


def _insert_once(table: Table) -> str:
    return _text(sqlite.insert(table).on_conflict_do_nothing(), table.columns.keys())


def _text(statement: sqlite.Insert, names: list[str]) -> str:
    return str(statement.compile(dialect=sqlite.dialect(), column_keys=names))


def _prefix_row(change: PrefixRecorded) -> tuple[Any, ...]:
    return (change.id, format_address(change.network), *change[2:])


def _address_row(change: AddressAdded) -> tuple[Any, ...]:
    return (change.id, change.prefix_id, format_address(change.address), change.verified_at)


def _revocation_row(change: RevocationRecorded) -> tuple[Any, ...]:
    return (format_address(change.network), *change[1:])


def _history_row(change: LeaseEnded) -> tuple[Any, ...]:
    return (format_address(change.address), *change[1:])


_KEEP = _insert_once(kept_event)

# Usage goes first where many addresses leave: the cascade would look it up once for each of them.
_PLANS: dict[type, _Plan] = {
    PrefixRecorded: _Plan((_upsert(prefix),), _prefix_row),
    PrefixEmptied: _Plan(
        (
            "DELETE FROM usage WHERE address_id IN (SELECT id FROM address WHERE prefix_id = ?)",
            "DELETE FROM address WHERE prefix_id = ?",
        )
    ),
    AddressAdded: _Plan((_insert(address),), _address_row),
    AddressRemoved: _Plan(("DELETE FROM address WHERE id = ?",)),
    PoolEmptied: _Plan(("DELETE FROM usage", "DELETE FROM address"), parameters=False),
    MirrorRecorded: _Plan((_upsert(mirror),)),
    MirrorFlushed: _Plan(("DELETE FROM usage WHERE mirror_id = ?",)),
    UsageRecorded: _Plan((_upsert(usage),)),
    LeaseEnded: _Plan((_insert(history, leave_out=("id",)),), _history_row),
    TokenRecorded: _Plan((_insert(token),)),
    TokenRevoked: _Plan(("DELETE FROM token WHERE name = ?",)),
    RevocationRecorded: _Plan((_insert(revocation, leave_out=("id",)),), _revocation_row),
}
