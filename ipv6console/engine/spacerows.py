"""What is told of spaces, as documents made of their rows."""

from __future__ import annotations

from ipv6console.ipam.change import BindingRecorded, RangeRecorded, ReservationRecorded
from ipv6console.ipam.claim import decode_metadata, decode_tags
from ipv6console.ipam.space import Space
from ipv6console.ipam.span import Span, format_address
from ipv6console.wire.space import BindingRow, RangeRow, ReservationRow, SpaceRow


def space_row(space: Space) -> SpaceRow:
    """Return a space with its counts."""
    row, stats = space.row, space.stats()
    return SpaceRow(
        name=row.name,
        tenant=row.tenant,
        choice=row.choice,
        quarantine=row.quarantine,
        description=row.description,
        created_at=row.created_at,
        ranges=len(space.ranges()),
        **stats._asdict(),
    )


def range_row(space: Space, record: RangeRecorded) -> RangeRow:
    """Return a range of `space` with its counts."""
    stats = space.range_stats(record.id)
    return RangeRow(
        id=record.id,
        space=space.row.name,
        family=record.family,
        first=format_address(record.family, record.first),
        last=format_address(record.family, record.last),
        cidr=Span(record.family, record.first, record.last).cidr,
        description=record.description,
        created_at=record.created_at,
        total=stats.total,
        allocated=stats.allocated,
        reserved=stats.reserved,
    )


def reservation_row(space: Space, record: ReservationRecorded) -> ReservationRow:
    """Return a reservation of `space`."""
    return ReservationRow(
        id=record.id,
        space=space.row.name,
        family=record.family,
        first=format_address(record.family, record.first),
        last=format_address(record.family, record.last),
        cidr=Span(record.family, record.first, record.last).cidr,
        reason=record.reason,
        actor=record.actor,
        at=record.at,
    )


def binding_row(space: str, record: BindingRecorded) -> BindingRow:
    """Return a binding of the space with the name `space`."""
    return BindingRow(
        space=space,
        address=format_address(record.family, record.address),
        instance=record.instance,
        id=record.key,
        kind=record.kind,
        resource=record.resource,
        tags=decode_tags(record.tags),
        metadata=decode_metadata(record.metadata),
        actor=record.actor,
        allocated_at=record.allocated_at,
        expires_at=record.expires_at,
    )
