"""Moving deadlines to another clock: what runs keeps its length when the wall clock was set."""

from __future__ import annotations

import json

from sqlalchemy import Connection

from ipv6console.engine.clock import Era
from ipv6console.engine.protocol import Durability
from ipv6console.store.file import DatabaseFile

_SHIFT = "UPDATE usage SET since = since + ?, until = until + ?"
_LONGEST = "SELECT max(max(coalesce(lease_ttl, 0), coalesce(bad_cooldown, 0))) FROM mirror"
_BOUND = "UPDATE usage SET until = ? WHERE until > ?"
_BANS = "SELECT mirror_id, address_id, bans FROM usage WHERE bans IS NOT NULL"
_SPACES = (
    "UPDATE rest SET until = until + ?",
    "UPDATE binding SET expires_at = expires_at + ? WHERE expires_at IS NOT NULL",
    "UPDATE intent SET next_at = next_at + ? WHERE state = 'pending'",
)
_BAN = "UPDATE usage SET bans = ? WHERE mirror_id = ? AND address_id = ?"


def carry_over(file: DatabaseFile, era: Era, now: float, longest: float) -> float | None:
    """Move the times of leases, rests, cool-downs, bindings and pending steps to the clock of `era`; return by how many seconds they were moved.

    None when nothing is known of the clock they were written by. None of them ends later than `longest` seconds from `now`
    then, unless its mirror's own settings allow more. In one transaction with the note by which clock they are now: times
    that were moved and not noted would be moved once more.
    """
    told = file.connection.exec_driver_sql("SELECT boot, began FROM era").first()
    jump = None if told is None else era.since(Era(*told))
    if jump == 0.0:
        return jump
    with file.transaction(Durability.POWER) as connection:
        _move(connection, jump or 0.0, now, longest)
        connection.exec_driver_sql("INSERT OR REPLACE INTO era VALUES (1, ?, ?)", (era.boot, era.offset))
    return jump


def _move(connection: Connection, seconds: float, now: float, longest: float) -> None:
    own = connection.exec_driver_sql(_LONGEST).scalar()
    latest = now + max(longest, own or 0.0)
    if seconds:
        connection.exec_driver_sql(_SHIFT, (seconds, seconds))
        for shift in _SPACES:
            connection.exec_driver_sql(shift, (seconds,))
    connection.exec_driver_sql(_BOUND, (latest, latest))
    moved = [
        (_moved(bans, seconds, latest), mirror, address) for mirror, address, bans in connection.exec_driver_sql(_BANS)
    ]
    if moved:
        connection.exec_driver_sql(_BAN, moved)


def _moved(bans: str, seconds: float, latest: float) -> str:
    # As pool.ban writes them; a ban that ended has no time.
    told = {
        host: (strikes, min(until + seconds, latest) if until else until)
        for host, (strikes, until) in json.loads(bans).items()
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
