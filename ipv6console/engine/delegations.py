"""Prefixes that are cut out of spaces for subscribers, as an IPAM of our own does it."""

from __future__ import annotations

from ipv6console.engine import avoidance
from ipv6console.engine.errors import Refusal
from ipv6console.engine.estate import Estate
from ipv6console.engine.external import (
    Allocation,
    AllocationRequest,
    RegistryExhausted,
    RegistryRefused,
    RegistryUnreachable,
)
from ipv6console.ipam import errors
from ipv6console.ipam.answer import Cut
from ipv6console.ipam.change import Change, DelegationRecorded
from ipv6console.ipam.space import Space

_AGAIN = "it is tried again by itself once the store commits"


class Delegations:
    """Cuts prefixes out of the spaces that `lifecycle.spaces` names."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    async def cut(self, request: AllocationRequest) -> Allocation:
        """Cut a prefix, or return the one that the operation has; raises RegistryError."""
        estate = self._estate
        self._require_store()
        sources, now = self._sources(request.tenant), estate.core.clock.now()
        most_free = estate.core.settings.lifecycle.parent_choice == "most-free"

        def choose() -> Cut:
            return estate.rules.cut(
                sources,
                request.length,
                operation=request.operation,
                tenant=request.tenant,
                subscriber=request.subscriber,
                now=now,
                range_id=request.parent,
                most_free=most_free,
            )

        try:
            cut = avoidance.cut(estate.rules, choose, now, estate.pooled)
        except errors.PoolFull as error:
            raise RegistryExhausted(error.detail, next=error.next) from error
        except errors.IpamError as error:
            raise RegistryRefused(error.detail, next=error.next) from error
        if cut.changes:
            await self._commit(*cut.changes)
        elif estate.unsettled:
            # As with bindings: it may not be durable yet.
            await self._commit(cut.row)
        return allocation_of(cut.row)

    def find_cut(self, operation: str) -> Allocation | None:
        """Return what an operation has cut, None when it has nothing."""
        found = self._estate.rules.find_operation(operation)
        return None if found is None else allocation_of(found[1])

    async def mark_cut(self, number: int, status: str) -> None:
        """Give a cut prefix a status; raises RegistryError."""
        self._require_store()
        try:
            space, _ = self._estate.rules.find_delegation(number)
            row = space.mark(number, status)
        except errors.IpamError as error:
            raise RegistryRefused(error.detail, next=error.next) from error
        await self._commit(row)

    async def give_back(self, number: int) -> bool:
        """Put a cut prefix back into its space; False when it is there no more. Raises RegistryError."""
        self._require_store()
        try:
            space, _ = self._estate.rules.find_delegation(number)
            change = space.give_back(number)
        except errors.NotFound:
            return False
        await self._commit(change)
        return True

    def cuts(self) -> tuple[Allocation, ...]:
        """Return every prefix that is cut."""
        return tuple(allocation_of(row) for space in self._estate.rules for row in space.delegations())

    def _sources(self, tenant: str) -> list[Space]:
        names = self._estate.core.settings.lifecycle.spaces
        if not names:
            raise RegistryRefused(
                "no space is named to cut prefixes out of",
                next='name spaces of this engine: spaces = ["NAME"] in [lifecycle], and restart it',
            )
        found = {space.row.name: space for space in self._estate.rules}
        missing = [name for name in names if name not in found]
        if missing:
            raise RegistryRefused(
                f"lifecycle.spaces names {missing[0]}, and there is no such space",
                next=f"make it: ipv6console space create {missing[0]}",
            )
        usable = [found[name] for name in names if found[name].row.tenant in ("", tenant)]
        if not usable:
            raise RegistryRefused(
                f"no space that lifecycle.spaces names is tenant {tenant}'s or everybody's",
                next=f"make one with --tenant {tenant}, and name it there",
            )
        return usable

    def _require_store(self) -> None:
        try:
            self._estate.core.working()
        except Refusal as refusal:
            raise RegistryUnreachable(refusal.detail, next=refusal.next) from refusal

    async def _commit(self, *changes: Change) -> None:
        try:
            await self._estate.commit(*changes)
        except Refusal as refusal:
            raise RegistryUnreachable(refusal.detail, next=f"{refusal.next}; {_AGAIN}") from refusal


def allocation_of(row: DelegationRecorded) -> Allocation:
    """Return a delegation in the words of an IPAM."""
    return Allocation(
        id=row.id,
        network=row.network,
        length=row.length,
        parent=row.range_id,
        operation=row.operation,
        tenant=row.tenant,
        subscriber=row.subscriber,
        status=row.status,
    )
