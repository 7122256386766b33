"""Everything committed, read back into the rows of `pool.change`."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET6, inet_pton

from sqlalchemy import Connection

from ipv6console.pool.change import (
    MirrorRecorded,
    PrefixRecorded,
    RevocationRecorded,
    Snapshot,
    TokenRecorded,
    UsageRecorded,
)
from ipv6console.store.block import read_addresses
from ipv6console.store.rows import rows
from ipv6console.store.spacerows import read_spaces

_USAGES = (
    "SELECT mirror_id, address_id, status, token, holder, since, until, owned, strikes, uses, target, bans, process"
    " FROM usage{} ORDER BY since, mirror_id, address_id"
)
_STAYS = (
    " WHERE NOT EXISTS (SELECT 1 FROM address JOIN departure ON departure.prefix_id = address.prefix_id"
    " WHERE address.id = usage.address_id AND address.id < departure.below)"
)


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
    prefixes = rows(
        connection,
        "SELECT id, network, length, interface, source, state, first_seen, changed_at, held FROM prefix ORDER BY id",
    )
    addresses = read_addresses(connection)
    left = _read_departures(connection)
    mirrors = rows(
        connection,
        "SELECT id, name, created_at, draining, usable_num, lease_ttl, bad_cooldown, max_leases_per_64, check_urls"
        " FROM mirror ORDER BY id",
    )
    revocations = rows(connection, "SELECT network, length, reason, actor, at FROM revocation ORDER BY id")
    tokens = rows(
        connection, "SELECT name, digest, scope, created_at, created_by, tenant FROM token ORDER BY created_at, name"
    )
    whole, packed, family = int.from_bytes, inet_pton, AF_INET6
    return Snapshot(
        prefixes=tuple(
            [
                PrefixRecorded(
                    key, whole(packed(family, network)), length, interface, source, state, seen, changed, bool(held)
                )
                for key, network, length, interface, source, state, seen, changed, held in prefixes
            ]
        ),
        addresses=addresses.without(left) if left else addresses,
        spent=max(left.values(), default=0),
        mirrors=tuple(
            [MirrorRecorded(key, name, at, bool(draining), *rest) for key, name, at, draining, *rest in mirrors]
        ),
        usages=read_usages(connection),
        revocations=tuple(
            [RevocationRecorded(whole(packed(family, network)), *rest) for network, *rest in revocations]
        ),
        tokens=tuple([TokenRecorded(*row) for row in tokens]),
        space=read_spaces(connection),
    )


def read_usages(connection: Connection) -> tuple[UsageRecorded, ...]:
    """Return what mirrors know of addresses, by `since`."""
    usages = rows(
        connection,
        _USAGES.format(_STAYS if _read_departures(connection) else ""),
    )
    return tuple(
        [
            UsageRecorded(task, key, status, token, holder, since, until, bool(owned), *rest)
            for task, key, status, token, holder, since, until, owned, *rest in usages
        ]
    )


def _read_departures(connection: Connection) -> dict[int, int]:
    """Return of which prefixes rows have left that are still there, and below which id."""
    return dict(rows(connection, "SELECT prefix_id, below FROM departure"))
