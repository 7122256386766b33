"""Every privileged change, listed before it is done, done on request, and undone: `ipv6console net`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import process, sysctl
from ipv6console.linux.dump import TABLE_LOCAL, Dump
from ipv6console.linux.ndp.strategy import NDPPD, choose
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import prefix_text, select
from ipv6console.linux.record import RecordFile
from ipv6console.linux.routes import (
    LocalRoutes,
    bystanders,
    exception_command,
    ours,
    removal_command,
    route_command,
    state,
)
from ipv6console.linux.sysctl import NONLOCAL_BIND, NonlocalBind
from ipv6console.pool.address import format_address

_PATIENCE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivilegedChange:
    """One change to the host: what it is for, the command that does the same, and whether it is in place.

    `engine` marks what only a running engine keeps up (the NDP daemon is its child).
    """

    what: str
    command: str
    in_place: bool
    engine: bool = False


class HostPlan:
    """Plans, applies and tears down what the engine needs on this host."""

    def __init__(self, settings: NetworkSettings, state_dir: Path, netlink: Netlink) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._netlink = netlink
        self._routes = LocalRoutes(netlink)
        self._record = RecordFile(state_dir)
        self._bind = NonlocalBind(self._record)

    async def changes(self) -> tuple[PrivilegedChange, ...]:
        """Return all changes the present prefixes need, in the order they are made; raises OSError."""
        dump = await self._netlink.dump()
        found = []
        if self._settings.nonlocal_bind:
            found.append(
                PrivilegedChange(
                    what="every program may bind addresses of the pool",
                    command=sysctl.command(NONLOCAL_BIND, "1"),
                    in_place=self._bind.on(),
                )
            )
        for prefix in select(dump, self._settings).prefixes:
            if not prefix.deprecated:
                found.extend(self._of(prefix, dump))
        return tuple(found)

    async def apply(self) -> tuple[PrivilegedChange, ...]:
        """Make what `changes` lists and is not in place, except what an engine keeps up; returns what was made.

        Raises OSError at the first change that fails, naming the next step; what was made before it stays and is undone
        by `teardown`.
        """
        missing = [change for change in await self.changes() if not change.in_place and not change.engine]
        if self._settings.nonlocal_bind:
            self._bind.enable()
        dump = await self._netlink.dump()
        loopback = next(link.index for link in dump.links if link.loopback)
        for prefix in select(dump, self._settings).prefixes:
            if not prefix.deprecated:
                self._record.remember_prefix(prefix_text(prefix.network, prefix.length))
                await self._routes.spare(prefix, dump)
                await self._routes.put(prefix.network, prefix.length, loopback)
        return tuple(replace(change, in_place=True) for change in missing)

    async def teardown(self) -> tuple[PrivilegedChange, ...]:
        """Undo everything that is marked as ours, also what a crashed engine left; returns what was undone.

        Ours are routes with our protocol number, the sysctl on record, and an ndppd that runs our configuration.
        """
        undone = []
        for file in sorted(self._state_dir.glob("ndppd-*.conf")):
            for pid in process.with_argument(str(file)):
                if process.kill(pid, _PATIENCE):
                    what = f"ended ndppd {pid}, which ran {file}"
                    undone.append(PrivilegedChange(what=what, command=f"kill -KILL {pid}", in_place=False))
            file.unlink(missing_ok=True)
        names = {link.index: link.name for link in (await self._netlink.dump()).links}
        for route in ours(await self._routes.dump()):
            if await self._routes.delete(route):
                text = prefix_text(route.network, route.length)
                command = removal_command(route, names.get(route.index or 0, "lo"))
                undone.append(PrivilegedChange(what=f"removed the route of {text}", command=command, in_place=False))
        for prefix in self._record.read().prefixes:
            self._record.forget_prefix(prefix)
        before = self._record.read().sysctls.get(NONLOCAL_BIND)
        if before is not None and self._bind.restore():
            what = f"set {NONLOCAL_BIND} back to {before}"
            undone.append(PrivilegedChange(what=what, command=sysctl.command(NONLOCAL_BIND, before), in_place=False))
        return tuple(undone)

    def _of(self, prefix: HostPrefix, dump: Dump) -> list[PrivilegedChange]:
        text = prefix_text(prefix.network, prefix.length)
        held = {route.network for route in dump.routes if route.length == 128 and route.table == TABLE_LOCAL}
        found = [
            PrivilegedChange(
                what=f"neighbour {format_address(address)} inside {text} stays reachable",
                command=exception_command(address, prefix.interface),
                in_place=address in held,
            )
            for address in sorted(bystanders(prefix, dump))
        ]
        found.append(
            PrivilegedChange(
                what=f"every address of {text} is this host",
                command=route_command(prefix.network, prefix.length),
                in_place=state(dump.routes, prefix.network, prefix.length).present,
            )
        )
        strategy, why = choose(self._settings.ndp, prefix)
        if strategy == NDPPD:
            file = self._state_dir / f"ndppd-{prefix.interface}.conf"
            found.append(
                PrivilegedChange(
                    what=f"ndppd answers for {text} on {prefix.interface} ({why})",
                    command=shlex.join([self._settings.ndppd, "-c", str(file)]),
                    in_place=bool(process.with_argument(str(file))),
                    engine=True,
                )
            )
        return found
