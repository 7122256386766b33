"""Walks the chain that makes an address work: interface, prefix, route, bind, NDP, echo."""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from ipv6console import quantity
from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.freebind import bound_socket
from ipv6console.linux import sysctl
from ipv6console.linux.dump import ROUTE_LOCAL, TABLE_LOCAL, Address, Dump, Link, Neighbour
from ipv6console.linux.firewall import TABLE, Firewall, FirewallError, Table, command, guard
from ipv6console.linux.ndp import examination
from ipv6console.linux.ndp.asking import ask
from ipv6console.linux.ndp.examination import Surroundings
from ipv6console.linux.ndp.strategy import AUTO, ROUTED, Evidence, placed
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import CABLE, Selection, prefix_text, select, unused
from ipv6console.linux.reach import HostReach
from ipv6console.linux.routes import bystanders, exception_command, route_command, state
from ipv6console.linux.sysctl import NONLOCAL_BIND
from ipv6console.linux.trouble import HostError
from ipv6console.pool.address import format_address
from ipv6console.wire.doctor import DoctorReport, DoctorStep
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level

STEPS = ("interface", "prefix", "route", "bind", "inbound", "ndp", "echo")
NOT_USABLE = "not usable"
"""The verdict begins with this when a step failed, and names the step after a colon."""

