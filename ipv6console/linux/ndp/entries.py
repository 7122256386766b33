"""Strategies address and proxy: the kernel itself answers, for one entry of ours for each live address."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import sysctl
from ipv6console.linux.dump import PROTOCOL, Dump
from ipv6console.linux.ndp.strategy import ADDRESS, PROXY
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import prefix_text
from ipv6console.linux.sysctl import Sysctls
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level, Stamp

_AT_ONCE = 250
"""Entries for which the netlink socket is held at a time."""
_PER_SECOND = 1_000
"""Entries that may be looked over in a second on average, so that watching many costs little."""
_BY_RA = 9
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
        self._due = 0.0

    @abstractmethod
    async def put(self, addresses: Collection[int], index: int) -> None:
        """Add entries; raises OSError."""

    @abstractmethod
    async def take(self, addresses: Collection[int], index: int) -> None:
        """Remove entries; raises OSError."""

    @abstractmethod
    async def present(self, dump: Dump) -> set[Entry]:
        """Return the entries of ours that are there; raises OSError."""

    @abstractmethod
    def text(self, count: int, interface: str) -> str:
        """Return what `count` entries on `interface` mean, in words."""

    async def prepare(self, interface: str) -> None:
        """Change what else an interface needs; by default it is only noted that entries are looked over again."""
        self._due = 0.0

    async def unprepare(self, interface: str) -> None:
        """Undo what `prepare` changed, when the last prefix of an interface leaves."""
        self._due = 0.0

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
            self._trouble = error
            raise

    async def mend(self, dump: Dump) -> None:
        """Add what is missing and remove what nobody wants; raises OSError."""
        now = time.monotonic()
        if now < self._due:
            return
        try:
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
            self._trouble = error
            raise
        self._trouble = None
        self._due = float("inf") if not self._served else now + len(wanted) / _PER_SECOND

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


class AddressStrategy(EntryStrategy):
    """Assigns every live address to the interface as a /128, without duplicate detection."""

    def __init__(self, netlink: Netlink) -> None:
        super().__init__(ADDRESS, netlink)

    async def put(self, addresses: Collection[int], index: int) -> None:
        """Assign addresses."""
        await self.netlink.assign(addresses, index)

    async def take(self, addresses: Collection[int], index: int) -> None:
        """Take addresses back."""
        await self.netlink.unassign(addresses, index)

    async def present(self, dump: Dump) -> set[Entry]:
        """Return the addresses that bear our metric."""
        return {(row.index, row.address) for row in dump.pooled}

    def text(self, count: int, interface: str) -> str:
        """Return what is assigned."""
        return f"{count} live address{'' if count == 1 else 'es'} assigned to {interface}"


class ProxyStrategy(EntryStrategy):
    """Has the kernel proxy every live address; that needs the interface to forward, as far as NDP is concerned.

    The kernel forwards packets only when net.ipv6.conf.all.forwarding is on, which stays as it is. An interface that
    forwards ignores router advertisements unless accept_ra is 2, and switching it on drops the default routes that were
    learned from them, those of other interfaces too, so accept_ra is changed first (ip-sysctl).
    """

    def __init__(self, netlink: Netlink, sysctls: Sysctls) -> None:
        super().__init__(PROXY, netlink)
        self._sysctls = sysctls

    async def prepare(self, interface: str) -> None:
        """Change the settings the kernel needs to answer at once for addresses that it has not."""
        await super().prepare(interface)
        for key, value, _ in proxy_needs(interface, await self.netlink.dump()):
            self._sysctls.change(key, value)

    async def unprepare(self, interface: str) -> None:
        """Set the settings back; the last interface sets back what was changed for others too."""
        await super().unprepare(interface)
        own = {key for key, _ in _of_proxy(interface)}
        keys = own if self._served else own | {key for key in self._sysctls.changed() if key.endswith(".accept_ra")}
        self._sysctls.restore(keys)

    async def put(self, addresses: Collection[int], index: int) -> None:
        """Add proxy entries."""
        await self.netlink.put_proxies(addresses, index)

    async def take(self, addresses: Collection[int], index: int) -> None:
        """Remove proxy entries."""
        await self.netlink.drop_proxies(addresses, index)

    async def present(self, dump: Dump) -> set[Entry]:
        """Return the proxy entries that bear our protocol number."""
        for interface in {prefix.interface for prefix in self._served.values() if dump.link(prefix.interface)}:
            for key, value, _ in proxy_needs(interface, dump):
                self._sysctls.change(key, value)
        return {(row.index, row.address) for row in await self.netlink.proxies() if row.protocol == PROTOCOL}

    def text(self, count: int, interface: str) -> str:
        """Return what is proxied."""
        return f"the kernel proxies {count} live address{'' if count == 1 else 'es'} on {interface}"


def proxy_needs(interface: str, dump: Dump) -> tuple[tuple[str, str, bool], ...]:
    """Return the settings `interface` needs, in the order in which they are to be changed: key, value, whether it is so."""
    needed = [(key, value, sysctl.read(key) == value) for key, value in _of_proxy(interface)]
    forwards = needed[0][2]
    learned = {route.index for route in dump.default_routes() if route.protocol == _BY_RA}
    names = [link.name for link in dump.links if link.name == interface or link.index in learned]
    accept = [sysctl.of_interface("conf", name, "accept_ra") for name in names]
    # An interface that forwarded before takes no advertisements when accept_ra is 1, and somebody wants it so.
    return (*[(key, "2", False) for key in accept if not forwards and sysctl.read(key) == "1"], *needed)


def index_of(interface: str) -> int | None:
    """Return the number of `interface`, None when it is not there."""
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return None


def _of_proxy(interface: str) -> tuple[tuple[str, str], ...]:
    return (
        (sysctl.of_interface("conf", interface, "forwarding"), "1"),
        (sysctl.of_interface("conf", interface, "proxy_ndp"), "1"),
        (sysctl.of_interface("neigh", interface, "proxy_delay"), "0"),
    )


async def _each(act: Act, addresses: Collection[int], index: int | None) -> None:
    if index is None:
        # The kernel drops entries along with their interface; `mend` adds them when it is back.
        return
    ordered = sorted(addresses)
    for place in range(0, len(ordered), _AT_ONCE):
        await act(ordered[place : place + _AT_ONCE], index)
