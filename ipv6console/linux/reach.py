"""Makes this host answer for prefixes: local route, sysctl and NDP strategy together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix, Reachability
from ipv6console.linux import capability
from ipv6console.linux.dump import TABLE_LOCAL, Address, Dump, Neighbour, Notice, NoticeKind, Route
from ipv6console.linux.firewall import FirewallKeeper, guard
from ipv6console.linux.ground import Ground, Key
from ipv6console.linux.ndp.answering import ResponderStrategy
from ipv6console.linux.ndp.assigning import AddressStrategy
from ipv6console.linux.ndp.inquiry import Inquiries
from ipv6console.linux.ndp.ndppd import NdppdStrategy
from ipv6console.linux.ndp.proxying import ProxyStrategy
from ipv6console.linux.ndp.routed import RoutedStrategy
from ipv6console.linux.ndp.service import ServiceStrategy
from ipv6console.linux.ndp.strategy import (
    ADDRESS,
    AUTO,
    BY_ADDRESS,
    NDPPD,
    PROXY,
    RESPONDER,
    ROUTED,
    Evidence,
    Strategy,
    choose,
    find_means,
    known,
    placed,
)
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import CABLE, contains, prefix_text, severed, ways_out
from ipv6console.linux.record import RecordFile
from ipv6console.linux.sysctl import Sysctls
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.status import Finding, Level, Stamp

_AGAIN = 1.0
_SUCCESSION = 60.0
"""Seconds a successor may take to start before nobody answers neighbours any more."""


@dataclass(frozen=True, slots=True)
class _Announced:
    """One prefix as the kernel has it, and as it is served: where the network showed that it is asked for."""

    host: HostPrefix
    prefix: HostPrefix
    strategy: str
    why: str
    evidence: Evidence | None = None


class HostReach:
    """Sets up and keeps up routes and NDP (a Reach); raises ValueError when network.ndp names no strategy."""

    def __init__(self, settings: NetworkSettings, state_dir: Path, netlink: Netlink) -> None:
        known(settings.ndp)
        self._settings = settings
        self._netlink = netlink
        record = RecordFile(state_dir)
        self._sysctls = Sysctls(record)
        self._ground = Ground(settings, record, netlink, self._sysctls)
        self._responder = ResponderStrategy(state_dir, self._ring, join=settings.solicited_nodes)
        self._strategies: dict[str, Strategy] = {
            ROUTED: RoutedStrategy(),
            NDPPD: (
                ServiceStrategy(settings)
                if settings.ndppd_service
                else NdppdStrategy(settings.ndppd, state_dir, self._ring)
            ),
            RESPONDER: self._responder,
            ADDRESS: AddressStrategy(netlink),
            PROXY: ProxyStrategy(netlink, self._sysctls),
        }
        self._inquiries = Inquiries(self._ring)
        self._firewall = FirewallKeeper(wanted=settings.firewall)
        self._capability: tuple[Finding, ...] | None = None
        self._ways: frozenset[str] = frozenset()
        self._announced: dict[Key, _Announced] = {}
        self._live: set[int] = set()
        self._listeners: set[asyncio.Event] = set()
        self._turn = asyncio.Lock()

    async def announce(self, prefix: HostPrefix) -> None:
        """Set up route, sysctl and NDP for `prefix`; repeating it changes nothing.

        Raises OSError when the route cannot be set up; `inspect` tries again then. What NDP or the sysctl lack does not
        raise: addresses of a working route are worth having, and `inspect` says what is missing.
        """
        async with self._turn:
            item = self._chosen(prefix)
            await self._give_up(item)
            self._announced[prefix.network, prefix.length] = item
            self._ground.enable_bind()
            dump = await self._netlink.dump()
            self._ways = ways_out(dump) or self._ways
            await self._guard(dump)
            try:
                await self._ground.put(item.prefix, dump)
            finally:
                with suppress(OSError):  # the row says what is wrong, and `mend` tries again
                    await self._serve(item)
                self._inquire(item, dump)

    async def withdraw(self, network: int, length: int) -> None:
        """Remove what `announce` set up for that prefix; raises OSError."""
        async with self._turn:
            await self._withdraw((network, length))
            await self._guard(await self._netlink.dump())

    async def withdraw_all(self) -> None:
        """Remove everything that was set up, last to first, and set the sysctl back; raises OSError after trying all."""
        async with self._turn:
            failures: list[OSError] = []
            steps: list[Callable[[], Awaitable[object]]] = [
                *(partial(self._withdraw, key) for key in reversed(list(self._announced))),
                self._firewall.end,
                *(strategy.stop for strategy in self._strategies.values()),
                partial(self._ground.sweep, ()),
                self._restore,
            ]
            for step in steps:
                try:
                    await step()
                except OSError as error:
                    failures.append(error)
            self._ways = frozenset()
            if failures:
                raise failures[0]

    async def leave(self) -> None:
        """Leave all that was set up to a successor that starts now; daemons answer on until it replaces them."""
        async with self._turn:
            await self._responder.stay(_SUCCESSION)

    def answers_singly(self) -> bool:
        """Return whether the settings name a strategy, or leave it open, that answers for single addresses."""
        return self._settings.ndp == AUTO or self._settings.ndp in BY_ADDRESS

    async def answer_for(self, added: Sequence[int]) -> None:
        """Answer neighbours for these addresses too; what fails does not raise, `inspect` tells of it."""
        async with self._turn:
            await self._answer(set(added) - self._live, set())

    async def stop_answering(self, removed: Sequence[int]) -> None:
        """Answer neighbours for these addresses no longer."""
        async with self._turn:
            await self._answer(set(), self._live & set(removed))

    async def answer_only(self, addresses: Sequence[int]) -> None:
        """Answer neighbours for exactly these addresses, of prefixes announced now or later."""
        async with self._turn:
            wanted = set(addresses)
            await self._answer(wanted - self._live, self._live - wanted)

    @asynccontextmanager
    async def trial(self, address: int) -> AsyncIterator[None]:
        """Answer neighbours for `address` meanwhile, and after it only if it is live otherwise."""
        async with self._turn:
            fresh = address not in self._live
            if fresh:
                await self._tell({address}, set())
        try:
            yield
        finally:
            async with self._turn:
                if fresh and address not in self._live:
                    await self._tell(set(), {address})

    async def inspect(self) -> tuple[Reachability, ...]:
        """Look at the kernel and the daemons now, mend what is broken, and say how each announced prefix stands."""
        async with self._turn:
            tidied = await self._ground.tidy(self._announced)
            dump = await self._netlink.dump()
            self._ways = ways_out(dump) or self._ways
            if self._capability is None:
                self._capability = capability.findings()
            general = (*self._capability, *tidied, *await self._guard(dump))
            for item in list(self._announced.values()):
                await self._reconsider(item, dump)
            for strategy in self._strategies.values():
                with suppress(OSError):  # its row says what is wrong
                    await strategy.mend(dump)
            return tuple([await self._reachability(item, dump, general) for item in self._announced.values()])

    def evidence(self, prefix: HostPrefix) -> Evidence | None:
        """Return what the network showed of `prefix`, None while nobody has been asked."""
        return self._inquiries.evidence(prefix)

    async def config(self, network: int, length: int) -> NdpConfig | None:
        """Return what NDP wants configured for an announced prefix and what is there; raises OSError."""
        async with self._turn:
            item = self._announced.get((network, length))
            if item is None:
                return None
            return await self._strategies[item.strategy].config(item.prefix, await self._netlink.dump())

    async def changes(self) -> AsyncIterator[None]:
        """Yield whenever something changed by itself that `inspect` would tell of: a daemon died, a route was deleted."""
        bell = asyncio.Event()
        self._listeners.add(bell)
        listening = asyncio.create_task(self._listen(bell), name="route notices")
        try:
            while True:
                await bell.wait()
                bell.clear()
                yield
        finally:
            self._listeners.discard(bell)
            listening.cancel()

    def privileged(self) -> bool:
        """Return whether this process may change routes of this network namespace (CAP_NET_ADMIN)."""
        return capability.may_change_routes()

    async def _listen(self, bell: asyncio.Event) -> None:
        while True:
            with suppress(OSError):  # without a subscription for now `inspect` is called as often as anybody wants
                async with self._netlink.notices() as notices:
                    while True:
                        if any(self._concerns(notice) for notice in await notices.next()):
                            bell.set()
            await asyncio.sleep(_AGAIN)

    def _concerns(self, notice: Notice) -> bool:
        row = notice.row
        if isinstance(row, Route):
            ours = row.table == TABLE_LOCAL and (row.network, row.length) in self._announced
            return (ours and notice.removed) or row.length == 0
        if isinstance(row, Address):
            return notice.kind is NoticeKind.POOLED and notice.removed and row.address in self._live
        if isinstance(row, Neighbour):
            inside = (contains(*key, row.address) for key in self._announced)
            return not notice.removed and any(inside)
        return True

    def _ring(self) -> None:
        for bell in self._listeners:
            bell.set()

    async def _guard(self, dump: Dump) -> tuple[Finding, ...]:
        return await self._firewall.keep(guard(self._announced, (row.address for row in dump.addresses)))

    async def _answer(self, added: Collection[int], removed: Collection[int]) -> None:
        self._live.update(added)
        self._live.difference_update(removed)
        await self._tell(added, removed)

    async def _tell(self, added: Collection[int], removed: Collection[int]) -> None:
        for item in self._announced.values():
            if item.strategy not in BY_ADDRESS:
                continue
            inside = _inside(item.prefix, added), _inside(item.prefix, removed)
            if any(inside):
                with suppress(OSError):  # the strategy keeps what it was told, `mend` tries again, the row says so
                    await self._strategies[item.strategy].answer(item.prefix, *inside)

    def _chosen(self, host: HostPrefix) -> _Announced:
        """Return how `host` is served, as far as the network has shown by now."""
        evidence = self._inquiries.evidence(host) if self._settings.ndp == AUTO else None
        strategy, why = choose(self._settings.ndp, host, find_means(self._settings), evidence)
        return _Announced(host, placed(host, evidence), strategy, why, evidence)

    def _inquire(self, item: _Announced, dump: Dump) -> None:
        if self._settings.ndp == AUTO and severed(item.prefix, dump, self._ways) is None:
            self._inquiries.look(item.host, dump)

    async def _reconsider(self, item: _Announced, dump: Dump) -> None:
        """Serve a prefix as the network has shown meanwhile that it wants to be, and ask if there is reason to."""
        self._inquire(item, dump)
        evidence = self._inquiries.evidence(item.host)
        if evidence is item.evidence:
            return
        fresh = self._chosen(item.host)
        if (fresh.strategy, fresh.prefix) != (item.strategy, item.prefix):
            await self._give_up(fresh)
            with suppress(OSError):  # the row says what is wrong, and `mend` tries again
                await self._serve(fresh)
        self._announced[item.host.network, item.host.length] = fresh

    async def _give_up(self, fresh: _Announced) -> None:
        """End what served the prefix of `fresh` in another way before."""
        before = self._announced.get((fresh.host.network, fresh.host.length))
        if before is not None and (before.strategy, before.prefix.interface) != (
            fresh.strategy,
            fresh.prefix.interface,
        ):
            await self._strategies[before.strategy].drop(before.prefix)

    async def _serve(self, item: _Announced) -> None:
        strategy = self._strategies[item.strategy]
        try:
            await strategy.serve(item.prefix)
        finally:
            if item.strategy in BY_ADDRESS:
                await strategy.answer(item.prefix, _inside(item.prefix, self._live), ())

    async def _withdraw(self, key: Key) -> None:
        item = self._announced.pop(key, None)
        if item is None:
            return
        await self._inquiries.forget(item.host)
        try:
            await self._strategies[item.strategy].drop(item.prefix)
        finally:
            await self._ground.remove(key, self._announced)

    async def _restore(self) -> None:
        self._sysctls.restore()

    async def _reachability(self, item: _Announced, dump: Dump, general: tuple[Finding, ...]) -> Reachability:
        prefix = item.prefix
        level, text, findings = await self._ground.look(prefix, dump)
        row = self._strategies[item.strategy].row(prefix, item.why)
        cut = severed(prefix, dump, self._ways)
        if cut is not None:
            what, fix = cut
            level, text = Level.FAIL, f"{what}; {text}"
            row = replace(row, level=Level.FAIL, text=f"{what}, so nobody can ask; {row.text}", fix=fix)
            told = f"{what}: {CABLE}" if fix is None else what
            findings = (*findings, Finding(prefix_text(prefix.network, prefix.length), Level.FAIL, told, fix))
        return Reachability(
            network=prefix.network,
            length=prefix.length,
            stamp=Stamp(time.time(), "netlink"),
            route=level,
            text=text,
            ndp=row,
            findings=(*general, *findings),
            on_link=item.evidence.on_link if item.evidence else None,
            severed=cut[0] if cut else None,
        )


def _inside(prefix: HostPrefix, addresses: Collection[int]) -> list[int]:
    return [address for address in addresses if contains(prefix.network, prefix.length, address)]
