"""Strategy proxy: the kernel has a proxy entry for every live address."""

from __future__ import annotations

import time
from collections.abc import Collection

from ipv6console.linux import sysctl
from ipv6console.linux.dump import PROTOCOL, Dump, Neighbour
from ipv6console.linux.ndp.entries import Entry, EntryStrategy
from ipv6console.linux.ndp.strategy import PROXY
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.sysctl import Sysctls
from ipv6console.pool.address import format_address

_PER_SECOND = 500
"""Entries that may be looked over in a second on average: of those the kernel never says anything."""
_PAUSE = 2.0
_BY_RA = 9


class ProxyStrategy(EntryStrategy):
    """Has the kernel proxy every live address; that needs the interface to forward, as far as NDP is concerned.

    The kernel forwards packets only when net.ipv6.conf.all.forwarding is on, which stays as it is. An interface that
    forwards ignores router advertisements unless accept_ra is 2, and switching it on drops the default routes that were
    learned from them, those of other interfaces too, so accept_ra is changed first (ip-sysctl).
    """

    def __init__(self, netlink: Netlink, sysctls: Sysctls) -> None:
        super().__init__(PROXY, netlink)
        self._sysctls = sysctls
        self._rows: tuple[Neighbour, ...] = ()
        self._present: frozenset[Entry] = frozenset()
        self._next = 0.0
        self._looked = False

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

    async def present(self, dump: Dump) -> frozenset[Entry]:
        """Return the proxy entries that bear our protocol number."""
        rows = await self.netlink.proxies()
        if rows is not self._rows:
            self._present = frozenset((row.index, row.address) for row in rows if row.protocol == PROTOCOL)
            self._rows = rows
        return self._present

    def maintain(self, dump: Dump) -> None:
        """Set the settings again that somebody changed."""
        for interface in {prefix.interface for prefix in self._served.values() if dump.link(prefix.interface)}:
            for key, value, _ in proxy_needs(interface, dump):
                self._sysctls.change(key, value)

    def settings(self, interface: str, dump: Dump) -> tuple[tuple[str, str], ...]:
        """Return the settings the kernel needs to answer for what it has not."""
        return _of_proxy(interface)

    def command(self, address: int, interface: str) -> str:
        """Return the command that adds the proxy entry of `address`."""
        return entry(address, interface)

    def due(self, dump: Dump, wanted: int) -> bool:
        """Return whether it is time again: the kernel does not say when an entry goes, and looking costs."""
        now = time.monotonic()
        if now < self._next or (not wanted and self._looked):
            return False
        self._next, self._looked = now + max(_PAUSE, wanted / _PER_SECOND), True
        return True

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


def entry(address: int, interface: str) -> str:
    """Return the shell command that adds a proxy entry as the strategy proxy does."""
    return f"ip -6 neigh replace proxy {format_address(address)} dev {interface} protocol {PROTOCOL}"


def _of_proxy(interface: str) -> tuple[tuple[str, str], ...]:
    return (
        (sysctl.of_interface("conf", interface, "forwarding"), "1"),
        (sysctl.of_interface("conf", interface, "proxy_ndp"), "1"),
        (sysctl.of_interface("neigh", interface, "proxy_delay"), "0"),
    )
