"""What a decision of the pool brought about, beside the changes to commit."""

from __future__ import annotations

from typing import NamedTuple

from ipv6console.pool.change import Change
from ipv6console.pool.lease import Lease


class Expiry(NamedTuple):
    """What time did: leases that ended, and rows whose bad verdict has cooled down and wants a check."""

    ended: tuple[Lease, ...]
    cooled: tuple[tuple[str, int], ...]
    changes: tuple[Change, ...]


class Withdrawal(NamedTuple):
    """Addresses that left the pool, and the leases that ended with them."""

    removed: int
    ended: tuple[Lease, ...]
    changes: tuple[Change, ...]
