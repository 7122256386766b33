"""Strategy address: every live address is assigned to the interface."""

from __future__ import annotations

from collections.abc import Collection

from ipv6console.linux.dump import POOLED_METRIC, Dump
from ipv6console.linux.ndp.entries import Entry, EntryStrategy
from ipv6console.linux.ndp.strategy import ADDRESS
from ipv6console.linux.netlink import Netlink
from ipv6console.pool.address import format_address


class AddressStrategy(EntryStrategy):
    """Assigns every live address to the interface as a /128, without duplicate detection."""

    def __init__(self, netlink: Netlink) -> None:
        super().__init__(ADDRESS, netlink)
        self._seen: tuple[object, object] = (None, None)

    async def put(self, addresses: Collection[int], index: int) -> None:
        """Assign addresses."""
        await self.netlink.assign(addresses, index)

    async def take(self, addresses: Collection[int], index: int) -> None:
        """Take addresses back."""
        await self.netlink.unassign(addresses, index)

    async def present(self, dump: Dump) -> frozenset[Entry]:
        """Return the addresses that bear our metric."""
        return frozenset((row.index, row.address) for row in dump.pooled)

    def command(self, address: int, interface: str) -> str:
        """Return the command that assigns `address`."""
        return assignment(address, interface)

    def due(self, dump: Dump, wanted: int) -> bool:
        """Return whether addresses or interfaces are others than at the last look; the kernel tells of each."""
        seen = dump.pooled, dump.links
        same = all(now is before for now, before in zip(seen, self._seen, strict=True))
        self._seen = seen
        return not same

    def text(self, count: int, interface: str) -> str:
        """Return what is assigned."""
        return f"{count} live address{'' if count == 1 else 'es'} assigned to {interface}"


def assignment(address: int, interface: str) -> str:
    """Return the shell command that assigns `address` as the strategy address does."""
    return (
        f"ip -6 addr add {format_address(address)}/128 dev {interface} nodad noprefixroute preferred_lft 0"
        f" metric {POOLED_METRIC}"
    )
