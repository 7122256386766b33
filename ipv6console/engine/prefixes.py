"""The prefixes in use: follows what the kernel says, announces, drains and retires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

from ipv6console.engine.core import Core
from ipv6console.engine.errors import Refusal
from ipv6console.engine.fault import Fault
from ipv6console.engine.protocol import HostPrefix, HostView, PrefixWatch, Reach, Reachability
from ipv6console.pool.address import format_address
from ipv6console.pool.prefix import Prefix, Standing, format_prefix
from ipv6console.quantity import addresses, leases
from ipv6console.wire.status import Finding, Level

_INSPECT = 1.0
_RETRY = 2
_BEGUN = 5.0
"""Seconds after which route and NDP of a prefix that were never well are broken, and no longer being set up."""
_TOLD = 1_000
Key = tuple[int, int]


class PrefixKeeper:
    """Keeps the pool's prefixes equal to the kernel's, and this host reachable at each of them."""

    def __init__(
        self, core: Core, watch: PrefixWatch, reach: Reach, on_link: set[int], *, on_change: Callable[[], None]
    ) -> None:
        self.view: HostView | None = None
        self.reachability: dict[Key, Reachability] = {}
        self._core = core
        self._watch = watch
        self._reach = reach
        self._on_change = on_change
        self._on_link = on_link
        self._announced: dict[Key, HostPrefix] = {}
        self._refused: dict[Key, str] = {}
        self._silent: set[Key] = set()
        self._ill_from_start: dict[Key, float] = {}
        self._blind: str | None = None
        self._deaf: str | None = None
        self._lock = asyncio.Lock()
        # What is looked at on somebody's word is not to be overtaken by what was seen before, nor told twice.
        self._looking = asyncio.Lock()

    async def follow(self) -> None:
        """Take up every view of the kernel until cancelled."""
        while True:
            try:
                async for view in self._watch.views():
                    self._hear_again()
                    await self.take(view)
            except OSError as error:
                self._miss(error)
            await asyncio.sleep(_INSPECT)

    async def inspect(self) -> None:
        """Look at routes and daemons every second, and at once when one of them says so, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._inspect_at_times())
            group.create_task(self._inspect_on_word())

    async def take(self, view: HostView) -> None:
        """Make the pool agree with `view`: what is new first, so that there is something to go on with."""
        async with self._lock:
            self.view = view
            await self._exclude(view.addresses | view.neighbours)
            seen = {(prefix.network, prefix.length): prefix for prefix in view.prefixes}
            for prefix in self._wanted(view):
                await self._appear(prefix)
            for prefix in view.prefixes:
                if prefix.deprecated:
                    await self._deprecate(prefix)
            for known in list(self._core.pool.prefixes.values()):
                key = (known.network, known.length)
                if known.standing in (Standing.ACTIVE, Standing.DRAINING) and key not in seen:
                    await self._disappear(known)
            for key in [key for key in self._announced if self._unserved(key)]:
                await self._withdraw(key)

    async def look(self) -> None:
        """Inspect every announced prefix now."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        before = {key: self._summary(found) for key, found in self.reachability.items()}
        try:
            found = {(r.network, r.length): r for r in await self._reach.inspect()}
        except OSError as error:
            if self._blind != str(error):
                self._core.journal.fail("reach.unknown", f"routes and NDP cannot be looked at: {error}")
            self._blind = str(error)
            return
        if self._blind is not None:
            self._core.journal.write("reach.recovered", "routes and NDP can be looked at again")
        self._blind = None
        self.reachability = found
        for key, reachability in found.items():
            known, host = self._core.pool.find_prefix(*key), self.host_prefix(*key)
            if known is not None and host is not None:
                self._note_link(known, host)
            if known is not None:
                self._note_cut(known, reachability.severed)
        self._tell_changes(before)

    def _tell_changes(self, before: dict[Key, tuple[Level, Level]]) -> None:
        known = self.reachability
        self._ill_from_start = {key: since for key, since in self._ill_from_start.items() if key in known}
        for key, reachability in known.items():
            levels = self._summary(reachability)
            if key not in before:
                # What begins is not ill yet: it is told when it has had the time to begin.
                if Level.FAIL in levels or Level.WARN in levels:
                    self._ill_from_start[key] = self._core.clock.now()
            elif before[key] != levels or self._is_ill_for_good(key):
                self._ill_from_start.pop(key, None)
                self._tell(key, reachability)

    def _is_ill_for_good(self, key: Key) -> bool:
        since = self._ill_from_start.get(key)
        return since is not None and self._core.clock.now() - since >= _BEGUN

    async def settle(self, prefix: Prefix) -> None:
        """Make reach agree with a prefix an operator revoked or drained."""
        async with self._lock:
            key = (prefix.network, prefix.length)
            if self._unserved(key):
                await self._withdraw(key)
        self._on_change()

    async def silence(self, prefix: Prefix, text: str) -> None:
        """Drain a prefix that lost its addresses' way back though nobody said so, and ask the kernel for another."""
        core, key = self._core, (prefix.network, prefix.length)
        async with self._lock:
            await core.commit(core.working().drain(prefix, core.clock.now()))
            self._silent.add(key)
        fix = f"ipv6console doctor --prefix {prefix}"
        core.journal.fail("prefix.silent", text, subject=str(prefix), leases=core.leased_in(prefix), fix=fix)
        await self._ask()
        self._on_change()

    async def hear(self, prefix: Prefix) -> None:
        """Take up a silent prefix again, one of whose addresses was proved."""
        self._silent.discard((prefix.network, prefix.length))
        self._core.journal.write("prefix.returned", f"{prefix} works again", subject=str(prefix))
        await self._ask()

    def holds(self, fault: Fault) -> bool:
        """Return whether the route or NDP of a prefix is still broken, if that is the fault: its first seconds are no event."""
        ill = (key for key, reach in self.reachability.items() if self._summary(reach) != (Level.OK, Level.OK))
        return fault.family == "reach" and fault.subject in {format_prefix(*key) for key in ill}

    def check_resumable(self, network: int, length: int) -> None:
        """Raise Refusal when it is not an operator who keeps the prefix from handing out."""
        text, host = format_prefix(network, length), self.host_prefix(network, length)
        if (network, length) in self._silent:
            raise Refusal(
                f"no check URL sees addresses of {text} any more, so none can be handed out",
                next=f"run ipv6console doctor --prefix {text}; it is taken up again by itself once an address is proved",
            )
        if host is not None and host.deprecated:
            raise Refusal(
                f"the network has deprecated {text}: its preferred lifetime is over",
                next="wait until a router announces it anew, or use the prefix that replaces it",
            )

    def silent(self, prefix: Prefix) -> bool:
        """Return whether the prefix drains because it fell silent."""
        return (prefix.network, prefix.length) in self._silent

    def reachable(self, prefix: Prefix) -> bool:
        """Return whether route and NDP of the prefix are well, as far as this host can see."""
        reach = self.reachability.get((prefix.network, prefix.length))
        return reach is not None and reach.route is Level.OK and reach.ndp.level is Level.OK

    def findings(self) -> tuple[Finding, ...]:
        """Return what the kernel and the daemons say is wrong."""
        refused = tuple(
            Finding(subject=format_prefix(*key), level=Level.FAIL, text=text) for key, text in self._refused.items()
        )
        silent = tuple(
            Finding(
                subject=format_prefix(*key),
                level=Level.FAIL,
                text="no check URL sees its addresses any more though route and NDP are well: it was renumbered?",
                fix=f"ipv6console doctor --prefix {format_prefix(*key)}",
            )
            for key in self._silent
        )
        seen = self.view.findings if self.view is not None else ()
        if self._blind is not None:
            seen += (Finding(subject="reach", level=Level.FAIL, text=f"routes and NDP are unknown: {self._blind}"),)
        if self._deaf is not None:
            text = f"the kernel does not tell of prefixes, and is asked again every second: {self._deaf}"
            seen += (Finding(subject="reach", level=Level.FAIL, text=text),)
        return refused + silent + seen + tuple(f for r in self.reachability.values() for f in r.findings)

    def host_prefix(self, network: int, length: int) -> HostPrefix | None:
        """Return what the kernel says about the prefix now."""
        prefixes = self.view.prefixes if self.view is not None else ()
        return next((p for p in prefixes if (p.network, p.length) == (network, length)), None)

    async def _ask(self) -> None:
        try:
            view = await self._watch.view()
        except OSError as error:
            self._miss(error)
        else:
            self._hear_again()
            await self.take(view)

    def _miss(self, error: OSError) -> None:
        if self._deaf != str(error):
            self._core.journal.fail("prefix.unknown", f"the kernel cannot be asked for prefixes: {error}")
        self._deaf = str(error)

    def _hear_again(self) -> None:
        if self._deaf is not None:
            self._deaf = None
            self._core.journal.write("prefix.known", "the kernel tells of prefixes again")

    def _wanted(self, view: HostView) -> list[HostPrefix]:
        usable = [prefix for prefix in view.prefixes if not prefix.deprecated]
        best = next((prefix for prefix in usable if prefix.source != "static"), None)
        return [p for p in usable if p.source == "static" or (best is not None and p.interface == best.interface)]

    async def _appear(self, host: HostPrefix) -> None:
        core, key = self._core, (host.network, host.length)
        known = core.pool.find_prefix(*key)
        if known is not None and (known.standing is Standing.REVOKED or known.held or key in self._silent):
            return
        if not await self._announce(host):
            return
        if known is not None and known.standing is Standing.ACTIVE and known.interface == host.interface:
            self._note_link(known, host)
            return
        try:
            pool = core.working()
            prefix, change = pool.admit(*key, interface=host.interface, source=host.source, now=core.clock.now())
            self._note_link(prefix, host)
            await core.commit(change)
        except Refusal as refusal:
            self._refused[key] = refusal.detail
            return
        self._refused.pop(key, None)
        text = f"{prefix} on {host.interface} ({host.source}, {'on-link' if host.on_link else 'routed'})"
        core.journal.write("prefix.appeared", text, subject=str(prefix))
        self._on_change()

    async def _deprecate(self, host: HostPrefix) -> None:
        core = self._core
        known = core.pool.find_prefix(host.network, host.length)
        if known is None or known.standing is not Standing.ACTIVE:
            return
        try:
            await core.commit(core.working().drain(known, core.clock.now()))
        except Refusal as refusal:
            self._refused[known.network, known.length] = refusal.detail
            return
        self._refused.pop((known.network, known.length), None)
        text = f"{known} on {host.interface} is deprecated: it drains, its leases may end in peace"
        core.journal.warn("prefix.deprecated", text, subject=str(known), leases=core.leased_in(known))
        self._on_change()

    async def _disappear(self, known: Prefix) -> None:
        core = self._core
        try:
            gone = core.working().retire(known, core.clock.now())
            await core.commit(*gone.changes)
        except Refusal as refusal:
            self._refused[known.network, known.length] = refusal.detail
            return
        self._refused.pop((known.network, known.length), None)
        self._silent.discard((known.network, known.length))
        cut = dict(self.view.cut).get(known.interface) if self.view is not None else None
        why = f" because {cut}" if cut else ""
        text = f"{known} is gone{why}: {addresses(gone.removed)} left the pool, {leases(len(gone.ended))} lost"
        core.journal.warn("prefix.gone", text, subject=str(known), count=gone.removed, leases=len(gone.ended))
        for lease in gone.ended[:_TOLD]:
            core.journal.warn(
                "lease.lost",
                f"{format_address(lease.address)} in {lease.mirror}, held by {lease.who}: {known} is gone",
                subject=lease.mirror,
                addr=format_address(lease.address),
                holder=lease.holder,
                process=lease.process,
            )
        self._on_change()

    async def _announce(self, host: HostPrefix) -> bool:
        key = (host.network, host.length)
        announced = self._announced.get(key)
        if announced and (announced.interface, announced.on_link) == (host.interface, host.on_link):
            return True
        try:
            await self._reach.announce(host)
        except OSError as error:
            if self._refused.get(key) != str(error):
                self._core.journal.fail(
                    "prefix.refused", f"{format_prefix(*key)}: {error}", subject=format_prefix(*key)
                )
            self._refused[key] = str(error)
            return False
        if self._refused.pop(key, None) is not None:
            text = format_prefix(*key)
            self._core.journal.write("prefix.accepted", f"{text} is set up now", subject=text)
        self._announced[key] = host
        return True

    async def _withdraw(self, key: Key) -> None:
        try:
            await self._reach.withdraw(*key)
        except OSError as error:
            self._core.journal.fail("prefix.refused", f"{format_prefix(*key)}: {error}", subject=format_prefix(*key))
            return
        del self._announced[key]
        self.reachability.pop(key, None)
        text = format_prefix(*key)
        self._core.journal.write("prefix.withdrawn", f"route and NDP of {text} are removed", subject=text)

    def _unserved(self, key: Key) -> bool:
        known = self._core.pool.find_prefix(*key)
        return key in self._announced and (known is None or known.standing in (Standing.GONE, Standing.REVOKED))

    async def _exclude(self, present: frozenset[int]) -> None:
        core = self._core
        core.present = present
        core.pool.exclusions.see(present)
        rows = core.pool.table.rows_among(present)
        if not rows or core.broken is not None:
            return
        gone = core.pool.remove(rows, core.clock.now(), reason="the address is in use on the link")
        try:
            await core.commit(*gone.changes)
        except Refusal as refusal:
            core.journal.fail("address.removed", refusal.detail)
            return
        text = f"{addresses(len(rows))} turned out to be somebody's on this link; {leases(len(gone.ended))} ended"
        core.journal.warn("address.removed", text, count=gone.removed, leases=len(gone.ended))
        # Neighbours must not be answered for them any longer.
        core.changed.set()

    def _note_link(self, prefix: Prefix, host: HostPrefix) -> None:
        """Note whether addresses of `prefix` fill a neighbour table: as the network showed, else as the routes say."""
        reach = self.reachability.get((host.network, host.length))
        shown = reach.on_link if reach is not None else None
        if host.on_link if shown is None else shown:
            self._on_link.add(prefix.id)
        else:
            self._on_link.discard(prefix.id)

    def _note_cut(self, prefix: Prefix, why: str | None) -> None:
        """Hand out nothing of a prefix while nothing can come back to it: a dead address is worse than a clear no."""
        if prefix.severed != why and prefix.standing in (Standing.ACTIVE, Standing.DRAINING):
            self._core.pool.sever(prefix, why)
            self._on_change()

    def _tell(self, key: Key, reachability: Reachability) -> None:
        ndp, text = reachability.ndp, format_prefix(*key)
        levels = (reachability.route, ndp.level)
        if Level.FAIL not in levels:
            self._on_change()
        well = levels == (Level.OK, Level.OK)
        said = f"{text}: {reachability.text}; {ndp.strategy}: {ndp.text}"
        fix = ndp.fix or f"ipv6console doctor --prefix {text}"
        if well:
            self._core.journal.write("reach.recovered", said, subject=text)
        elif Level.FAIL in (reachability.route, ndp.level):
            self._core.journal.fail("reach.broken", said, subject=text, fix=fix)
        else:
            self._core.journal.warn("reach.changed", said, subject=text, fix=fix)

    @staticmethod
    def _summary(reachability: Reachability) -> tuple[Level, Level]:
        return reachability.route, reachability.ndp.level

    async def _inspect_at_times(self) -> None:
        for second in count():
            await self.look()
            if second % _RETRY == 0 and self._refused and self.view is not None and self._core.broken is None:
                await self.take(self.view)
            await asyncio.sleep(_INSPECT)

    async def _inspect_on_word(self) -> None:
        async for _ in self._reach.changes():
            await self.look()
