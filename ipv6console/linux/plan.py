"""Every privileged change, listed before it is done, done on request, and undone: `ipv6console net`."""

from __future__ import annotations

import asyncio
import errno
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import process, sysctl
from ipv6console.linux.dump import POOLED_METRIC, PROTOCOL, TABLE_LOCAL, Dump
from ipv6console.linux.firewall import REMOVAL, TABLE, Firewall, FirewallError, Guard, command, guard
from ipv6console.linux.ground import loopback
from ipv6console.linux.ndp.answering import owner
from ipv6console.linux.ndp.asking import ask
from ipv6console.linux.ndp.block import difference, has_block, without_block
from ipv6console.linux.ndp.config import config_path, told_to_read
from ipv6console.linux.ndp.proxying import proxy_needs
from ipv6console.linux.ndp.service import ServiceFile, answering, rules_of
from ipv6console.linux.ndp.strategy import (
    ADDRESS,
    AUTO,
    NDPPD,
    PROXY,
    RESPONDER,
    Evidence,
    choose,
    find_means,
    placed,
)
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
from ipv6console.linux.sysctl import NONLOCAL_BIND, Sysctls
from ipv6console.linux.trouble import HostError
from ipv6console.linux.wholefile import FRESH
from ipv6console.pool.address import format_address

_PATIENCE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivilegedChange:
    """One change to the host: what it is for, the command that does the same, and whether it is in place.

    `engine` marks what only a running engine keeps up: a daemon that is its child, what is there for live addresses.
    """

    what: str
    command: str
    in_place: bool
    engine: bool = False


@dataclass(frozen=True, slots=True)
class _Served:
    """One prefix as the network shows it to be, the strategy that serves it, and why that one."""

    prefix: HostPrefix
    strategy: str
    why: str


