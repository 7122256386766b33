"""The engine's endpoints for address spaces, one function each: what to send, and the document that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipv6console.client.request import EngineRequest
from ipv6console.client.writing import given, segment
from ipv6console.wire.codec import encode
from ipv6console.wire.space import (
    BindingHistory,
    BindingPage,
    BindingReleased,
    BindingReply,
    BindingRequest,
    BindingRow,
    BindingsReply,
    RangePage,
    RangeRequest,
    RangeRow,
    ReservationPage,
    ReservationRequest,
    ReservationRow,
    SpacePage,
    SpaceRequest,
    SpaceRow,
)


def spaces() -> EngineRequest[SpacePage]:
    """Ask for every space the caller may see, with its counts."""
    return EngineRequest(SpacePage, "GET", "/spaces")


def space(name: str) -> EngineRequest[SpaceRow]:
    """Ask for one space."""
    return EngineRequest(SpaceRow, "GET", f"/spaces/{segment(name)}")


def create_space(
    name: str,
    *,
    choice: str = "random",
    quarantine: float = 3_600.0,
    description: str = "",
    tenant: str | None = None,
) -> EngineRequest[SpaceRow]:
    """Make a space; `choice` is random or first, `quarantine` seconds an address rests. An operator's act."""
    request = SpaceRequest(name=name, choice=choice, quarantine=quarantine, description=description, tenant=tenant)
    return EngineRequest(SpaceRow, "POST", "/spaces", json=given(**encode(request)))


def remove_space(name: str) -> EngineRequest[SpaceRow]:
    """Remove a space in which nothing is bound; its ranges and reservations go with it. An operator's act."""
    return EngineRequest(SpaceRow, "DELETE", f"/spaces/{segment(name)}")


def ranges(space: str | None = None) -> EngineRequest[RangePage]:
    """Ask for the ranges of one space, or of all."""
    return EngineRequest(RangePage, "GET", "/ranges", given(space=space))


def add_range(space: str, range: str, *, description: str = "") -> EngineRequest[RangeRow]:  # noqa: A002 - the document's word
    """Add a range, a CIDR, FIRST-LAST or one address, to a space. An operator's act."""
    request = RangeRequest(space=space, range=range, description=description)
    return EngineRequest(RangeRow, "POST", "/ranges", json=encode(request))


def remove_range(number: int) -> EngineRequest[RangeRow]:
    """Take a range out of its space; nothing of it may be bound. An operator's act."""
    return EngineRequest(RangeRow, "DELETE", f"/ranges/{number}")


def reservations(space: str | None = None) -> EngineRequest[ReservationPage]:
    """Ask for the reservations of one space, or of all."""
    return EngineRequest(ReservationPage, "GET", "/reservations", given(space=space))


def reserve(space: str, range: str, *, reason: str = "") -> EngineRequest[ReservationRow]:  # noqa: A002 - the document's word
    """Keep addresses of a space, a CIDR, FIRST-LAST or one, from being handed out. An operator's act."""
    request = ReservationRequest(space=space, range=range, reason=reason)
    return EngineRequest(ReservationRow, "POST", "/reservations", json=encode(request))


def unreserve(number: int) -> EngineRequest[ReservationRow]:
    """End a reservation. An operator's act."""
    return EngineRequest(ReservationRow, "DELETE", f"/reservations/{number}")


def bind(
    space: str,
    instance: str,
    id: str,  # noqa: A002 - the document's word
    *,
    kind: str = "custom:other",
    resource: str = "",
    address: str | None = None,
    family: int | None = None,
    tags: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
    ttl: float | None = None,
) -> EngineRequest[BindingReply]:
    """Bind an address, a certain one or any, to a resource; what (instance, id) has already is returned again."""
    request = BindingRequest(
        space=space,
        instance=instance,
        id=id,
        kind=kind,
        resource=resource,
        address=address,
        family=family,
        tags=tuple(tags),
        metadata=dict(metadata or {}),
        ttl=ttl,
    )
    return EngineRequest(BindingReply, "POST", "/bindings", json=_asked(request))


def bind_all(requests: Sequence[BindingRequest]) -> EngineRequest[BindingsReply]:
    """Bind up to 1,000 addresses, all of them or none. An operator's act."""
    return EngineRequest(BindingsReply, "POST", "/bindings/bulk", json={"bindings": [_asked(one) for one in requests]})


def binding(space: str, address: str) -> EngineRequest[BindingRow]:
    """Ask what an address is bound to."""
    return EngineRequest(BindingRow, "GET", _place(space, address))


def bindings(
    *,
    space: str | None = None,
    instance: str | None = None,
    id: str | None = None,  # noqa: A002 - the document's word
    kind: str | None = None,
    resource: str | None = None,
    address: str | None = None,
    tag: str | None = None,
    text: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> EngineRequest[BindingPage]:
    """Ask for bindings that fit every filter; `address` is one or a CIDR, `cursor` the `next` of the page before."""
    filters = given(
        space=space,
        instance=instance,
        id=id,
        kind=kind,
        resource=resource,
        address=address,
        tag=tag,
        text=text,
        cursor=cursor,
        limit=limit,
    )
    return EngineRequest(BindingPage, "GET", "/bindings", filters)


def release_binding(space: str, address: str) -> EngineRequest[BindingReleased]:
    """Release the binding of an address. An operator's act."""
    return EngineRequest(BindingReleased, "DELETE", _place(space, address))


def release_id(space: str, instance: str, id: str) -> EngineRequest[BindingReleased]:  # noqa: A002 - the document's word
    """Release the binding of an (instance, id). An operator's act."""
    return EngineRequest(BindingReleased, "DELETE", "/bindings", given(space=space, instance=instance, id=id))


def binding_history(
    space: str, *, address: str | None = None, instance: str | None = None, limit: int = 100
) -> EngineRequest[BindingHistory]:
    """Ask for ended bindings of a space, the newest first: of one address, of one instance."""
    filters = given(space=space, address=address, instance=instance, limit=limit)
    return EngineRequest(BindingHistory, "GET", "/bindings/history", filters)


def _asked(request: BindingRequest) -> dict[str, Any]:
    return given(**encode(request))


def _place(space: str, address: str) -> str:
    return f"/bindings/{segment(space)}/{segment(address)}"
