"""Spaces, ranges, reservations and bindings as they cross the socket. Times are unix seconds, addresses text (RFC 5952).

Counts are exact integers, up to 2^128: JSON has no bound for them, though some readers do.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRow:
    """One space: total = allocated + reserved + resting + available; `delegated` prefixes count as allocated.

    `choice` is random or first; `quarantine` seconds; `tenant` "" is everybody's.
    """

    name: str
    tenant: str
    choice: str
    quarantine: float
    description: str
    created_at: float
    ranges: int
    total: int
    allocated: int
    reserved: int
    resting: int
    available: int
    bindings: int
    delegations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacePage:
    """All spaces the caller may see."""

    spaces: tuple[SpaceRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRequest:
    """A space to make."""

    name: str
    choice: str = "random"
    quarantine: float = 3_600.0
    description: str = ""
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRow:
    """One range; `cidr` is None when it is not one block. Counts are within the range."""

    id: int
    space: str
    family: int
    first: str
    last: str
    cidr: str | None
    description: str
    created_at: float
    total: int
    allocated: int
    reserved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RangePage:
    """Ranges, ordered by family and first address."""

    ranges: tuple[RangeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRequest:
    """A range to add: `range` is a CIDR, FIRST-LAST or one address."""

    space: str
    range: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRow:
    """Addresses that are never handed out."""

    id: int
    space: str
    family: int
    first: str
    last: str
    cidr: str | None
    reason: str
    actor: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationPage:
    """Reservations, ordered by family and first address."""

    reservations: tuple[ReservationRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRequest:
    """Addresses to reserve: `range` is a CIDR, FIRST-LAST or one address."""

    space: str
    range: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingRow:
    """One binding: `id` is the caller's own name for it within `instance`, `resource` what the address is for."""

    space: str
    address: str
    instance: str
    id: str
    kind: str
    resource: str
    tags: tuple[str, ...]
    metadata: dict[str, str]
    actor: str
    allocated_at: float
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingPage:
    """Bindings; `next` continues the list (the `cursor` of the next request), None at its end."""

    bindings: tuple[BindingRow, ...]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingRequest:
    """An address to bind: a certain one with `address`, else any that is free.

    `family` 4 or 6 says of which when the space has both and it matters; `ttl` seconds until it ends by itself. Asking
    again for the same (instance, id) returns what is bound.
    """

    space: str
    instance: str
    id: str
    kind: str = "custom:other"
    resource: str = ""
    address: str | None = None
    family: int | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    ttl: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingReply:
    """The binding; `created` is false when it was there already."""

    binding: BindingRow
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingsReply:
    """Bindings of a bulk request, in its order: all of them or none."""

    bindings: tuple[BindingReply, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingReleased:
    """What a release ended: how many, and up to 20 of them."""

    count: int
    sample: tuple[BindingRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingChange:
    """One entry of the history of bindings: what was ended, when and why (released, expired, instance)."""

    binding: BindingRow
    ended_at: float
    reason: str
    ended_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingHistory:
    """Ended bindings, the newest first."""

    changes: tuple[BindingChange, ...]