class HostPlan:
    """Plans, applies and tears down what the engine needs on this host."""

    def __init__(self, settings: NetworkSettings, state_dir: Path, netlink: Netlink) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._netlink = netlink
        self._routes = LocalRoutes(netlink)
        self._record = RecordFile(state_dir)
        self._sysctls = Sysctls(self._record)
        self._firewall = Firewall()

    async def changes(self) -> tuple[PrivilegedChange, ...]:
        """Return all changes the present prefixes need, in the order they are made; raises OSError."""
        dump = await self._netlink.dump()
        return await self._changes(dump, await self._served(dump))

    async def missing(self) -> tuple[PrivilegedChange, ...]:
        """Return what `apply` would make; raises OSError as it does."""
        dump = await self._netlink.dump()
        return tuple(await self._missing(dump, await self._served(dump)))

    async def apply(self) -> tuple[PrivilegedChange, ...]:
        """Make what `changes` lists and is not in place, except what an engine keeps up; returns what was made.

        Raises OSError at the first change that fails, naming the next step; what was made before it stays and is undone
        by `teardown`.
        """
        dump = await self._netlink.dump()
        served = await self._served(dump)
        prefixes = [item.prefix for item in served]
        missing = await self._missing(dump, served)
        if self._settings.nonlocal_bind:
            self._sysctls.change(NONLOCAL_BIND, "1")
        if self._settings.firewall:
            try:
                await self._firewall.put(_guard(prefixes, dump))
            except FirewallError:
                # Addresses are worth having without it; `changes` says that it is not in place, and why.
                missing = [change for change in missing if not change.command.startswith("nft ")]
        for prefix in prefixes:
            self._record.remember_prefix(prefix_text(prefix.network, prefix.length))
            await self._routes.spare(prefix, dump)
            await self._routes.put(prefix.network, prefix.length, loopback(dump).index)
        return tuple(replace(change, in_place=True) for change in missing)

    async def teardown(self, *, dry: bool = False) -> tuple[PrivilegedChange, ...]:
        """Undo everything that is marked as ours, also what a crashed engine left; returns what was undone.

        With `dry` nothing is undone, and what would be is returned.

        Ours are routes and proxy entries with our protocol number, addresses with our metric, the sysctls on record,
        and an ndppd or responder that runs for this state directory. Raises HostError after trying all.
        """
        undone: list[PrivilegedChange] = []
        failures: dict[str, OSError] = {}
        for step in (
            self._end_daemons,
            self._remove_block,
            self._remove_entries,
            self._remove_routes,
            self._remove_table,
            self._restore_settings,
        ):
            try:
                undone += await step(dry=dry)
            except OSError as error:
                failures.setdefault(str(error), error)
        if failures:
            rest = f"; the rest is undone ({len(undone)} changes)" if undone else ""
            raise HostError(next(iter(failures.values())).errno or errno.EIO, "; ".join(failures) + rest)
        return tuple(undone)

    async def _served(self, dump: Dump) -> list[_Served]:
        """Return the prefixes as an engine would serve them: where the network was asked, what it showed counts."""
        hosts = [prefix for prefix in select(dump, self._settings).prefixes if not prefix.deprecated]
        shown: list[Evidence | None] = [None] * len(hosts)
        if self._settings.ndp == AUTO:
            shown = list(await asyncio.gather(*(ask(host, dump) for host in hosts)))
        means = find_means(self._settings)
        return [
            _Served(placed(host, evidence), *choose(self._settings.ndp, host, means, evidence))
            for host, evidence in zip(hosts, shown, strict=True)
        ]

    async def _missing(self, dump: Dump, served: list[_Served]) -> list[PrivilegedChange]:
        if not served:
            text = "this host has no usable prefix, so there is nothing to make; `ipv6console doctor` says why"
            raise HostError(errno.ENODEV, text)
        return [change for change in await self._changes(dump, served) if not change.in_place and not change.engine]

    async def _changes(self, dump: Dump, served: list[_Served]) -> tuple[PrivilegedChange, ...]:
        found: list[PrivilegedChange] = []
        if not served:
            return ()
        if self._settings.nonlocal_bind:
            found.append(
                PrivilegedChange(
                    what="every program may bind addresses of the pool",
                    command=sysctl.command(NONLOCAL_BIND, "1"),
                    in_place=sysctl.read(NONLOCAL_BIND) == "1",
                )
            )
        if self._settings.firewall:
            found.append(await self._inbound([item.prefix for item in served], dump))
        for item in served:
            found.extend(self._of(item, dump))
            if item.strategy != NDPPD or not self._settings.ndppd_service:
                found.extend(self._ndp(item, dump))
        by_service = [item for item in served if item.strategy == NDPPD and self._settings.ndppd_service]
        return (*found, *self._service(by_service))

    def _service(self, served: list[_Served]) -> list[PrivilegedChange]:
        """Return the one change of the one file of the system's ndppd, for all prefixes it answers for."""
        if not served:
            return []
        file, restart = ServiceFile(self._settings), self._settings.ndppd_restart
        wanted = rules_of(item.prefix for item in served)
        answered = ", ".join(
            f"{prefix_text(item.prefix.network, item.prefix.length)} on {item.prefix.interface} ({item.why})"
            for item in served
        )
        what = f"the system's ndppd answers for {answered}"
        try:
            before, text = file.read(), file.planned(wanted)
        except (OSError, ValueError) as error:
            return [_kept(f"{what}: not possible, {error}", restart, in_place=False)]
        if text == before:
            return [_kept(what, restart, in_place=all(answering(interface) for interface in wanted))]
        command = f"printf %s {shlex.quote(text)} > {shlex.quote(str(file.path))} && {restart}"
        return [_kept(f"{what}:\n{difference(file.path, before, text)}", command, in_place=False)]

    async def _remove_block(self, *, dry: bool) -> list[PrivilegedChange]:
        file = ServiceFile(self._settings)
        try:
            before = file.read()
            if not has_block(before):
                if not dry:
                    file.tidy()
                return []
        except ValueError as error:
            raise HostError(errno.EINVAL, f"{file.path}: {error}") from error
        trouble = None if dry else await file.put(without_block(before), ())
        what = f"took our block out of {file.path}, and {'restarted ndppd' if trouble is None else trouble}:\n"
        what += difference(file.path, before, without_block(before))
        return [PrivilegedChange(what=what, command=self._settings.ndppd_restart, in_place=False)]

    async def _inbound(self, prefixes: list[HostPrefix], dump: Dump) -> PrivilegedChange:
        wanted = _guard(prefixes, dump)
        what = "nobody outside opens connections to addresses of the pool"
        try:
            table = await self._firewall.look()
        except FirewallError as error:
            return PrivilegedChange(what=f"{what} ({error.text})", command=command(wanted), in_place=False)
        there = table.ours and table.whole and table.guard == wanted
        return PrivilegedChange(what=what, command=command(wanted), in_place=there)

    async def _end_daemons(self, *, dry: bool) -> list[PrivilegedChange]:
        undone = []
        files = sorted(self._state_dir.glob("ndppd-*.conf"))
        running = [
            (pid, f"ndppd {pid}, which ran {file}")
            for file in files
            for pid in process.with_argument(*told_to_read(file))
        ]
        running += [(pid, f"responder {pid}") for pid in process.with_argument_below(owner(self._state_dir))]
        for pid, who in running:
            if dry or process.kill(pid, _PATIENCE):
                undone.append(PrivilegedChange(what=f"ended {who}", command=f"kill -KILL {pid}", in_place=False))
        if dry:
            return undone
        # Beside what an engine wrote, the process number of an ndppd the doctor had started, and what was never finished.
        numbers = [file.with_suffix(".pid") for file in files]
        for file in (
            *files,
            *numbers,
            *self._state_dir.glob(f"*.conf{FRESH}"),
            *self._state_dir.glob(f"*.json{FRESH}"),
        ):
            file.unlink(missing_ok=True)
        return undone

    async def _remove_routes(self, *, dry: bool) -> list[PrivilegedChange]:
        names = {link.index: link.name for link in (await self._netlink.dump()).links}
        undone = []
        for route in ours(await self._routes.dump()):
            if dry or await self._routes.delete(route):
                text = prefix_text(route.network, route.length)
                command = removal_command(route, names.get(route.index or 0, "lo"))
                undone.append(PrivilegedChange(what=f"removed the route of {text}", command=command, in_place=False))
        for prefix in () if dry else self._record.read().prefixes:
            self._record.forget_prefix(prefix)
        return undone

    async def _remove_table(self, *, dry: bool) -> list[PrivilegedChange]:
        try:
            table = await self._firewall.look()
            ours = table.present and table.ours and (dry or await self._firewall.remove())
        except FirewallError as error:
            if error.fix is None:
                raise
            return []  # without nft or privilege there is no table of ours to be seen
        if not ours:
            return []
        what = f"removed the nftables table `{TABLE}`"
        return [PrivilegedChange(what=what, command=REMOVAL, in_place=False)]

    async def _restore_settings(self, *, dry: bool) -> list[PrivilegedChange]:
        settings = tuple(self._sysctls.changed().items()) if dry else self._sysctls.restore()
        return [
            PrivilegedChange(what=f"set {key} back to {before}", command=sysctl.command(key, before), in_place=False)
            for key, before in settings
        ]

    async def _remove_entries(self, *, dry: bool) -> list[PrivilegedChange]:
        undone = []
        dump = await self._netlink.dump()
        names = {link.index: link.name for link in dump.links}
        proxies = [row for row in await self._netlink.proxies() if row.protocol == PROTOCOL]
        for row in proxies:
            if not dry:
                await self._netlink.drop_proxies([row.address], row.index)
            address, name = format_address(row.address), names.get(row.index, str(row.index))
            command = f"ip -6 neigh del proxy {address} dev {name}"
            undone.append(
                PrivilegedChange(what=f"removed the proxy entry of {address}", command=command, in_place=False)
            )
        for held in dump.pooled:
            if not dry:
                await self._netlink.unassign([held.address], held.index)
            address, name = format_address(held.address), names.get(held.index, str(held.index))
            command = f"ip -6 addr del {address}/128 dev {name}"
            undone.append(PrivilegedChange(what=f"took {address} back", command=command, in_place=False))
        return undone

    def _of(self, item: _Served, dump: Dump) -> list[PrivilegedChange]:
        prefix = item.prefix
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
        return found

    def _ndp(self, item: _Served, dump: Dump) -> list[PrivilegedChange]:
        prefix, strategy, why = item.prefix, item.strategy, item.why
        text, interface = prefix_text(prefix.network, prefix.length), prefix.interface
        if strategy == NDPPD:
            file = told_to_read(config_path(self._state_dir, interface))
            what = f"ndppd answers for {text} on {interface} ({why})"
            command = shlex.join([self._settings.ndppd, *file])
            return [_kept(what, command, in_place=bool(process.with_argument(*file)))]
        if strategy == RESPONDER:
            argument = f"{owner(self._state_dir)}/{interface}"
            what = f"a responder answers for live addresses of {text} on {interface} ({why})"
            command = shlex.join(["python", "-m", "ipv6console.linux.ndp.responder", interface, argument])
            return [_kept(what, command, in_place=bool(process.with_argument(argument)))]
        if strategy == ADDRESS:
            what = f"each live address of {text} is assigned to {interface} ({why})"
            command = (
                f"ip -6 addr add ADDRESS/128 dev {interface} nodad noprefixroute preferred_lft 0 metric {POOLED_METRIC}"
            )
            return [_kept(what, command, in_place=any(row.length == 128 for row in dump.pooled))]
        if strategy == PROXY:
            settings = [
                _kept(
                    f"the kernel answers at once for addresses it proxies on {interface}",
                    sysctl.command(key, value),
                    in_place=there,
                )
                for key, value, there in proxy_needs(interface, dump)
            ]
            what = f"the kernel proxies each live address of {text} on {interface} ({why})"
            command = f"ip -6 neigh replace proxy ADDRESS dev {interface} protocol {PROTOCOL}"
            return [*settings, _kept(what, command, in_place=False)]
        return []


def _guard(prefixes: list[HostPrefix], dump: Dump) -> Guard:
    return guard(((row.network, row.length) for row in prefixes), (row.address for row in dump.addresses))


def _kept(what: str, command: str, *, in_place: bool) -> PrivilegedChange:
    return PrivilegedChange(what=what, command=command, in_place=in_place, engine=True)
