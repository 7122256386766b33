"""The leak finder: whom it asks, what it says of those that do not answer, and that callers share a look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.errors import NotFound, Unavailable
from ipv6console.engine.external import Allocation, RegistryUnreachable
from ipv6console.engine.leaks import LeakFinder
from ipv6console.engine.protocol import DelegatedPrefix
from ipv6console.wire.plan import PlanAction, PlanRequest
from tests.engine.ipam import NETWORK, HandRegistry, Provider, provider

pytestmark = pytest.mark.anyio

AREA = ((NETWORK, NETWORK + (1 << 96) - 1),)
ACME = Caller("acme", frozenset(Scope), token="acme", tenant="acme")


@dataclass
class HandDelegations:
    """A kernel whose routes a test writes."""

    name: str = "kernel"
    routes: list[DelegatedPrefix] = field(default_factory=list)
    broken: OSError | None = None
    looks: int = 0

    async def look(self) -> Sequence[DelegatedPrefix]:
        self.looks += 1
        await asyncio.sleep(0)
        if self.broken is not None:
            raise self.broken
        return self.routes


@pytest.fixture
async def given(tmp_path: Path) -> AsyncIterator[Provider]:
    found, end = await provider(tmp_path / "engine.db")
    await found.make("a")
    assert (await found.allocate("a")).success
    yield found
    await end()


def finder(given: Provider, kernel: HandDelegations, areas: tuple[tuple[int, int], ...] = AREA) -> LeakFinder:
    return LeakFinder(given.core, given.subscribers, [given.registry], [kernel], lambda: areas)


def lost(number: int, tenant: str = "acme") -> Allocation:
    return Allocation(
        id=number,
        network=NETWORK + (number << 72),
        length=56,
        parent=1,
        operation=f"op-{number}",
        tenant=tenant,
        subscriber="gone",
        status="active",
    )


async def test_a_route_of_a_prefix_that_nobody_has_is_found_and_its_subscribers_is_not(given: Provider) -> None:
    routes = [
        DelegatedPrefix(network=NETWORK + (number << 72), length=56, text="routed via fe80::1 on lan0")
        for number in (0, 7)
    ]
    leaks = finder(given, HandDelegations(routes=routes))
    assert leaks.count is None
    report = await leaks.report(given.caller)
    assert [(leak.kind, leak.prefix, leak.repair) for leak in report.leaks] == [
        ("not-delegated-by-us", "2001:db8:0:700::/56", None)
    ]
    assert report.compared == {"store": 1, "netbox": 1, "kernel": 2}
    assert leaks.count == 1
    assert (await leaks.report(ACME)).leaks == ()


async def test_who_cannot_be_asked_is_named_with_the_cause_and_makes_no_leak(given: Provider) -> None:
    kernel = HandDelegations(broken=OSError("no netlink here"))
    leaks = finder(given, kernel)

    async def refuse() -> Sequence[Allocation]:
        raise RegistryUnreachable("NetBox does not answer", next="look at NetBox")

    given.registry.held = refuse  # type: ignore[method-assign] # an IPAM that is down
    report = await leaks.report(given.caller)
    assert report.leaks == ()
    assert report.compared == {"store": 1}
    assert report.missing["netbox"] == "NetBox does not answer; look at NetBox"
    assert report.missing["kernel"] == "no netlink here"
    assert "lifecycle.kea_leases" in report.missing["dhcpv6"]


async def test_routes_are_not_judged_when_it_is_not_known_where_prefixes_come_from(given: Provider) -> None:
    kernel = HandDelegations(routes=[DelegatedPrefix(network=NETWORK + (7 << 72), length=56, text="routed")])
    report = await finder(given, kernel, ()).report(given.caller)
    assert (report.leaks, kernel.looks) == ((), 0)
    assert "lifecycle.spaces" in report.missing["kernel"]


async def test_callers_who_ask_at_once_share_a_look_that_began_after_they_asked(given: Provider) -> None:
    kernel = HandDelegations()
    leaks = finder(given, kernel)
    reports = await asyncio.gather(*(leaks.report(given.caller) for _ in range(10)))
    assert len({report.at for report in reports}) <= 2
    assert kernel.looks == 2


async def test_an_ipam_that_is_down_during_a_repair_leaves_the_leak_for_the_next_try(given: Provider) -> None:
    registry: HandRegistry = given.registry
    registry.entries[7] = lost(7)
    leaks = finder(given, HandDelegations())
    [leak] = (await leaks.report(given.caller)).leaks
    request = PlanRequest(action=PlanAction.REPAIR_LEAK, leak=leak.id)
    registry.before.append(RegistryUnreachable("NetBox does not answer", next="look at NetBox"))
    with pytest.raises(Unavailable, match="does not answer"):
        await leaks.carry_out(request, "", given.caller)
    assert leaks.count == 1
    assert await leaks.carry_out(request, "", given.caller) == 1
    assert (leaks.count, list(registry.entries)) == (0, [1])


async def test_a_tenant_can_neither_see_nor_mend_what_is_of_another(given: Provider) -> None:
    given.registry.entries[7] = lost(7, "other")
    leaks = finder(given, HandDelegations())
    [leak] = (await leaks.report(given.caller)).leaks
    request = PlanRequest(action=PlanAction.REPAIR_LEAK, leak=leak.id)
    assert (await leaks.report(ACME)).leaks == ()
    with pytest.raises(NotFound):
        leaks.prospect(request, ACME)
    with pytest.raises(NotFound):
        await leaks.carry_out(request, "", ACME)


async def test_what_the_ipam_has_lost_of_a_revoked_prefix_is_forgotten(given: Provider) -> None:
    from ipv6console.wire.subscriber import IPv6RevocationRequest

    await given.subscribers.revoke("a", IPv6RevocationRequest(release_to_netbox=False), "acme", given.caller)
    given.registry.entries.clear()
    leaks = finder(given, HandDelegations())
    [leak] = (await leaks.report(given.caller)).leaks
    assert leak.kind == "missing-in-ipam"
    await leaks.carry_out(PlanRequest(action=PlanAction.REPAIR_LEAK, leak=leak.id), "tidied up", given.caller)
    assert given.subscribers.row("a", "acme", given.caller).prefix is None
    assert (await leaks.report(given.caller)).leaks == ()
