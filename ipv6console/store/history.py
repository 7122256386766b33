"""Reading the history: the newest leases, and who bans us; in pieces, so that commits get in between."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select, tuple_

from ipv6console.pool.address import parse_address
from ipv6console.pool.change import LeaseEnded
from ipv6console.store.file import DatabaseFile
from ipv6console.store.lookup import Question
from ipv6console.store.schema import BAN
from ipv6console.store.schema import history as table
from ipv6console.wire.target import TargetRow

_AT_ONCE = 10_000
"""Rows one piece looks at."""

Condition = ColumnElement[bool]

_COLUMNS = [column for column in table.columns if column.name != "id"]
_place = tuple_(table.c.until, table.c.id)
_names = tuple_(table.c.mirror, table.c.target)


class Place(NamedTuple):
    """Where in the history to go on, towards older leases; those of one `until` are told apart by `id`."""

    until: float
    id: int


class Pair(NamedTuple):
    """Where in the bad verdicts to go on."""

    mirror: str
    target: str


NEWEST = Place(math.inf, 0)
"""Above every lease."""

FIRST = Pair("", "")
"""Below every other pair."""


def read_piece(
    file: DatabaseFile, start: Place, question: Question, limit: int
) -> tuple[list[LeaseEnded], Place | None]:
    """Return up to `limit` leases found in one piece from `start` on, and where the next begins, None at the end."""
    conditions: list[Condition] = [_place < start]
    if question.at is not None:
        conditions.append(table.c.until >= question.at)
    newest_first = (table.c.until.desc(), table.c.id.desc())
    walk = select(table.c.until, table.c.id).where(*conditions).order_by(*newest_first).limit(1).offset(_AT_ONCE - 1)
    last = file.connection.execute(walk).first()
    end = None if last is None else Place(*last)
    if end is not None:
        conditions.append(_place >= end)
    leases = select(*_COLUMNS).where(*conditions, *question.conditions()).order_by(*newest_first).limit(limit)
    rows: list[Any] = list(file.connection.execute(leases))
    return [LeaseEnded(parse_address(text), *rest) for text, *rest in rows], end


def read_targets(
    file: DatabaseFile, start: Pair, mirror: str | None, limit: int
) -> tuple[list[TargetRow], Pair | None]:
    """Return the `limit` hosts with most bad verdicts in one piece from `start` on, and where the next begins."""
    piece: list[Condition] = [BAN, _names >= start]
    if mirror is not None:
        piece.append(table.c.mirror == mirror)
    end = _pair(file, piece, _AT_ONCE)
    if end == start:
        # One host alone fills more than a piece.
        end = _pair(file, [*piece, _names > start], 0)
    if end is not None:
        piece.append(_names < end)
    bans, last_at = func.count().label("bans"), func.max(table.c.until).label("last_at")
    best = (
        select(table.c.mirror, table.c.target, bans, func.count(table.c.address.distinct()).label("addresses"), last_at)
        .where(*piece)
        .group_by(table.c.mirror, table.c.target)
        .order_by(bans.desc(), last_at.desc())
        .limit(limit)
        .subquery("best")
    )
    reason = (
        select(table.c.reason)
        .where(BAN, table.c.mirror == best.c.mirror, table.c.target == best.c.target)
        .order_by(table.c.until.desc(), table.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows: list[Any] = list(file.connection.execute(select(*best.c, reason)))
    return [
        TargetRow(dbname=name, target=target, bans=count, addresses=addresses, last_at=at, last_reason=why)
        for name, target, count, addresses, at, why in rows
    ], end


def _pair(file: DatabaseFile, conditions: list[Condition], offset: int) -> Pair | None:
    pairs = select(table.c.mirror, table.c.target).where(*conditions).order_by(table.c.mirror, table.c.target)
    row = file.connection.execute(pairs.limit(1).offset(offset)).first()
    return None if row is None else Pair(*row)
