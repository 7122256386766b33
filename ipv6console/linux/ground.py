"""What every announced prefix stands on, whoever answers for it: its local route, and the leave to bind its addresses."""

from __future__ import annotations

from collections.abc import Collection

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import sysctl
from ipv6console.linux.dump import Dump, Link
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import prefix_text
from ipv6console.linux.record import RecordFile
from ipv6console.linux.routes import LocalRoutes, bystanders, route_command, state
from ipv6console.linux.sysctl import NONLOCAL_BIND, Sysctls
from ipv6console.pool.prefix import parse_prefix
from ipv6console.wire.status import Finding, Level

Key = tuple[int, int]


class Ground:
    """Local routes with their exceptions and net.ipv6.ip_nonlocal_bind, on record so that a crash leaves no trace."""

    def __init__(self, settings: NetworkSettings, record: RecordFile, netlink: Netlink, sysctls: Sysctls) -> None:
        self._wanted = settings.nonlocal_bind
        self._record = record
        self._routes = LocalRoutes(netlink)
        self._sysctls = sysctls
        self._begun = False

    def enable_bind(self) -> None:
        """Let every program bind addresses of the pool, if the settings want it and this process may."""
        if not self._wanted:
            return
        try:
            self._sysctls.change(NONLOCAL_BIND, "1")
        except OSError:
            # `tidy` says so with its fix; our own sockets bind without it.
            return

    async def put(self, prefix: HostPrefix, dump: Dump) -> bool:
        """Set up exceptions, then the route; returns whether the route was missing. Raises OSError."""
        self._begun = True
        text = prefix_text(prefix.network, prefix.length)
        present = state(dump.routes, prefix.network, prefix.length).present
        if not present:
            # On disk first: a route nobody remembers would outlive a crash.
            self._record.remember_prefix(text)
        await self._routes.spare(prefix, dump)
        return not present and await self._routes.put(prefix.network, prefix.length, loopback(dump).index)

    async def remove(self, key: Key, others: Collection[Key]) -> None:
        """Remove route and exceptions of one prefix, but what `others` need; raises OSError, and `tidy` tries again."""
        await self._routes.remove(*key, others)
        self._record.forget_prefix(prefix_text(*key))

    async def tidy(self, announced: Collection[Key]) -> tuple[Finding, ...]:
        """Set right what belongs to no single prefix; before anything is announced there is nothing to set right."""
        if not announced and not self._begun:
            return ()
        try:
            return (*(self._mend_bind() if announced else ()), *await self.sweep(announced))
        except OSError as error:
            return (Finding("host", Level.FAIL, str(error)),)

    async def sweep(self, announced: Collection[Key]) -> tuple[Finding, ...]:
        """Remove what is on record of prefixes nobody announces now, left by a crashed engine or a removal that failed.

        Raises OSError.
        """
        wanted = {prefix_text(*key) for key in announced}
        found = []
        for text in self._record.read().prefixes:
            if text in wanted:
                continue
            if await self._routes.remove(*parse_prefix(text), announced):
                found.append(Finding(text, Level.OK, f"removed the routes of {text}, which had been left"))
            self._record.forget_prefix(text)
        return tuple(found)

    async def look(self, prefix: HostPrefix, dump: Dump) -> tuple[Level, str, tuple[Finding, ...]]:
        """Put back what is missing of a prefix's route, and return how it stands."""
        subject = prefix_text(prefix.network, prefix.length)
        command = route_command(prefix.network, prefix.length)
        try:
            missing = await self.put(prefix, dump)
            table = await self._routes.dump() if missing else dump.routes
        except OSError as error:
            return Level.FAIL, str(error), (Finding(subject, Level.FAIL, str(error), command),)
        standing = state(table, prefix.network, prefix.length)
        if not standing.present:
            gone = f"the local route of {subject} does not stay"
            return Level.FAIL, gone, (Finding(subject, Level.FAIL, gone, command),)
        text = f"local route by {standing.owner}"
        others = bystanders(prefix, dump)
        spared = sum(route.network in others for route in table if route.length == 128)
        if spared:
            text += f", {spared} neighbour{'s' if spared > 1 else ''} excepted"
        if not missing:
            return Level.OK, text, ()
        return Level.OK, text, (Finding(subject, Level.WARN, f"the local route of {subject} was gone; added it again"),)

    def _mend_bind(self) -> tuple[Finding, ...]:
        if not self._wanted:
            return ()
        try:
            if not self._sysctls.change(NONLOCAL_BIND, "1"):
                return ()
        except OSError as error:
            text = f"programs other than ours cannot bind pool addresses: {error.strerror}"
            return (Finding(NONLOCAL_BIND, Level.WARN, text, sysctl.command(NONLOCAL_BIND, "1")),)
        return (Finding(NONLOCAL_BIND, Level.WARN, f"{NONLOCAL_BIND} had been switched off; switched on again"),)


def loopback(dump: Dump) -> Link:
    """Return the interface of local routes; raises OSError when there is none."""
    for link in dump.links:
        if link.loopback:
            return link
    raise OSError("there is no loopback interface, so no address can be local; is this network namespace set up?")
