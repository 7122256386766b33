"""Address spaces: made and removed, their ranges and reservations, and all that is done with their addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ipv6console.engine.bindings import Bindings
from ipv6console.engine.caller import Caller
from ipv6console.engine.core import Core
from ipv6console.engine.delegations import Delegations
from ipv6console.engine.errors import Forbidden, InvalidRequest
from ipv6console.engine.estate import Estate, check_line, check_time
from ipv6console.engine.instances import InstanceRelease
from ipv6console.engine.ipamerrors import refusing
from ipv6console.engine.spacerows import range_row, reservation_row, space_row
from ipv6console.ipam import errors
from ipv6console.ipam.change import RangeRecorded, ReservationRecorded
from ipv6console.ipam.space import Space
from ipv6console.ipam.spaces import CHOICES
from ipv6console.ipam.span import Span, format_address, parse_span
from ipv6console.pool.limits import InvalidName, check_name
from ipv6console.quantity import addresses, many
from ipv6console.wire.space import (
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

T = TypeVar("T")


class Spaces:
    """All that callers may ask of address spaces. What changes something returns once it survives a loss of power."""

    def __init__(self, core: Core) -> None:
        estate = self._estate = Estate(core)
        bindings, delegations = Bindings(estate), Delegations(estate)
        self.instances = InstanceRelease(estate)
        self.taken = estate.taken
        self.run, self.tick = bindings.run, bindings.tick
        self.bind, self.bind_all = bindings.bind, bindings.bind_all
        self.binding, self.bindings, self.history = bindings.binding, bindings.bindings, bindings.history
        self.release, self.release_id = bindings.release, bindings.release_id
        self.cut, self.find_cut, self.cuts = delegations.cut, delegations.find_cut, delegations.cuts
        self.mark_cut, self.give_back = delegations.mark_cut, delegations.give_back

    @property
    def revision(self) -> int:
        """Grows with every change of a space."""
        return self._estate.revision

    def rows(self) -> tuple[SpaceRow, ...]:
        """Return every space with its counts."""
        return tuple(space_row(space) for space in self._estate.rules)

    def page(self, caller: Caller) -> SpacePage:
        """Return the spaces the caller may see, by name."""
        estate = self._estate
        return SpacePage(spaces=tuple(space_row(space) for space in estate.rules if estate.visible(space, caller)))

    def space(self, name: str, caller: Caller) -> SpaceRow:
        """Return one space; raises NotFound."""
        with refusing():
            return space_row(self._estate.seen(name, caller))

    async def create(self, request: SpaceRequest, caller: Caller) -> SpaceRow:
        """Make a space."""
        estate = self._estate
        tenant = _tenant(request, caller)
        if request.choice not in CHOICES:
            raise InvalidRequest(f"{request.choice[:40]!r} is no choice", next=f"give {' or '.join(CHOICES)}")
        quarantine = check_time("a quarantine of", request.quarantine, least=0.0)
        description = check_line("description", request.description)
        with estate.deciding() as rules:
            record = rules.create(
                request.name,
                now=estate.core.clock.now(),
                tenant=tenant,
                choice=request.choice,
                quarantine=quarantine,
                description=description,
            )
            row = space_row(rules.get(record.id))
        await estate.commit(record)
        whose = f"of tenant {row.tenant}" if row.tenant else "everybody's"
        self._tell("space.created", f"space {row.name} is made, {whose}", row.name, caller)
        return row

    async def remove(self, name: str, caller: Caller) -> SpaceRow:
        """Remove a space in which nothing is bound or delegated."""
        estate = self._estate
        with estate.deciding() as rules:
            row = space_row(estate.own(estate.seen(name, caller), caller))
            change = rules.remove(name)
        await estate.commit(change)
        text = f"space {row.name} is removed, and its {many(row.ranges, 'range', 'ranges')}"
        self._tell("space.removed", text, row.name, caller)
        return row

    async def add_range(self, request: RangeRequest, caller: Caller) -> RangeRow:
        """Add a range to a space."""
        estate = self._estate
        description = check_line("description", request.description)
        with estate.deciding():
            space = estate.own(estate.seen(request.space, caller), caller)
            record = space.add_range(parse_span(request.range), description, estate.core.clock.now())
            row = range_row(space, record)
        await estate.commit(record)
        text = f"{_extent(record)}, {addresses(row.total)}, is of space {row.space} now"
        self._tell("range.added", text, row.space, caller)
        return row

    def ranges(self, space: str | None, caller: Caller) -> RangePage:
        """Return the ranges of one space, or of all the caller may see."""
        found = [(one, record) for one in self._asked(space, caller) for record in one.ranges()]
        found.sort(key=lambda pair: (pair[1].family, pair[1].first, pair[0].row.name))
        return RangePage(ranges=tuple(range_row(one, record) for one, record in found))

    async def remove_range(self, number: int, caller: Caller) -> RangeRow:
        """Take a range of which nothing is bound or delegated out of its space."""
        estate = self._estate
        with estate.deciding() as rules:
            space, record = self._mine(rules.find_range, "range", number, caller)
            row = range_row(space, record)
            changes = space.remove_range(number)
        await estate.commit(*changes)
        self._tell("range.removed", f"{_extent(record)} is of space {row.space} no more", row.space, caller)
        return row

    async def reserve(self, request: ReservationRequest, caller: Caller) -> ReservationRow:
        """Keep addresses of a space from being handed out, also to the scrapers' pool."""
        estate = self._estate
        reason = check_line("reason", request.reason)
        with estate.deciding():
            space = estate.own(estate.seen(request.space, caller), caller)
            span = parse_span(request.range)
            pooled = estate.first_pooled(span)
            if pooled is not None:
                raise errors.NotAvailable(
                    f"{format_address(6, pooled)} of it is in the scrapers' pool",
                    next=f"withdraw what the pool has of it first: ipv6console revoke {_withdrawn(span)} --reason TEXT",
                )
            done = space.reserve(span, reason, caller.label, estate.core.clock.now())
        await estate.commit(*done.changes)
        row = reservation_row(space, done.row)
        why = f": {row.reason}" if row.reason else ""
        self._tell("reservation.added", f"{_extent(done.row)} of space {row.space} is reserved{why}", row.space, caller)
        return row

    def reservations(self, space: str | None, caller: Caller) -> ReservationPage:
        """Return the reservations of one space, or of all the caller may see."""
        found = [(one, record) for one in self._asked(space, caller) for record in one.reservations()]
        found.sort(key=lambda pair: (pair[1].family, pair[1].first, pair[0].row.name))
        return ReservationPage(reservations=tuple(reservation_row(one, record) for one, record in found))

    async def unreserve(self, number: int, caller: Caller) -> ReservationRow:
        """End a reservation."""
        estate = self._estate
        with estate.deciding() as rules:
            space, record = self._mine(rules.find_reservation, "reservation", number, caller)
            change = space.unreserve(number)
        await estate.commit(change)
        row = reservation_row(space, record)
        text = f"{_extent(record)} of space {row.space} is reserved no more"
        self._tell("reservation.removed", text, row.space, caller)
        return row

    def _asked(self, name: str | None, caller: Caller) -> list[Space]:
        estate = self._estate
        with refusing():
            if name is not None:
                return [estate.seen(name, caller)]
            return [space for space in estate.rules if estate.visible(space, caller)]

    def _mine(self, find: Callable[[int], tuple[Space, T]], what: str, number: int, caller: Caller) -> tuple[Space, T]:
        try:
            space, record = find(number)
        except errors.NotFound:
            space = None
        if space is None or not self._estate.visible(space, caller):
            raise errors.NotFound(
                f"there is no {what} {number}", next=f"`ipv6console space {what}s` lists those there are"
            )
        return self._estate.own(space, caller), record

    def _tell(self, kind: str, text: str, space: str, caller: Caller) -> None:
        self._estate.core.journal.write(kind, text, subject=space, actor=caller.label)


def _tenant(request: SpaceRequest, caller: Caller) -> str:
    tenant = (caller.tenant or "") if request.tenant is None else request.tenant
    if caller.tenant is not None and tenant != caller.tenant:
        raise Forbidden(
            f"{caller.label} may make spaces of tenant {caller.tenant} alone",
            next="leave the tenant out, or use the Unix socket",
        )
    if tenant:
        try:
            check_name(tenant)
        except InvalidName as error:
            raise InvalidRequest(
                f"{tenant[:80]!r} is no name of a tenant", next="use 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front"
            ) from error
    return tenant


def _extent(record: RangeRecorded | ReservationRecorded) -> str:
    return str(Span(record.family, record.first, record.last))


def _withdrawn(span: Span) -> str:
    return span.cidr if span.cidr is not None and span.size > 1 else "ADDR..."
