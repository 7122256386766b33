"""What scrapers wish, and what it comes to: changes to commit, and the reply once they are durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import NamedTuple

from ipv6console.engine.caller import Caller
from ipv6console.engine.errors import InvalidRequest
from ipv6console.pool.address import format_address
from ipv6console.pool.change import Change, UsageRecorded
from ipv6console.pool.lease import Lease
from ipv6console.pool.mirror import Mirror
from ipv6console.pool.pool import Pool
from ipv6console.wire.reply import PickedLease, PickReply, PicksReply, Reply


class Wish(NamedTuple):
    """What a pick asks for; `ttl` is seconds, `host` the one it is for, None when it names none."""

    dbname: str
    holder: str
    process: str | None
    ttl: float | None
    host: str | None

    def take(self, pool: Pool, mirror: Mirror, now: float) -> tuple[Lease, UsageRecorded] | None:
        """Lease one address if there is one."""
        return pool.lease(mirror, now, holder=self.holder, process=self.process, ttl=self.ttl, target=self.host)


class Decision(NamedTuple):
    """What a request came to: memory is as it says already, the store is not.

    `since` is when it was made. `reply` makes the answer, which is given once `changes` are committed; `leases` are those
    it made, which nobody but the caller will know of. It is a `pick` when how long it takes is counted as one.
    """

    since: float
    changes: Sequence[Change]
    leases: Sequence[Lease]
    reply: Callable[[], PickReply | PicksReply | Reply]
    pick: bool = False


def wish(dbname: str, caller: Caller, *, ttl: float | None, holder: str | None, target: str | None) -> Wish:
    """Return what `caller` wishes; raises InvalidRequest."""
    if ttl is not None:
        check_ttl(ttl)
    return Wish(dbname, (holder or caller.label)[:200], caller.process, ttl, host_of(target))


def check_ttl(ttl: float) -> None:
    """Raise InvalidRequest for a length of time no lease can have."""
    if not (isfinite(ttl) and ttl > 0):
        raise InvalidRequest(f"a ttl of {ttl} seconds has no meaning", next="give a number above 0, or leave it out")


def host_of(target: str | None) -> str | None:
    """Return a host as bans are counted for it: names know no case (RFC 4343)."""
    return (target.strip().rstrip(".").lower() or None) if target else None


def picked(lease: Lease) -> PickReply:
    """Return the answer to a pick that got a lease."""
    return PickReply(
        success=True,
        addr=format_address(lease.address),
        dbname=lease.mirror,
        lease=lease.token,
        expires_at=lease.until,
        ttl=lease.until - lease.since,
    )


def several_picked(dbname: str, leases: Sequence[Lease], detail: str | None) -> PicksReply:
    """Return the answer to a pick of several."""
    rows = tuple(
        PickedLease(
            addr=format_address(lease.address),
            lease=lease.token,
            expires_at=lease.until,
            ttl=lease.until - lease.since,
        )
        for lease in leases
    )
    return PicksReply(
        success=bool(rows), addrs=tuple(row.addr for row in rows), dbname=dbname, leases=rows, detail=detail
    )
