"""Reading the kept events in pieces, so that commits get in between."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, select

from ipv6console.store.file import DatabaseFile
from ipv6console.store.schema import kept_event as table
from ipv6console.wire.event import LEVELS, Event, EventFilter, EventLevel

_AT_ONCE = 10_000
"""Events one piece looks at."""

Condition = ColumnElement[bool]


def read_events(
    file: DatabaseFile, since: int, before: int, wanted: EventFilter, limit: int, *, newest: bool
) -> tuple[list[Event], tuple[int, int] | None]:
    """Return up to `limit` wanted events of one piece with since < id < before, and the bounds of what is left to read.

    The piece is at the old end of the bounds, or with `newest` at the new end; events come in that order.
    """
    order = table.c.id.desc() if newest else table.c.id
    bounds: list[Condition] = [table.c.id > since, table.c.id < before]
    walk = select(table.c.id).where(*bounds).order_by(order).limit(1).offset(_AT_ONCE - 1)
    last = file.connection.execute(walk).scalar()
    left: tuple[int, int] | None = None
    if last is not None:
        left = (since, last) if newest else (last, before)
        bounds.append(table.c.id >= last if newest else table.c.id <= last)
    found = select(table).where(*bounds, *_conditions(wanted)).order_by(order).limit(limit)
    return [_event(row) for row in file.connection.execute(found)], left


def _conditions(wanted: EventFilter) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.level is not None:
        loud = LEVELS[LEVELS.index(wanted.level) :]
        conditions.append(table.c.level.in_([level.value for level in loud]))
    if wanted.kind is not None:
        conditions.append(table.c.kind.startswith(wanted.kind, autoescape=True))
    if wanted.subject is not None:
        conditions.append(table.c.subject == wanted.subject)
    if wanted.actor is not None:
        conditions.append(table.c.actor.icontains(wanted.actor, autoescape=True))
    if wanted.text is not None:
        conditions.append(table.c.text.icontains(wanted.text, autoescape=True))
    if wanted.start is not None:
        conditions.append(table.c.at >= wanted.start)
    if wanted.until is not None:
        conditions.append(table.c.at < wanted.until)
    return conditions


def _event(row: Any) -> Event:
    return Event(
        id=row.id,
        at=row.at,
        level=EventLevel(row.level),
        kind=row.kind,
        text=row.text,
        subject=row.subject,
        actor=row.actor,
        data=json.loads(row.data),
    )
