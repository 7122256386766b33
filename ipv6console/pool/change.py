"""Changes: what the pool decided, as rows to commit, and the snapshot they add up to.

Times are unix seconds. Identifiers are small integers the pool hands out; addresses and networks are 128-bit integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ipv6console.ipam.change import SpaceSnapshot


class PrefixRecorded(NamedTuple):
    """A prefix was first seen or its state changed; replaces the row with the same id.

    `held` says that an operator drained it.
    """

    id: int
    network: int
    length: int
    interface: str
    source: str
    state: str
    first_seen: float
    changed_at: float
    held: bool = False


class PrefixEmptied(NamedTuple):
    """All addresses of the prefix left the pool, their usage in every mirror with them."""

    prefix_id: int


class AddressAdded(NamedTuple):
    """A verified address entered the pool."""

    id: int
    prefix_id: int
    address: int
    verified_at: float


class AddressRemoved(NamedTuple):
    """An address left the pool, its usage in every mirror with it."""

    id: int


class PoolEmptied(NamedTuple):
    """Every address left the pool, all usage with them."""


class MirrorRecorded(NamedTuple):
    """A mirror was made or its settings changed; replaces the row with the same id.

    None means that the mirror does as the pool does; `check_urls` are separated by spaces.
    """

    id: int
    name: str
    created_at: float
    draining: bool
    usable_num: int | None = None
    lease_ttl: float | None = None
    bad_cooldown: float | None = None
    max_leases_per_64: int | None = None
    check_urls: str = ""


class MirrorFlushed(NamedTuple):
    """The mirror's usage is forgotten."""

    mirror_id: int


class UsageRecorded(NamedTuple):
    """What one mirror knows of one address; replaces the row with the same (mirror_id, address_id).

    `status` is idle, using, resting or bad; `until` ends a lease, a rest or a cool-down; `owned` says that the lease's
    token was shown back; `strikes` counts bad verdicts in a row that named no host; `uses` counts picks; `since` is the
    last change; `target` is the host a lease was picked for, `process` who holds it as the engine saw it. `bans` is JSON:
    {host: [its bad verdicts in a row, until when or 0]}, the host "" standing for all when others are named.
    """

    mirror_id: int
    address_id: int
    status: str
    token: str | None
    holder: str | None
    since: float
    until: float | None
    owned: bool
    strikes: int
    uses: int
    target: str | None = None
    bans: str | None = None
    process: str | None = None


class LeaseEnded(NamedTuple):
    """A lease has ended, for the history; `verdict` is idle, bad, expired, lost, flushed, revoked or reset.

    `target` is the host the verdict names, `process` who held it as the engine saw it.
    """

    address: int
    mirror: str
    holder: str
    since: float
    until: float
    verdict: str
    target: str | None = None
    reason: str | None = None
    process: str | None = None


class TokenRecorded(NamedTuple):
    """A bearer token was made; `digest` is the SHA-256 of its secret, in hexadecimal.

    `tenant` is whose spaces and subscribers alone it may see, None for all.
    """

    name: str
    digest: str
    scope: str
    created_at: float
    created_by: str
    tenant: str | None = None


class TokenRevoked(NamedTuple):
    """A bearer token is no longer valid."""

    name: str


class RevocationRecorded(NamedTuple):
    """Addresses withdrawn for good; a single address has length 128."""

    network: int
    length: int
    reason: str
    actor: str
    at: float


Change = (
    PrefixRecorded
    | PrefixEmptied
    | AddressAdded
    | AddressRemoved
    | PoolEmptied
    | MirrorRecorded
    | MirrorFlushed
    | UsageRecorded
    | LeaseEnded
    | RevocationRecorded
    | TokenRecorded
    | TokenRevoked
)


class Snapshot(NamedTuple):
    """Everything committed, as a pool is restored from it; rows ordered by id, usage by `since`.

    Ids of addresses below `spent` are not to be given out again.
    """

    prefixes: tuple[PrefixRecorded, ...] = ()
    addresses: Sequence[AddressAdded] = ()
    mirrors: tuple[MirrorRecorded, ...] = ()
    usages: tuple[UsageRecorded, ...] = ()
    revocations: tuple[RevocationRecorded, ...] = ()
    tokens: tuple[TokenRecorded, ...] = ()
    space: SpaceSnapshot = SpaceSnapshot()
    spent: int = 0
