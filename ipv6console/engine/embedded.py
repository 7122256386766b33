"""The IPAM that is built in: prefixes of subscribers are cut out of our own spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ipv6console.engine.external import Allocation, AllocationRequest, Registry, RegistryRefused

EMBEDDED = "embedded"


class Cutter(Protocol):
    """What cuts prefixes out of spaces: `engine.spaces.Spaces`. Ids are those of delegations, parents those of ranges.

    What changes something raises RegistryError.
    """

    async def cut(self, request: AllocationRequest) -> Allocation:
        """Cut a prefix, or return the one that this operation has cut already."""
        ...

    def find_cut(self, operation: str) -> Allocation | None:
        """Return what an operation has cut and nobody gave back."""
        ...

    async def mark_cut(self, number: int, status: str) -> None:
        """Note the status of a cut prefix."""
        ...

    async def give_back(self, number: int) -> bool:
        """Put a prefix back; False when there is none of that number."""
        ...

    def cuts(self) -> Sequence[Allocation]:
        """Return every prefix that is cut out."""
        ...


class EmbeddedRegistry:
    """A Registry over local spaces; an operation that was committed is found by its id."""

    name = EMBEDDED

    def __init__(self, spaces: Cutter) -> None:
        self._spaces = spaces

    async def allocate(self, request: AllocationRequest, *, again: bool) -> Allocation:
        """Cut a prefix; the same operation gets the same one whether it is asked `again` or not. Raises RegistryError."""
        return await self._spaces.cut(request)

    async def find(self, operation: str) -> Allocation | None:
        """Return what an operation has got."""
        return self._spaces.find_cut(operation)

    async def mark(self, allocation: Allocation, status: str) -> None:
        """Note the status of a prefix; raises RegistryError."""
        if self._own(allocation) is None:
            raise RegistryRefused(f"no prefix has the number {allocation.id}", next="look for leaks")
        await self._spaces.mark_cut(allocation.id, status)

    async def release(self, allocation: Allocation) -> bool:
        """Put a prefix back; False when its operation holds none any more. Raises RegistryError."""
        if self._own(allocation) is None:
            return False
        return await self._spaces.give_back(allocation.id)

    async def held(self) -> Sequence[Allocation]:
        """Return every prefix that is cut out."""
        return self._spaces.cuts()

    async def close(self) -> None:
        """Nothing is open."""

    def _own(self, allocation: Allocation) -> Allocation | None:
        if allocation.operation is not None:
            found = self._spaces.find_cut(allocation.operation)
        else:
            found = next((cut for cut in self._spaces.cuts() if cut.id == allocation.id), None)
        same = found is not None and (found.id, found.network) == (allocation.id, allocation.network)
        return found if same else None


def registries(outside: Registry | None, spaces: Cutter) -> tuple[Registry, ...]:
    """Return every IPAM there is, the one that new prefixes come from first: that `outside`, if there is one."""
    embedded = EmbeddedRegistry(spaces)
    return (embedded,) if outside is None else (outside, embedded)
