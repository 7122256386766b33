"""Spaces, subscribers and their outbox, read back into the rows of `ipam.change`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sys import intern
from typing import Any

from sqlalchemy import Connection

from ipv6console.ipam.change import (
    BindingRecorded,
    DelegationRecorded,
    IntentRecorded,
    RangeRecorded,
    ReservationRecorded,
    RestRow,
    SpaceRecorded,
    SpaceSnapshot,
    SubscriberRecorded,
)
from ipv6console.store.inet import from_text
from ipv6console.store.rows import pieces, rows

_FAMILY, _ADDRESS = (BindingRecorded._fields.index(name) for name in ("family", "address"))
_SHARED = [BindingRecorded._fields.index(name) for name in ("instance", "kind", "tags", "metadata", "actor")]


def read_spaces(connection: Connection) -> SpaceSnapshot:
    """Return what is committed of spaces and subscribers, without what has ended."""
    return SpaceSnapshot(
        spaces=tuple([SpaceRecorded(*row) for row in _all(connection, "space", SpaceRecorded)]),
        ranges=tuple(
            [
                RangeRecorded(key, owner, family, from_text(family, first), from_text(family, last), *others)
                for key, owner, family, first, last, *others in _all(connection, "space_range", RangeRecorded)
            ]
        ),
        reservations=tuple(
            [
                ReservationRecorded(key, owner, family, from_text(family, first), from_text(family, last), *others)
                for key, owner, family, first, last, *others in _all(connection, "reservation", ReservationRecorded)
            ]
        ),
        bindings=_bindings(connection),
        rests=tuple(
            [
                RestRow(owner, family, from_text(family, text), until)
                for owner, family, text, until in _all(connection, "rest", RestRow, order="space_id, family, address")
            ]
        ),
        delegations=tuple(
            [
                DelegationRecorded(key, owner, origin, from_text(6, network), *others)
                for key, owner, origin, network, *others in _all(connection, "delegation", DelegationRecorded)
            ]
        ),
        subscribers=tuple(
            [
                SubscriberRecorded(
                    tenant, key, mode, size, state, None if network is None else from_text(6, network), *others
                )
                for tenant, key, mode, size, state, network, *others in _all(
                    connection, "subscriber", SubscriberRecorded, order="tenant, id"
                )
            ]
        ),
        intents=tuple(
            [IntentRecorded(*row) for row in _all(connection, "intent WHERE state = 'pending'", IntentRecorded)]
        ),
    )


def _bindings(connection: Connection) -> tuple[BindingRecorded, ...]:
    # There may be a million of them: by columns, and words that most of them share are one object each.
    found: list[BindingRecorded] = []
    for piece in pieces(connection, _question("binding", BindingRecorded)):
        columns: list[Iterable[Any]] = list(zip(*piece, strict=True))
        columns[_ADDRESS] = map(from_text, columns[_FAMILY], columns[_ADDRESS])
        for place in _SHARED:
            columns[place] = map(intern, columns[place])
        found.extend(map(BindingRecorded._make, zip(*columns, strict=True)))
    return tuple(found)


def _question(table: str, kind: Any, order: str = "id") -> str:
    return f"SELECT {', '.join(kind._fields)} FROM {table} ORDER BY {order}"  # noqa: S608 - our own words


def _all(connection: Connection, table: str, kind: Any, *, order: str = "id") -> Iterator[Any]:
    return rows(connection, _question(table, kind, order))