Echo = Callable[[int], Awaitable[tuple[bool, str]]]
"""Proves one source address from outside; returns whether it works and what was seen."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """What one examination looks at."""

    dump: Dump
    selection: Selection
    prefix: HostPrefix | None
    proxies: tuple[Neighbour, ...]
    interface: str | None
    source: int
    evidence: Evidence | None


class HostDoctor:
    """Examines this host (a Doctor); `reach` is the one that keeps NDP up here, None when no engine runs."""

    def __init__(
        self, settings: NetworkSettings, state_dir: Path, netlink: Netlink, reach: HostReach | None, echo: Echo
    ) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._netlink = netlink
        self._reach = reach
        self._echo = echo

    async def examine(self, prefix: HostPrefix | None) -> DoctorReport:
        """Return the chain's report for `prefix`, or for the best one of this host when None; raises OSError.

        Steps after the first failure are not taken: what they would show says nothing.
        """
        scene = await self._scene(prefix)
        if self._reach is None or scene.prefix is None:
            return await self._walk(scene)
        # Strategies that answer for live addresses alone have to be told of the one that is tried.
        async with self._reach.trial(scene.source):
            return await self._walk(scene)

    async def _walk(self, scene: _Scene) -> DoctorReport:
        looks = (self._interface, self._prefix, self._route, self._bind, self._inbound, self._ndp, self._echoed)
        steps: list[DoctorStep] = []
        failed: str | None = None
        for name, look in zip(STEPS, looks, strict=True):
            if failed is not None:
                steps.append(DoctorStep(name=name, level=Level.UNKNOWN, text=f"not reached: {failed} comes first"))
                continue
            step = await look(scene)
            steps.append(step)
            if step.level is Level.FAIL:
                failed = name
        on_link = scene.prefix is not None and scene.prefix.on_link
        if scene.evidence is not None and scene.evidence.on_link is not None:
            on_link = scene.evidence.on_link
        usable = "on-link" if on_link else "routed"
        return DoctorReport(
            at=time.time(),
            prefix=prefix_text(scene.prefix.network, scene.prefix.length) if scene.prefix else None,
            interface=scene.interface,
            verdict=f"{NOT_USABLE}: {failed}" if failed else usable,
            steps=tuple(steps),
        )

    async def _scene(self, prefix: HostPrefix | None) -> _Scene:
        dump = await self._netlink.dump()
        selection = select(dump, self._settings)
        found = (
            next(iter(sorted(selection.prefixes, key=lambda row: row.deprecated)), None) if prefix is None else prefix
        )
        named = found.interface if found else next(iter(self._settings.interfaces), None)
        if named is None:
            likely = [dump.by_index[r.index] for r in dump.default_routes() if r.index in dump.by_index]
            likely += [link for link in dump.links if not link.loopback]
            named = likely[0].name if likely else None
        proxies = await self._netlink.proxies()
        source = None
        if found is not None and self._reach is None:
            source = examination.answered_already(found, dump, proxies)
        if found is not None and source is None:
            source = unused(found, dump) or examination.answered_already(found, dump, proxies) or found.address
        evidence = await self._evidence(found, dump)
        return _Scene(dump, selection, found, proxies, named, source or 0, evidence)

    async def _evidence(self, prefix: HostPrefix | None, dump: Dump) -> Evidence | None:
        """Return what the network shows of `prefix`: what the engine has found out, or what is asked now.

        Where the settings say that nobody asks, that is put to the proof.
        """
        if prefix is None or self._settings.ndp not in (AUTO, ROUTED):
            return None
        if self._reach is not None and self._settings.ndp == AUTO:
            return self._reach.evidence(prefix)
        link = dump.link(prefix.interface)
        return await ask(prefix, dump) if link is not None and link.carrier else None

    async def _interface(self, scene: _Scene) -> DoctorStep:
        name = scene.interface
        there = tuple(f"{link.name}: {_link_words(link)}" for link in scene.dump.links)
        if name is None:
            text = "this host has no network interface beside loopback"
            return DoctorStep(name="interface", level=Level.FAIL, text=text, evidence=there)
        link = scene.dump.link(name)
        if link is None:
            return DoctorStep(name="interface", level=Level.FAIL, text=f"{name} does not exist", evidence=there)
        seen = (f"{name}: {_link_words(link)}",)
        if not link.up:
            fix = f"ip link set dev {name} up"
            return DoctorStep(name="interface", level=Level.FAIL, text=f"{name} is down", evidence=seen, fix=fix)
        if not link.carrier:
            text = f"{name} has no carrier: {CABLE}"
            return DoctorStep(name="interface", level=Level.FAIL, text=text, evidence=seen)
        return DoctorStep(name="interface", level=Level.OK, text=f"{name} is up", evidence=seen)

    async def _prefix(self, scene: _Scene) -> DoctorStep:
        prefix, name = scene.prefix, scene.interface or ""
        link = scene.dump.link(name)
        held = tuple(_address_words(row) for row in scene.dump.addresses if link and row.index == link.index)
        if prefix is None:
            disabled = sysctl.of_interface("conf", name, "disable_ipv6")
            if _reads(disabled) == "1":
                text = f"IPv6 is switched off on {name}"
                return DoctorStep(
                    name="prefix", level=Level.FAIL, text=text, evidence=held, fix=sysctl.command(disabled, "0")
                )
            reasons = [finding for finding in scene.selection.findings if finding.subject in ("prefix", name)]
            text = "; ".join(finding.text for finding in reasons) or "no usable global IPv6 prefix"
            fix = next((finding.fix for finding in reasons if finding.fix), None)
            return DoctorStep(name="prefix", level=Level.FAIL, text=text, evidence=held, fix=fix)
        shown = prefix_text(prefix.network, prefix.length)
        now = next(
            (p for p in scene.selection.prefixes if (p.network, p.length) == (prefix.network, prefix.length)), None
        )
        if now is None:
            text = f"this host no longer has an address in {shown}"
            return DoctorStep(name="prefix", level=Level.FAIL, text=text, evidence=held)
        if now.deprecated:
            text = f"{shown} is deprecated: the network is taking it back"
            return DoctorStep(name="prefix", level=Level.WARN, text=text, evidence=held)
        return DoctorStep(name="prefix", level=Level.OK, text=f"{shown} ({now.source}) on {name}", evidence=held)

    async def _route(self, scene: _Scene) -> DoctorStep:
        prefix, dump = _given(scene.prefix), scene.dump
        shown = prefix_text(prefix.network, prefix.length)
        table = [route for route in dump.routes if route.table == TABLE_LOCAL]
        standing = state(table, prefix.network, prefix.length)
        if not standing.present and any(row.address == scene.source for row in dump.pooled):
            text = f"{format_address(scene.source)} is local by itself; the rest of {shown} is not"
            return DoctorStep(name="route", level=Level.OK, text=text, evidence=tuple(_route_words(dump)))
        evidence = [f"local route of {shown}: {'by ' + standing.owner if standing.present else 'missing'}"]
        if not standing.present:
            text = f"the kernel does not know that all of {shown} is this host"
            return _failed("route", text, evidence, route_command(prefix.network, prefix.length))
        taken = await self._netlink.resolve(scene.source)
        evidence.append(f"{format_address(scene.source)} is {'local' if taken.kind == ROUTE_LOCAL else 'not local'}")
        if taken.kind != ROUTE_LOCAL:
            return _failed(
                "route", f"another route or rule comes before the local route of {shown}; see `ip -6 rule`", evidence
            )
        if not dump.default_routes():
            return _failed("route", "there is no IPv6 default route", evidence, _way_out(scene))
        evidence.extend(_route_words(dump))
        excepted = {route.network for route in table if route.length == 128}
        swallowed = sorted(address for address in bystanders(prefix, dump) if address not in excepted)
        if swallowed:
            names = ", ".join(format_address(address) for address in swallowed[:4])
            fix = " && ".join(exception_command(address, prefix.interface) for address in swallowed)
            text = f"the local route hides {len(swallowed)} on-link neighbour(s): {names}"
            return DoctorStep(name="route", level=Level.WARN, text=text, evidence=tuple(evidence), fix=fix)
        return DoctorStep(name="route", level=Level.OK, text=f"all of {shown} is local", evidence=tuple(evidence))

    async def _bind(self, scene: _Scene) -> DoctorStep:
        source = format_address(scene.source)
        try:
            bound_socket(source).close()
        except OSError as error:
            return _failed(
                "bind", f"binding {source} fails: {error.strerror}", [f"freebind {source}: {error.strerror}"]
            )
        evidence = [f"freebind {source}: ok"]
        plain = _plain_bind(source)
        evidence += [f"plain bind {source}: {plain or 'ok'}", f"{NONLOCAL_BIND} = {sysctl.read(NONLOCAL_BIND)}"]
        if plain is None:
            return DoctorStep(name="bind", level=Level.OK, text="every program can bind", evidence=tuple(evidence))
        if not self._settings.nonlocal_bind:
            text = "programs that set IPV6_FREEBIND can bind; network.nonlocal_bind is off, so others cannot"
            return DoctorStep(name="bind", level=Level.OK, text=text, evidence=tuple(evidence))
        text = "only programs that set IPV6_FREEBIND can bind; curl and others cannot"
        fix = sysctl.command(NONLOCAL_BIND, "1")
        return DoctorStep(name="bind", level=Level.WARN, text=text, evidence=tuple(evidence), fix=fix)

    async def _inbound(self, scene: _Scene) -> DoctorStep:
        prefix = _given(scene.prefix)
        if not self._settings.firewall:
            text = (
                "network.firewall is off: services of this host answer new connections on every address of the prefix"
            )
            return DoctorStep(name="inbound", level=Level.OK, text=text, evidence=("network.firewall = false",))
        try:
            table = await Firewall().look()
        except FirewallError as error:
            return DoctorStep(name="inbound", level=Level.WARN, text=error.text, evidence=("nft list",), fix=error.fix)
        own = [row.address for row in scene.dump.addresses]
        wanted = guard([(prefix.network, prefix.length)], own)
        guarded = table.whole and all(
            any(net.subnet_of(have) for have in table.guard.prefixes) for net in wanted.prefixes
        )
        evidence = (f"nftables table `{TABLE}`: {_table_words(table)}",)
        if table.ours and guarded and wanted.spared <= table.guard.spared:
            text = "new connections from outside to addresses of the pool are dropped"
            return DoctorStep(name="inbound", level=Level.OK, text=text, evidence=evidence)
        if table.present and not table.ours:
            text = f"a table `{TABLE}` of somebody else is in the way, so services of this host answer on every address"
            return DoctorStep(name="inbound", level=Level.WARN, text=text, evidence=evidence)
        wider = guard(((net_of.network, net_of.length) for net_of in scene.selection.prefixes), own)
        text = "services of this host answer new connections from outside on every address of the prefix"
        fix = command(wider if wanted.prefixes <= wider.prefixes else wanted)
        return DoctorStep(name="inbound", level=Level.WARN, text=text, evidence=evidence, fix=fix)

    async def _ndp(self, scene: _Scene) -> DoctorStep:
        prefix = _given(scene.prefix)
        around = Surroundings(
            prefix=placed(prefix, scene.evidence),
            source=scene.source,
            dump=scene.dump,
            proxies=scene.proxies,
            evidence=scene.evidence,
            beside=scene.selection.prefixes,
        )
        row = await self._row(prefix)
        if row is None or (row.strategy == ROUTED and around.asked_for):
            return examination.examine(around, self._settings, self._state_dir)
        told = [f"strategy {row.strategy}: {row.why}"]
        if row.pid is not None:
            told.append(f"pid {row.pid}, {quantity.many(row.restarts, 'restart', 'restarts')}, cpu {_share(row.cpu)}")
        if row.solicited is not None:
            told.append(f"{row.solicited} solicitations seen, {row.answered} answered")
        level = Level.WARN if row.level in (Level.UNKNOWN, Level.OFF) else row.level
        return DoctorStep(name="ndp", level=level, text=row.text, evidence=tuple(told), fix=row.fix)

    async def _echoed(self, scene: _Scene) -> DoctorStep:
        source = format_address(scene.source)
        good, seen = await self._echo(scene.source)
        if good:
            return DoctorStep(name="echo", level=Level.OK, text=f"{source} was seen outside", evidence=(seen,))
        guess = (
            "everything here is right, so look upstream: does the provider filter neighbours or addresses on this port?"
            if placed(_given(scene.prefix), scene.evidence).on_link
            else "everything here is right, so look upstream: does the router send the whole prefix to this host?"
        )
        return _failed("echo", f"{source} gets no answer; {guess}", [seen])

    async def _row(self, prefix: HostPrefix) -> NdpRow | None:
        if self._reach is None:
            return None
        key = (prefix.network, prefix.length)
        return next((row.ndp for row in await self._reach.inspect() if (row.network, row.length) == key), None)


def _given(prefix: HostPrefix | None) -> HostPrefix:
    if prefix is None:
        raise LookupError("the prefix step comes first")
    return prefix


def _failed(name: str, text: str, evidence: list[str], fix: str | None = None) -> DoctorStep:
    return DoctorStep(name=name, level=Level.FAIL, text=text, evidence=tuple(evidence), fix=fix)


def _plain_bind(source: str) -> str | None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
        try:
            sock.bind((source, 0))
        except OSError as error:
            return error.strerror or str(error)
    return None


def _reads(key: str) -> str | None:
    """Return the value of a setting, None when there is none: its interface may have gone since the tables were read."""
    try:
        return sysctl.read(key)
    except HostError:
        return None


def _way_out(scene: _Scene) -> str | None:
    """Return the command that adds a default route, if a neighbour says that it is a router."""
    link = scene.dump.link(scene.interface or "")
    routers = [row for row in scene.dump.neighbours if link and row.index == link.index and row.router and row.known]
    if not routers or link is None:
        return None
    return f"ip -6 route add default via {format_address(routers[0].address)} dev {link.name}"


def _route_words(dump: Dump) -> list[str]:
    words = []
    for route in dump.default_routes():
        via = f" via {format_address(route.gateway)}" if route.gateway is not None else ""
        link = dump.by_index.get(route.index) if route.index is not None else None
        words.append(f"default{via} dev {link.name if link else '?'} metric {route.metric}")
    return words


def _link_words(link: Link) -> str:
    if not link.up:
        return "down"
    return "up" if link.carrier else "up, no carrier"


def _address_words(row: Address) -> str:
    marks = [name for name in ("tentative", "duplicate", "deprecated", "temporary") if getattr(row, name)]
    return " ".join([f"{format_address(row.address)}/{row.length}", *marks])


def _table_words(table: Table) -> str:
    if not table.present:
        return "missing"
    if not table.ours:
        return "not made by us"
    return f"guards {', '.join(str(prefix) for prefix in sorted(table.guard.prefixes)) or 'nothing'}"


def _share(cpu: float | None) -> str:
    return "not measured yet" if cpu is None else f"{cpu:.0%} of a core"
