"""Bindings: made, found, released, and ended when their time is over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from ipv6console.engine import avoidance
from ipv6console.engine.bindingfilter import BindingFilter, Place, found
from ipv6console.engine.caller import Caller
from ipv6console.engine.errors import InvalidRequest, Refusal, Unavailable
from ipv6console.engine.estate import Estate, check_time
from ipv6console.engine.ipamerrors import refusing
from ipv6console.engine.protocol import StoreError
from ipv6console.engine.spacerows import binding_row
from ipv6console.ipam import errors
from ipv6console.ipam.answer import Released
from ipv6console.ipam.claim import claim
from ipv6console.ipam.space import Space
from ipv6console.ipam.spaces import Wanted
from ipv6console.ipam.span import Address, Span, parse_address
from ipv6console.quantity import many
from ipv6console.wire.space import (
    BindingChange,
    BindingHistory,
    BindingPage,
    BindingReleased,
    BindingReply,
    BindingRequest,
    BindingRow,
    BindingsReply,
)

MOST_AT_ONCE = 1_000
"""The most bindings that one request makes."""

_SAMPLE = 20
_TICK = 0.5
_DUE_AT_ONCE = 1_000


class Bindings:
    """Addresses that belong to a resource until they are released or expire."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    async def run(self) -> None:
        """End what is over, until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(_TICK)

    async def tick(self) -> None:
        """End bindings that have expired and rests that are over; while the store is broken nothing is."""
        estate = self._estate
        now = estate.core.clock.now()
        while estate.core.broken is None:
            at = estate.rules.next_due()
            if at is None or at > now:
                return
            ended = estate.rules.due(now, _DUE_AT_ONCE)
            if not ended.changes:
                return
            try:
                await estate.commit(*ended.changes)
            except Refusal:
                # The journal has said so, and the spaces are read back: these are over again then.
                return
            for number, count in Counter(row.space_id for row in ended.rows).items():
                name = estate.rules.get(number).row.name
                text = f"{many(count, 'binding', 'bindings')} of space {name} ended by themselves"
                estate.core.journal.write("binding.expired", text, subject=name, count=count)

    async def bind(self, request: BindingRequest, caller: Caller) -> BindingReply:
        """Bind one address, or return what its (instance, id) has."""
        return (await self.bind_all((request,), caller)).bindings[0]

    async def bind_all(self, requests: Sequence[BindingRequest], caller: Caller) -> BindingsReply:
        """Bind several, all or none."""
        estate = self._estate
        if not 1 <= len(requests) <= MOST_AT_ONCE:
            raise InvalidRequest(
                f"{len(requests)} bindings in one request", next=f"give 1 to {MOST_AT_ONCE:,}; split a longer list"
            )
        with estate.deciding() as rules:
            wanted = [self._wanted(request, caller) for request in requests]
            bound = avoidance.bind(rules, wanted, estate.core.clock.now(), estate.pooled)
        changes = [change for one in bound for change in one.changes]
        if estate.unsettled:
            # What is there already may be of a request that is not durable yet: it is written again behind that.
            changes += [one.row for one in bound if not one.changes]
        if changes:
            await estate.commit(*changes)
        return BindingsReply(
            bindings=tuple(
                BindingReply(binding=binding_row(want.space.row.name, one.row), created=one.created)
                for want, one in zip(wanted, bound, strict=True)
            )
        )

    def binding(self, space: str, address: str, caller: Caller) -> BindingRow:
        """Return the binding of an address; raises NotFound."""
        with refusing():
            found_in = self._estate.seen(space, caller)
            return binding_row(found_in.row.name, found_in.get_binding(parse_address(address)))

    def bindings(
        self,
        caller: Caller,
        *,
        space: str | None = None,
        instance: str | None = None,
        id: str | None = None,  # noqa: A002 - the word of the documents
        kind: str | None = None,
        resource: str | None = None,
        address: str | None = None,
        tag: str | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> BindingPage:
        """Return bindings that fit every filter, by space and address, in pages."""
        estate = self._estate
        with refusing():
            wanted = BindingFilter.made(
                instance=instance, key=id, kind=kind, resource=resource, address=address, tag=tag, text=text
            )
            after = None if cursor is None else Place.read(cursor)
            spaces: list[Space] = (
                [one for one in estate.rules if estate.visible(one, caller)]
                if space is None
                else [estate.seen(space, caller)]
            )
        return found(spaces, wanted, after, limit)

    async def release(self, space: str, address: str, caller: Caller) -> BindingReleased:
        """End the binding of an address."""
        estate = self._estate
        with estate.deciding():
            held = estate.own(estate.seen(space, caller), caller)
            ended = held.release(parse_address(address), caller.label, estate.core.clock.now())
        await estate.commit(*ended.changes)
        return released(held, ended)

    async def release_id(
        self,
        space: str,
        instance: str,
        id: str,  # noqa: A002 - the word of the documents
        caller: Caller,
    ) -> BindingReleased:
        """End the binding of an (instance, id)."""
        estate = self._estate
        with estate.deciding():
            held = estate.own(estate.seen(space, caller), caller)
            ended = held.release_id(instance, id, caller.label, estate.core.clock.now())
        await estate.commit(*ended.changes)
        return released(held, ended)

    async def history(
        self, space: str, caller: Caller, *, address: str | None = None, instance: str | None = None, limit: int = 100
    ) -> BindingHistory:
        """Return ended bindings of a space, the newest first."""
        with refusing():
            held = self._estate.seen(space, caller)
            asked = None if address is None else parse_address(address)
        try:
            past = await self._estate.core.store.binding_history(
                held.row.id,
                None if asked is None else asked.value,
                instance,
                limit,
                family=6 if asked is None else asked.family,
            )
        except StoreError as error:
            raise Unavailable(f"ended bindings cannot be read: {error}", next=error.fix) from error
        return BindingHistory(
            changes=tuple(
                BindingChange(
                    binding=binding_row(held.row.name, one.binding),
                    ended_at=one.ended_at,
                    reason=one.reason,
                    ended_by=one.actor,
                )
                for one in past
            )
        )

    def _wanted(self, request: BindingRequest, caller: Caller) -> Wanted:
        estate = self._estate
        space = estate.own(estate.seen(request.space, caller), caller)
        asked = claim(
            request.instance,
            request.id,
            kind=request.kind,
            resource=request.resource,
            tags=request.tags,
            metadata=request.metadata,
            actor=caller.label,
        )
        if request.family not in (None, 4, 6):
            raise InvalidRequest(f"there is no family {request.family}", next="give 4 or 6, or leave it out")
        ttl = None if request.ttl is None else check_time("a ttl of", request.ttl, least=1.0)
        address = None if request.address is None else parse_address(request.address)
        if address is not None and request.family not in (None, address.family):
            raise errors.InvalidAddress(
                f"{address} is not of family {request.family}", next="leave the family out, or the address"
            )
        if address is not None:
            self._refuse_pooled(space, address, asked.instance, asked.key)
        return Wanted(space, asked, address, request.family, ttl)

    def _refuse_pooled(self, space: Space, address: Address, instance: str, key: str) -> None:
        if not self._estate.pooled(Span(address.family, address.value, address.value)):
            return
        has = space.find_by_id(instance, key)
        if has is not None and (has.family, has.address) == address:
            return
        raise errors.NotAvailable(
            f"{address} is in the scrapers' pool",
            next=f"choose another address, or withdraw it first: ipv6console revoke {address} --reason TEXT",
        )


def released(space: Space, ended: Released) -> BindingReleased:
    """Return what a release ended, with some of it."""
    return BindingReleased(
        count=len(ended.rows), sample=tuple(binding_row(space.row.name, row) for row in ended.rows[:_SAMPLE])
    )
