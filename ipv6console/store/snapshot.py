"""Everything committed, read back into the rows of `pool.change`."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from socket import AF_INET6, inet_pton
from typing import Any

from sqlalchemy import Connection

from ipv6console.pool.change import (
    MirrorRecorded,
    PrefixRecorded,
    RevocationRecorded,
    Snapshot,
    TokenRecorded,
    UsageRecorded,
)
from ipv6console.pool.columns import AddressColumns

_AT_ONCE = 1_000


def read_snapshot(connection: Connection) -> Snapshot:
    """Return the committed state; rows by id, usage by `since`, tokens by age, revocations in the order they were recorded."""
    with _collector_at_rest():
        return _read(connection)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    # A million new tuples, none of them garbage, would be walked through again and again while they are being made.
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _read(connection: Connection) -> Snapshot:
    prefixes = _rows(
        connection,
        "SELECT id, network, length, interface, source, state, first_seen, changed_at, held FROM prefix ORDER BY id",
    )
    addresses = AddressColumns()
    packed, family = inet_pton, AF_INET6
    for rows in _pieces(connection, "SELECT id, prefix_id, address, verified_at FROM address ORDER BY id"):
        # There may be a million addresses and they were written by us: no call of our own for each of them.
        ids, owners, texts, times = zip(*rows, strict=True)
        addresses.extend(ids, owners, [packed(family, text) for text in texts], times)
    mirrors = _rows(
        connection,
        "SELECT id, name, created_at, draining, usable_num, lease_ttl, bad_cooldown, max_leases_per_64, check_urls"
        " FROM mirror ORDER BY id",
    )
    usages = _rows(
        connection,
        "SELECT mirror_id, address_id, status, token, holder, since, until, owned, strikes, uses, target, bans, process"
        " FROM usage ORDER BY since, mirror_id, address_id",
    )
    revocations = _rows(connection, "SELECT network, length, reason, actor, at FROM revocation ORDER BY id")
    tokens = _rows(
        connection, "SELECT name, digest, scope, created_at, created_by FROM token ORDER BY created_at, name"
    )
    whole = int.from_bytes
    return Snapshot(
        prefixes=tuple(
            [
                PrefixRecorded(
                    key, whole(packed(family, network)), length, interface, source, state, seen, changed, bool(held)
                )
                for key, network, length, interface, source, state, seen, changed, held in prefixes
            ]
        ),
        addresses=addresses,
        mirrors=tuple(
            [MirrorRecorded(key, name, at, bool(draining), *rest) for key, name, at, draining, *rest in mirrors]
        ),
        usages=tuple(
            [
                UsageRecorded(task, key, status, token, holder, since, until, bool(owned), *rest)
                for task, key, status, token, holder, since, until, owned, *rest in usages
            ]
        ),
        revocations=tuple(
            [RevocationRecorded(whole(packed(family, network)), *rest) for network, *rest in revocations]
        ),
        tokens=tuple([TokenRecorded(*row) for row in tokens]),
    )


def _rows(connection: Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    return chain.from_iterable(_pieces(connection, sql))


def _pieces(connection: Connection, sql: str) -> Iterator[Sequence[tuple[Any, ...]]]:
    # The driver's own cursor: SQLAlchemy's row objects would more than double the time of a load.
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        while rows := cursor.fetchmany(_AT_ONCE):
            yield rows
    finally:
        cursor.close()
