"""What strategies address and proxy have in common: the kernel answers, for one entry of ours for each live address."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import sysctl
from ipv6console.linux.dump import Dump
from ipv6console.linux.ndp.comparison import of_entries
from ipv6console.linux.ndp.interface import index_of
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import contains, prefix_text
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level, Stamp

_AT_ONCE = 250
"""Entries for which the netlink socket is held at a time."""
Key = tuple[int, int]
Entry = tuple[int, int]
"""Interface index and address."""
Act = Callable[[Collection[int], int], Awaitable[None]]


class EntryStrategy(ABC):
    """What both have in common (a Strategy): a wanted set, and kernel entries that are made equal to it.

    Entries that bear our mark and are not wanted are removed, also those of an engine that died.
    """

    def __init__(self, name: str, netlink: Netlink) -> None:
        self.netlink = netlink
        self._name = name
        self._wanted: dict[Key, set[int]] = {}
        self._served: dict[Key, HostPrefix] = {}
        self._trouble: OSError | None = None
        self._put_back = 0
        self._unsure = True

    @abstractmethod
    async def put(self, addresses: Collection[int], index: int) -> None:
        """Add entries; raises OSError."""

    @abstractmethod
    async def take(self, addresses: Collection[int], index: int) -> None:
        """Remove entries; raises OSError."""

    @abstractmethod
    async def present(self, dump: Dump) -> frozenset[Entry]:
        """Return the entries of ours that are there; raises OSError."""

    @abstractmethod
    def command(self, address: int, interface: str) -> str:
        """Return the command that makes the entry of `address`."""

    @abstractmethod
    def due(self, dump: Dump, wanted: int) -> bool:
        """Return whether the entries, of which `wanted` are wanted, have to be looked over; called once a look."""

    @abstractmethod
    def text(self, count: int, interface: str) -> str:
        """Return what `count` entries on `interface` mean, in words."""

    def maintain(self, dump: Dump) -> None:
        """Set right at every look what else the served interfaces need; raises OSError."""
        return

    def settings(self, interface: str, dump: Dump) -> tuple[tuple[str, str], ...]:
        """Return what else `interface` needs: sysctls with their values."""
        return ()

    async def prepare(self, interface: str) -> None:
        """Change what else an interface needs; by default it is only noted that entries are looked over again."""
        self._unsure = True

    async def unprepare(self, interface: str) -> None:
        """Undo what `prepare` changed, when the last prefix of an interface leaves."""
        self._unsure = True

    async def serve(self, prefix: HostPrefix) -> None:
        """Be ready to answer for live addresses of `prefix`; raises OSError."""
        key = (prefix.network, prefix.length)
        self._served[key] = prefix
        self._wanted.setdefault(key, set())
        await self.prepare(prefix.interface)

    async def drop(self, prefix: HostPrefix) -> None:
        """Remove the entries of `prefix`; raises OSError."""
        key = (prefix.network, prefix.length)
        if self._served.pop(key, None) is None:
            return
        removed = self._wanted.pop(key)
        self._unsure = True
        await _each(self.take, removed, index_of(prefix.interface))
        if all(other.interface != prefix.interface for other in self._served.values()):
            await self.unprepare(prefix.interface)

    async def stop(self) -> None:
        """Remove all entries of ours; raises OSError."""
        for prefix in list(self._served.values()):
            await self.drop(prefix)

    async def answer(self, prefix: HostPrefix, added: Collection[int], removed: Collection[int]) -> None:
        """Add and remove entries; raises OSError."""
        wanted = self._wanted[prefix.network, prefix.length]
        added = set(added) - wanted
        wanted.update(added)
        wanted.difference_update(removed)
        index = index_of(prefix.interface)
        try:
            await _each(self.put, added, index)
            await _each(self.take, removed, index)
        except OSError as error:
            self._trouble, self._unsure = error, True
            raise

    async def mend(self, dump: Dump) -> None:
        """Add what is missing and remove what nobody wants; raises OSError."""
        try:
            self.maintain(dump)
            if not self.due(dump, sum(map(len, self._wanted.values()))) and not self._unsure:
                return
            present = await self.present(dump)
            wanted = {
                (link.index, address)
                for key, addresses in self._wanted.items()
                if (link := dump.link(self._served[key].interface)) is not None
                for address in addresses
            }
            self._put_back = len(wanted - present)
            for act, entries in ((self.take, present - wanted), (self.put, wanted - present)):
                for index in {index for index, _ in entries}:
                    await _each(act, [address for place, address in entries if place == index], index)
        except OSError as error:
            self._trouble, self._unsure = error, True
            raise
        self._trouble, self._unsure = None, bool(self._put_back)

    async def config(self, prefix: HostPrefix, dump: Dump) -> NdpConfig:
        """Return the entries that are wanted for `prefix` against those the kernel has; raises OSError."""
        index, name = index_of(prefix.interface), prefix.interface
        key = (prefix.network, prefix.length)
        wanted = sorted(self._wanted.get(key, ()))
        inside = sorted(at for place, at in await self.present(dump) if place == index and contains(*key, at))
        settings = self.settings(name, dump)
        return of_entries(
            prefix,
            self._name,
            [*(sysctl.command(key, value) for key, value in settings), *(self.command(at, name) for at in wanted)],
            [
                *(sysctl.command(key, sysctl.read(key)) for key, _ in settings),
                *(self.command(at, name) for at in inside),
            ],
            self.text(len(wanted), name),
        )

    def row(self, prefix: HostPrefix, why: str) -> NdpRow:
        """Return how the entries of `prefix` stood when they were last looked over."""
        count = len(self._wanted.get((prefix.network, prefix.length), ()))
        level, text = Level.OK, self.text(count, prefix.interface)
        fix = None
        if self._trouble is not None:
            level, text, fix = Level.FAIL, self._trouble.strerror or str(self._trouble), "sudo ipv6console serve"
        elif self._put_back:
            level, text = Level.WARN, f"{text}; {self._put_back} had been removed and were put back"
        return NdpRow(
            stamp=Stamp(time.time(), "netlink"),
            prefix=prefix_text(prefix.network, prefix.length),
            interface=prefix.interface,
            strategy=self._name,
            why=why,
            level=level,
            text=text,
            fix=fix,
            pid=None,
            started_at=None,
            restarts=0,
            cpu=None,
            config=None,
        )


async def _each(act: Act, addresses: Collection[int], index: int | None) -> None:
    if index is None:
        # The kernel drops entries along with their interface; `mend` adds them when it is back.
        return
    ordered = sorted(addresses)
    for place in range(0, len(ordered), _AT_ONCE):
        await act(ordered[place : place + _AT_ONCE], index)
