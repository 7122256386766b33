"""Why an address cannot be had, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from ipv6console.ipam.change import BindingRecorded, DelegationRecorded, ReservationRecorded
from ipv6console.ipam.errors import AlreadyAllocated, IpamError, NotAvailable, PoolFull
from ipv6console.ipam.line import Line, Use, block_of, span_of
from ipv6console.ipam.span import Span, format_address


def unavailable(line: Line, address: int, *, of: Span | None = None) -> IpamError:
    """Return why an address that is not free cannot be bound, or, when it is `of` a span, why that cannot be reserved."""
    shown = format_address(line.family, address)
    if of is not None and of.size > 1:
        shown = f"{of} cannot be reserved, for {shown}"
    match line.owner(address):
        case BindingRecorded() as binding:
            return AlreadyAllocated(
                f"{shown} is bound to {binding.key} of {binding.instance}",
                next="release that binding first, or choose other addresses",
            )
        case ReservationRecorded() as reservation:
            return NotAvailable(
                f"{shown} is in reservation {reservation.id}, {span_of(reservation)}",
                next="end that reservation first, or choose addresses outside it",
            )
        case DelegationRecorded() as delegation:
            return NotAvailable(
                f"{shown} is in {block_of(delegation)}, which is delegated to {delegation.subscriber}",
                next="choose addresses outside delegated prefixes",
            )
    if address in line.rests:
        return NotAvailable(
            f"{shown} rests since it was released", next="ask again when it has rested, or for another address"
        )
    return NotAvailable(
        f"{shown} is outside every range of the space", next="choose an address of a range, or add a range"
    )


def beyond(span: Span) -> NotAvailable:
    """Return why a span that does not lie in one range cannot be reserved."""
    return NotAvailable(
        f"{span} is not within one range of the space",
        next="reserve addresses of a range; those of several ranges one range after the other",
    )


def full(space: str, uses: Sequence[Use], family: int | None) -> PoolFull:
    """Return why a space has no address of a family (None: of any), whose ranges these are, to give."""
    what = "address" if family is None else f"IPv{family} address"
    if not uses:
        return PoolFull(f"space {space} has no {what}: it has no range of them", next="add a range to the space")
    resting = sum(use.resting for use in uses)
    return PoolFull(
        f"space {space} has no {what} left: {sum(use.allocated for use in uses)} are allocated,"
        f" {sum(use.reserved for use in uses)} reserved, {resting} rest since they were released",
        next=("wait until one has rested, " if resting else "release some, ") + "or add a range to the space",
    )


def bound_elsewhere(held: BindingRecorded, wanted: str) -> AlreadyAllocated:
    """Return why an (instance, id) cannot have what is `wanted` besides what it has."""
    return AlreadyAllocated(
        f"{held.key} of {held.instance} has {format_address(held.family, held.address)} and cannot have {wanted} too",
        next="release its binding first, or use another id",
    )
