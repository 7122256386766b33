"""What has ended of spaces and subscribers: bindings, timelines, and steps of the outbox."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_

from ipv6console.engine.protocol import Durability
from ipv6console.ipam.change import BindingRecorded, IntentPlace, IntentRecorded, PastBinding, TransitionRecorded
from ipv6console.store.file import DatabaseFile
from ipv6console.store.inet import from_text, to_text
from ipv6console.store.spacetables import binding_history, intent, space, transition

_FORGOTTEN_AT_ONCE = 1_000
# Their ids grow with the time, so the oldest are found without an index on it.
_FORGET_BINDINGS = (
    "DELETE FROM binding_history WHERE id IN (SELECT id FROM binding_history ORDER BY id LIMIT ?) AND ended_at < ?"
)


def read_past_bindings(
    file: DatabaseFile, space_id: int, address: tuple[int, int] | None, instance: str | None, limit: int
) -> tuple[PastBinding, ...]:
    """Return up to `limit` ended bindings of a space, the last ended first.

    Of one address, with its family before it, of one instance; None is any.
    """
    table = binding_history.c
    # A space that is no more may have had the same number.
    made = select(space.c.created_at).where(space.c.id == space_id).scalar_subquery()
    conditions: list[ColumnElement[bool]] = [table.space_id == space_id, table.ended_at >= made]
    if address is not None:
        conditions += [table.address == to_text(*address), table.family == address[0]]
    if instance is not None:
        conditions.append(table.instance == instance)
    columns = [column for column in table if column.name not in {"id", "space"}]
    found = select(*columns).where(*conditions).order_by(table.id.desc()).limit(limit)
    return tuple(_past(*row) for row in file.connection.execute(found))


def forget_past_bindings(file: DatabaseFile, before: float) -> tuple[int, bool]:
    """Delete some bindings that ended before `before`; return how many, and whether there may be more."""
    with file.transaction(Durability.PROCESS) as connection:
        count = connection.exec_driver_sql(_FORGET_BINDINGS, (_FORGOTTEN_AT_ONCE, before)).rowcount
    return count, count == _FORGOTTEN_AT_ONCE


def read_transitions(file: DatabaseFile, tenant: str, subscriber: str, limit: int) -> tuple[TransitionRecorded, ...]:
    """Return up to `limit` entries of one subscriber's timeline, the newest first."""
    table = transition.c
    columns = [column for column in table if column.name != "id"]
    mine = (table.tenant == tenant, table.subscriber == subscriber)
    found = select(*columns).where(*mine).order_by(table.id.desc()).limit(limit)
    return tuple(TransitionRecorded(*row) for row in file.connection.execute(found))


def read_ended_intents(
    file: DatabaseFile,
    tenant: str | None,
    state: str | None,
    before: IntentPlace | None,
    limit: int,
    *,
    subscriber: str | None = None,
) -> tuple[IntentRecorded, ...]:
    """Return up to `limit` intents that ended, the last one first, below `before`; None is any."""
    table = intent.c
    conditions = _ended(tenant, state, subscriber)
    if before is not None:
        # The first alone is what an index helps with.
        conditions += [table.changed_at <= before.changed_at, tuple_(table.changed_at, table.id) < tuple_(*before)]
    newest_first = (table.changed_at.desc(), table.id.desc())
    found = select(intent).where(*conditions).order_by(*newest_first).limit(limit)
    return tuple(IntentRecorded(*row) for row in file.connection.execute(found))


def count_ended_intents(
    file: DatabaseFile, tenant: str | None, state: str | None, subscriber: str | None = None
) -> int:
    """Return how many intents ended; None is any."""
    wanted = select(func.count()).select_from(intent).where(*_ended(tenant, state, subscriber))
    return int(file.connection.execute(wanted).scalar_one())


def _ended(tenant: str | None, state: str | None, subscriber: str | None) -> list[ColumnElement[bool]]:
    table = intent.c
    conditions: list[ColumnElement[bool]] = [table.state != "pending"]
    if tenant is not None:
        conditions.append(table.tenant == tenant)
    if subscriber is not None:
        conditions.append(table.subscriber == subscriber)
    if state is not None:
        conditions.append(table.state == state)
    return conditions


def _past(*row: Any) -> PastBinding:
    key, owner, family, text, *others = row[:-3]
    return PastBinding(BindingRecorded(key, owner, family, from_text(family, text), *others), *row[-3:])
