"""Writing changes and events: every kind of row has its statement, and runs of one kind go to the driver at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from sqlite3 import Connection as Driver
from typing import Any

from sqlalchemy import Connection

from ipv6console.engine.protocol import Change
from ipv6console.pool.address import format_address
from ipv6console.pool.change import (
    AddressAdded,
    AddressRemoved,
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
from ipv6console.store.plan import Plan, insert, insert_once, upsert
from ipv6console.store.rows import driver_of
from ipv6console.store.schema import address, history, kept_event, mirror, prefix, revocation, token, usage
from ipv6console.store.spaceplans import SPACE_PLANS
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
        _write(driver, _PLANS[kind], list(run))
    if ended:
        _write(driver, _PLANS[LeaseEnded], ended)
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


def _write(driver: Driver, plan: Plan, changes: list[Any]) -> None:
    rows = changes if plan.row is None else [plan.row(change) for change in changes]
    for statement in plan.statements:
        if plan.parameters:
            driver.executemany(statement, rows)
        else:
            driver.execute(statement)
    for next_plan in plan.then:
        _write(driver, next_plan, changes)


def _prefix_row(change: PrefixRecorded) -> tuple[Any, ...]:
    return (change.id, format_address(change.network), *change[2:])


def _address_row(change: AddressAdded) -> tuple[Any, ...]:
    return (change.id, change.prefix_id, format_address(change.address), change.verified_at)


def _revocation_row(change: RevocationRecorded) -> tuple[Any, ...]:
    return (format_address(change.network), *change[1:])


def _history_row(change: LeaseEnded) -> tuple[Any, ...]:
    return (format_address(change.address), *change[1:])


_KEEP = insert_once(kept_event)

# Every row there is now; those of an earlier departure that are not deleted yet are among them.
_DEPART = (
    "INSERT INTO departure SELECT id, 0, (SELECT max(id) + 1 FROM address) FROM prefix"
    " WHERE {} AND EXISTS (SELECT 1 FROM address) ON CONFLICT DO UPDATE SET below = excluded.below"
)

_PLANS: dict[type, Plan] = {
    PrefixRecorded: Plan((upsert(prefix),), _prefix_row),
    PrefixEmptied: Plan((_DEPART.format("id = ?"),)),
    AddressAdded: Plan((insert(address),), _address_row),
    AddressRemoved: Plan(("DELETE FROM address WHERE id = ?",)),
    PoolEmptied: Plan((_DEPART.format("true"),), parameters=False),
    MirrorRecorded: Plan((upsert(mirror),)),
    MirrorFlushed: Plan(("DELETE FROM usage WHERE mirror_id = ?",)),
    UsageRecorded: Plan((upsert(usage),)),
    LeaseEnded: Plan((insert(history, leave_out=("id",)),), _history_row),
    TokenRecorded: Plan((insert(token),)),
    TokenRevoked: Plan(("DELETE FROM token WHERE name = ?",)),
    RevocationRecorded: Plan((insert(revocation, leave_out=("id",)),), _revocation_row),
    **SPACE_PLANS,
}
