"""Moving deadlines to another clock: what runs keeps its length when the wall clock was set."""

from __future__ import annotations

import json

from ipv6console.engine.protocol import Durability
from ipv6console.store.file import DatabaseFile

_MOVE = "UPDATE usage SET since = since + ?, until = until + ?"
_LONGEST = "SELECT max(max(coalesce(lease_ttl, 0), coalesce(bad_cooldown, 0))) FROM mirror"
_BOUND = "UPDATE usage SET until = ? WHERE until > ?"
_BANS = "SELECT mirror_id, address_id, bans FROM usage WHERE bans IS NOT NULL"
_BAN = "UPDATE usage SET bans = ? WHERE mirror_id = ? AND address_id = ?"


def move_deadlines(file: DatabaseFile, seconds: float, now: float, longest: float) -> None:
    """Move the times of leases, rests and cool-downs by `seconds`; then none ends later than `longest` seconds from `now`.

    A mirror whose own settings allow more is let have it.
    """
    with file.transaction(Durability.POWER) as connection:
        own = connection.exec_driver_sql(_LONGEST).scalar()
        latest = now + max(longest, own or 0.0)
        if seconds:
            connection.exec_driver_sql(_MOVE, (seconds, seconds))
        connection.exec_driver_sql(_BOUND, (latest, latest))
        moved = [
            (_moved(bans, seconds, latest), mirror, address)
            for mirror, address, bans in connection.exec_driver_sql(_BANS)
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
