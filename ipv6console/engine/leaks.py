"""The leak finder: asks the IPAMs, the kernel and the DHCPv6 server, compares, and mends what was agreed to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.core import Core
from ipv6console.engine.errors import InvalidRequest, NotFound, PlanChanged, Refusal, Unavailable
from ipv6console.engine.external import Allocation, Registry, RegistryError, RegistryUnreachable
from ipv6console.engine.planner import Prospect
from ipv6console.engine.protocol import Delegations
from ipv6console.ipam.leaks import Held, Leak, Repair, Seen, Store, find_leaks, of_both
from ipv6console.ipam.subscribers import Desk
from ipv6console.quantity import many
from ipv6console.wire.plan import PlanRequest
from ipv6console.wire.subscriber import IPv6OperationResponse, IPv6RevocationRequest, LeakReport, LeakRow

FIRST = 60.0
EVERY = 3_600.0
_FINDER = Caller("leak finder", frozenset({Scope.OPERATE}))
_STORE = "store"


class Mender(Protocol):
    """Who knows what the store says of subscribers, and changes it."""

    desk: Desk

    async def revoke(
        self, name: str, request: IPv6RevocationRequest, tenant: str | None, caller: Caller
    ) -> IPv6OperationResponse:
        """Revoke a prefix; one that is revoked and still held is released. Raises Refusal."""
        ...

    async def forget(self, name: str, tenant: str | None, reason: str, caller: Caller) -> None:
        """Forget a prefix that its IPAM does not hold; raises Refusal."""
        ...


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look came to; `held` has what each IPAM holds by its number there."""

    at: float
    leaks: Mapping[str, Leak] = field(default_factory=dict)
    held: Mapping[tuple[str, int], Allocation] = field(default_factory=dict)
    compared: Mapping[str, int] = field(default_factory=dict)
    by_tenant: Mapping[str, Counter[str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


class LeakFinder:
    """Compares every hour and on demand. `areas` says between which addresses subscribers' prefixes are, as known now."""

    def __init__(
        self,
        core: Core,
        mender: Mender,
        registries: Sequence[Registry],
        delegations: Sequence[Delegations] = (),
        areas: Callable[[], Sequence[tuple[int, int]]] = tuple,
    ) -> None:
        self._core = core
        self._desk = mender.desk
        self._mender = mender
        self._registries = {registry.name: registry for registry in registries}
        self._delegations = delegations
        self._areas = areas
        self._looking = asyncio.Lock()
        self._looks = 0
        self._last: _Look | None = None

    @property
    def count(self) -> int | None:
        """How many leaks are known of, None before the first look."""
        return None if self._last is None else len(self._last.leaks)

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        await asyncio.sleep(FIRST)
        while True:
            await self._look()
            await asyncio.sleep(EVERY)

    async def report(self, caller: Caller) -> LeakReport:
        """Look, and return what the caller may see of it: who acts for a tenant sees that tenant's leaks alone."""
        look = await self._look()
        own = caller.tenant
        return LeakReport(
            at=look.at,
            compared=dict(look.compared if own is None else look.by_tenant.get(own, {})),
            missing=dict(look.missing),
            leaks=tuple(_row(leak) for leak in look.leaks.values() if own is None or leak.tenant == own),
        )

    def prospect(self, request: PlanRequest, caller: Caller) -> Prospect:
        """Return what a repair would do, as of the last look; raises Refusal."""
        leak = self._known(request, caller)
        words = _repair(leak)
        if words is None:
            raise Refusal(
                f"{leak.prefix}: {leak.text}; no repair can know who is right",
                next="decide, and set it right in the IPAM, the kernel or the DHCPv6 server",
            )
        sample = (f"{leak.prefix}: {leak.text}",)
        return Prospect(target=leak.prefix, count=1, sample=sample, fingerprint=leak, steps=(words,))

    async def carry_out(self, request: PlanRequest, reason: str, caller: Caller) -> int:
        """Look again, mend the leak if it is as it was, and return 1; raises Refusal."""
        planned = self._known(request, caller)
        look = await self._look()
        leak = look.leaks.get(planned.id)
        if leak is None or leak.repair is not planned.repair:
            raise PlanChanged(f"{planned.prefix} is not as it was: {planned.text}", next="look for leaks again")
        await self._mend(leak, look, caller)
        self._core.journal.warn(
            "leak.repaired",
            f"{leak.prefix}: {leak.text}; {_repair(leak)}" + (f"; {reason}" if reason else ""),
            subject=leak.prefix,
            actor=caller.label,
        )
        if self._last is not None:
            left = {name: one for name, one in self._last.leaks.items() if name != leak.id}
            self._last = _Look(look.at, left, look.held, look.compared, look.by_tenant, look.missing)
        return 1

    def _known(self, request: PlanRequest, caller: Caller) -> Leak:
        if request.leak is None:
            raise InvalidRequest(
                "repair-leak needs a leak", next="give the id of one that GET /api/v1/network/leaks has"
            )
        leak = None if self._last is None else self._last.leaks.get(request.leak)
        if leak is None or caller.tenant not in (None, leak.tenant):
            raise NotFound(f"there is no leak {request.leak[:40]!r}", next="see GET /api/v1/network/leaks")
        return leak

    async def _mend(self, leak: Leak, look: _Look, caller: Caller) -> None:
        if leak.repair is Repair.RELEASE:
            await self._release(look.held[leak.registry or "", leak.registry_id or 0], leak.registry or "")
        elif leak.tenant is not None and leak.subscriber is not None:
            if leak.repair is Repair.REVOKE:
                await self._mender.revoke(leak.subscriber, IPv6RevocationRequest(), leak.tenant, caller)
            else:
                await self._mender.forget(leak.subscriber, leak.tenant, leak.text, caller)

    async def _release(self, allocation: Allocation, name: str) -> None:
        try:
            await self._registries[name].release(allocation)
        except RegistryUnreachable as error:
            raise Unavailable(error.detail, next=error.next) from error
        except RegistryError as error:
            raise Refusal(error.detail, next=error.next) from error

    async def _look(self) -> _Look:
        """Compare now; what was begun for somebody else after this was asked will do."""
        begun = self._looks
        async with self._looking:
            if self._last is not None and self._looks > begun:
                return self._last
            self._looks += 1
            before = self._store()
            missing: dict[str, str] = {}
            allocations = await self._allocations(missing)
            seen = await self._seen(missing)
            after = self._store()
            areas = tuple(self._areas())
            held = {name: [_held(name, one) for one in rows] for name, rows in allocations.items()}
            for row in {row.registry for row in after.rows if row.registry is not None} - set(self._registries):
                missing[row] = "subscribers have prefixes of it, and the settings no longer name it"

            def compare() -> list[Leak]:
                # What came or went while the others were asked is no leak.
                return of_both(find_leaks(before, held, seen, areas), find_leaks(after, held, seen, areas))

            leaks = {leak.id: leak for leak in await asyncio.to_thread(compare)}
            look = _Look(
                at=self._core.clock.now(),
                leaks=leaks,
                held={(name, one.id): one for name, rows in allocations.items() for one in rows},
                compared=_compared(after, held, seen, [source.name for source in self._delegations], missing),
                by_tenant=_by_tenant(after, held),
                missing=missing,
            )
            self._tell(self._last, look)
            self._last = look
            return look

    def _store(self) -> Store:
        return Store(tuple(self._desk.book.rows()), tuple(self._desk.outbox))

    async def _allocations(self, missing: dict[str, str]) -> dict[str, Sequence[Allocation]]:
        found: dict[str, Sequence[Allocation]] = {}
        for name, registry in self._registries.items():
            try:
                found[name] = await registry.held()
            except RegistryError as error:
                missing[name] = f"{error.detail}; {error.next}"
        return found

    async def _seen(self, missing: dict[str, str]) -> list[Seen]:
        found: list[Seen] = []
        for source in self._delegations:
            if not self._areas():
                missing[source.name] = (
                    "where subscribers' prefixes come from is not known here: name spaces in lifecycle.spaces, or "
                    "netbox.parents in CIDR form"
                )
                continue
            try:
                found += [Seen(it.network, it.length, source.name, it.text) for it in await source.look()]
            except OSError as error:
                missing[source.name] = str(error)
        if not any(source.name == "dhcpv6" for source in self._delegations):
            missing["dhcpv6"] = "lifecycle.kea_leases names no file of leases"
        if not any(source.name == "kernel" for source in self._delegations):
            missing["kernel"] = "the kernel's routes cannot be read from here"
        return found

    def _tell(self, before: _Look | None, now: _Look) -> None:
        known = {} if before is None else before.leaks
        fresh = [leak for name, leak in now.leaks.items() if name not in known]
        if not fresh:
            return
        shown = "; ".join(f"{leak.prefix}: {leak.text}" for leak in fresh[:3])
        self._core.journal.warn(
            "leak.found",
            f"{many(len(fresh), 'new leak', 'new leaks')}: {shown}" + ("; …" if len(fresh) > 3 else ""),
            subject=fresh[0].prefix,
            actor=_FINDER.label,
            count=len(fresh),
        )


def _held(registry: str, it: Allocation) -> Held:
    return Held(registry, it.id, it.network, it.length, it.operation, it.tenant, it.subscriber)


def _compared(
    store: Store,
    held: Mapping[str, Sequence[Held]],
    seen: Sequence[Seen],
    sources: Sequence[str],
    missing: Mapping[str, str],
) -> dict[str, int]:
    places = Counter(it.source for it in seen)
    return {
        _STORE: sum(row.network is not None for row in store.rows),
        **{name: len(rows) for name, rows in held.items()},
        **{name: places[name] for name in sources if name not in missing},
    }


def _by_tenant(store: Store, held: Mapping[str, Sequence[Held]]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for row in store.rows:
        if row.network is not None:
            found.setdefault(row.tenant, Counter())[_STORE] += 1
    for name, rows in held.items():
        for it in rows:
            found.setdefault(it.tenant, Counter())[name] += 1
    return found


def _repair(leak: Leak) -> str | None:
    match leak.repair:
        case Repair.RELEASE:
            return f"release {leak.registry} {leak.registry_id}: nobody here holds it"
        case Repair.REVOKE:
            return f"ask {leak.registry} to take {leak.prefix} back from {leak.subscriber}"
        case Repair.FORGET:
            return f"forget {leak.prefix} of {leak.subscriber}: {leak.registry} no longer holds it"
        case None:
            return None


def _row(leak: Leak) -> LeakRow:
    return LeakRow(
        id=leak.id,
        kind=leak.kind.value,
        prefix=leak.prefix,
        tenant=leak.tenant,
        subscriber_id=leak.subscriber,
        registry_id=leak.registry_id,
        seen=leak.seen,
        text=leak.text,
        repair=_repair(leak),
    )
