"""Spaces behind a store: what is acknowledged is kept, nothing is shown to whom it is not, the pool keeps away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from ipv6console.config import LifecycleSettings, Settings
from ipv6console.engine.bindingfilter import LOOKED_AT
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.engine import Engine
from ipv6console.engine.errors import Forbidden, InvalidRequest, NotFound, PlanChanged, Refusal, Unavailable
from ipv6console.engine.external import (
    AllocationRequest,
    RegistryExhausted,
    RegistryRefused,
    RegistryUnreachable,
)
from ipv6console.engine.protocol import Durability, HostPrefix
from ipv6console.store.database import SqliteStore
from ipv6console.wire.importing import ImportedAddress, ImportRequest
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from ipv6console.wire.space import (
    BindingReply,
    BindingRequest,
    BindingRow,
    RangeRequest,
    ReservationRequest,
    SpaceRequest,
)
from tests.engine.conftest import HandDoctor, World
from tests.engine.test_core import Refusing

pytestmark = pytest.mark.anyio

ACME = Caller("token acme-ops", frozenset(Scope), token="acme-ops", tenant="acme")
ELSEWHERE = "2001:db8:5::/64"


async def make(world: World, name: str = "edge", *ranges: str, **more: Any) -> None:
    await world.engine.spaces.create(SpaceRequest(name=name, **more), world.caller)
    for text in ranges:
        await world.engine.spaces.add_range(RangeRequest(space=name, range=text), world.caller)


async def bind(world: World, key: str, *, space: str = "edge", instance: str = "rack1", **more: Any) -> BindingReply:
    request = BindingRequest(space=space, instance=instance, id=key, **more)
    return await world.engine.spaces.bind(request, world.caller)


@asynccontextmanager
async def restarted(world: World, folder: Path) -> AsyncIterator[Engine]:
    """Run another engine on what the first one's store has."""
    await world.engine.stop()
    await world.store.close()
    store = await SqliteStore.open(folder / "engine.db")
    again = Engine(
        world.engine.settings,
        store=store,
        watch=world.watch,
        reach=world.reach,
        doctor=HandDoctor(),
        clock=world.clock,
        echo=world.echo,
    )
    await again.start()
    try:
        yield again
    finally:
        await again.stop()
        await store.close()


async def refused(what: Any, *, kind: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await what
    assert caught.value.type == kind
    assert caught.value.next
    return caught.value


async def test_a_restarted_engine_has_every_space_range_reservation_binding_and_rest(
    world: World, tmp_path: Path
) -> None:
    await make(world, "edge", ELSEWHERE, "192.0.2.0/29", choice="first", quarantine=60.0)
    await world.engine.spaces.reserve(
        ReservationRequest(space="edge", range="2001:db8:5::-2001:db8:5::f"), world.caller
    )
    kept = await bind(world, "nic0", tags=("blue",), metadata={"owner": "net"}, kind="vm", resource="web")
    ended = await bind(world, "nic1")
    await world.engine.spaces.release("edge", ended.binding.address, world.caller)
    before = world.engine.spaces.page(world.caller)
    assert (before.spaces[0].bindings, before.spaces[0].resting, before.spaces[0].reserved) == (1, 1, 16)
    async with restarted(world, tmp_path) as again:
        assert again.spaces.page(world.caller) == before
        assert again.spaces.ranges(None, world.caller).ranges[0].cidr == "192.0.2.0/29"
        assert again.spaces.binding("edge", kept.binding.address, world.caller) == kept.binding
        same = await again.spaces.bind(BindingRequest(space="edge", instance="rack1", id="nic0"), world.caller)
        assert (same.binding, same.created) == (kept.binding, False)
        fresh = await again.spaces.bind(BindingRequest(space="edge", instance="rack1", id="nic2"), world.caller)
        assert fresh.binding.address not in (kept.binding.address, ended.binding.address)
        [past] = (await again.spaces.history("edge", world.caller)).changes
        assert (past.binding, past.reason, past.ended_by) == (ended.binding, "released", "test")


async def test_a_space_does_not_tell_the_history_of_a_removed_one(world: World, tmp_path: Path) -> None:
    await make(world, "old", ELSEWHERE, tenant="other", quarantine=0.0)
    await bind(world, "secret", space="old")
    await world.engine.spaces.release_id("old", "rack1", "secret", world.caller)
    await world.engine.spaces.remove("old", world.caller)
    async with restarted(world, tmp_path) as again:
        world.clock.time += 1.0
        await again.spaces.create(SpaceRequest(name="new"), ACME)
        assert (await again.spaces.history("new", ACME)).changes == ()


async def test_ended_bindings_are_forgotten_with_the_ended_leases(world: World) -> None:
    await make(world, "edge", ELSEWHERE)
    await bind(world, "nic0")
    await world.engine.spaces.release_id("edge", "rack1", "nic0", world.caller)
    assert (await world.engine.spaces.history("edge", world.caller)).changes
    world.clock.time += (world.engine.settings.pool.history_days + 1) * 86_400.0
    await world.engine._janitor.tick()
    assert (await world.engine.spaces.history("edge", world.caller)).changes == ()


async def test_what_the_store_did_not_take_is_not_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await make(world, "edge", ELSEWHERE)
    kept = await bind(world, "nic0")
    refusing = Refusing(world.store, monkeypatch)
    with pytest.raises(Unavailable, match="disk is full"):
        await bind(world, "nic1")
    with pytest.raises(Unavailable):
        await world.engine.spaces.release("edge", kept.binding.address, world.caller)
    refusing.stop()
    await world.event("store.recovered")
    page = world.engine.spaces.bindings(world.caller)
    assert [row.id for row in page.bindings] == ["nic0"]
    assert (await bind(world, "nic1")).created


async def test_who_asks_again_while_the_first_is_not_durable_is_answered_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(world, "edge", ELSEWHERE)
    commit, gate, waiting = world.store.commit, asyncio.Event(), []

    async def late(*rows: Any, **more: Any) -> None:
        waiting.append(rows)
        await gate.wait()
        await commit(*rows, **more)

    monkeypatch.setattr(world.store, "commit", late)
    first = asyncio.create_task(bind(world, "nic0"))
    await world.until(lambda: len(waiting) == 1)
    second = asyncio.create_task(bind(world, "nic0"))
    await world.until(lambda: second.done() or len(waiting) == 2)
    assert not second.done()
    gate.set()
    assert (await first).binding == (await second).binding
    assert [(await task).created for task in (first, second)] == [True, False]


async def test_every_change_of_a_space_survives_a_loss_of_power(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, asked = world.store.commit, list[Durability]()

    async def noting(rows: Any, durability: Durability = Durability.PROCESS) -> None:
        asked.append(durability)
        await commit(rows, durability)

    monkeypatch.setattr(world.store, "commit", noting)
    await make(world, "edge", ELSEWHERE)
    await make(world, "carrier", "2001:db8:100::/54")
    spaces, caller = world.engine.spaces, world.caller
    held = await spaces.reserve(ReservationRequest(space="edge", range="2001:db8:5::1"), caller)
    await spaces.unreserve(held.id, caller)
    await bind(world, "nic0", ttl=5.0)
    await bind(world, "nic1")
    await spaces.release_id("edge", "rack1", "nic1", caller)
    cut = await spaces.cut(wanted("op1"))
    await spaces.mark_cut(cut.id, "active")
    await spaces.give_back(cut.id)
    world.clock.time += 10_000.0
    await spaces.tick()
    await spaces.remove_range(spaces.ranges("edge", caller).ranges[0].id, caller)
    await spaces.remove("edge", caller)
    assert len(asked) >= 14
    assert set(asked) == {Durability.POWER}


async def test_sixty_four_at_once_get_one_address_for_one_id_and_as_many_for_as_many(world: World) -> None:
    await make(world, "edge", ELSEWHERE)
    same = await asyncio.gather(*(bind(world, "nic0") for _ in range(64)))
    assert len({reply.binding.address for reply in same}) == 1
    assert sum(reply.created for reply in same) == 1
    each = await asyncio.gather(*(bind(world, f"nic{n}") for n in range(64)))
    assert len({reply.binding.address for reply in each}) == 64


async def test_of_several_all_are_bound_or_none(world: World) -> None:
    await make(world, "edge", "192.0.2.0/30", choice="first")
    asked = [BindingRequest(space="edge", instance="rack1", id=f"nic{n}") for n in range(5)]
    await refused(world.engine.spaces.bind_all(asked, world.caller), kind="pool-full")
    assert world.engine.spaces.bindings(world.caller).total == 0
    done = await world.engine.spaces.bind_all(asked[:4], world.caller)
    assert [reply.binding.address for reply in done.bindings] == [f"192.0.2.{n}" for n in range(4)]
    for count in (0, 1_001):
        with pytest.raises(InvalidRequest, match="in one request"):
            await world.engine.spaces.bind_all(asked[:1] * count, world.caller)


async def test_bindings_expire_and_addresses_have_rested_when_their_time_is_over(world: World) -> None:
    await make(world, "edge", "192.0.2.0/31", quarantine=60.0)
    await bind(world, "pod0", ttl=30.0)
    await bind(world, "pod1", ttl=30.0)
    with world.engine.news.subscribe():
        world.clock.time += 29.0
        await world.engine.spaces.tick()
        assert world.engine.spaces.bindings(world.caller).total == 2
        world.clock.time += 1.0
        await world.engine.spaces.tick()
    event = await world.event("binding.expired")
    assert (event.subject, event.data["count"]) == ("edge", 2)
    assert {change.reason for change in (await world.engine.spaces.history("edge", world.caller)).changes} == {
        "expired"
    }
    await refused(bind(world, "pod2"), kind="pool-full")
    world.clock.time += 60.0
    await world.engine.spaces.tick()
    assert world.engine.spaces.space("edge", world.caller).available == 2
    assert (await bind(world, "pod2")).created
    kinds = {event.kind for event in (await world.engine.events(0, 1_000)).events}
    assert {kind for kind in kinds if kind.startswith("binding.")} == {"binding.expired"}


async def test_a_tenant_sees_its_own_and_everybodys_and_changes_its_own_alone(world: World) -> None:
    spaces = world.engine.spaces
    await make(world, "public", "192.0.2.0/24")
    await make(world, "other-lan", ELSEWHERE, tenant="other")
    await bind(world, "secret", space="other-lan", address="2001:db8:5::1")
    shared = await bind(world, "shared", space="public")
    own = await spaces.create(SpaceRequest(name="acme-lan"), ACME)
    assert own.tenant == "acme"
    await spaces.add_range(RangeRequest(space="acme-lan", range="198.51.100.0/24"), ACME)
    mine = await spaces.bind(BindingRequest(space="acme-lan", instance="office", id="printer"), ACME)
    assert [row.name for row in spaces.page(ACME).spaces] == ["acme-lan", "public"]
    assert {row.space for row in spaces.ranges(None, ACME).ranges} == {"acme-lan", "public"}
    assert {row.space for row in spaces.bindings(ACME).bindings} == {"acme-lan", "public"}
    assert spaces.bindings(ACME, address="2001:db8:5::1").total == 0
    assert spaces.binding("public", shared.binding.address, ACME) == shared.binding
    theirs = spaces.ranges("other-lan", world.caller).ranges[0].id
    public = spaces.ranges("public", world.caller).ranges[0].id
    for what in (
        spaces.remove("other-lan", ACME),
        spaces.add_range(RangeRequest(space="other-lan", range="203.0.113.0/24"), ACME),
        spaces.remove_range(theirs, ACME),
        spaces.reserve(ReservationRequest(space="other-lan", range="2001:db8:5::7"), ACME),
        spaces.bind(BindingRequest(space="other-lan", instance="rack1", id="secret"), ACME),
        spaces.release("other-lan", "2001:db8:5::1", ACME),
        spaces.release_id("other-lan", "rack1", "secret", ACME),
        spaces.history("other-lan", ACME),
    ):
        missing = await refused(what, kind="not-found")
        assert missing.detail.replace("other-lan", "none").replace(str(theirs), "999") in (
            (await refused(spaces.remove("none", ACME), kind="not-found")).detail,
            (await refused(spaces.remove_range(999, ACME), kind="not-found")).detail,
        )
    for what in (
        spaces.remove("public", ACME),
        spaces.remove_range(public, ACME),
        spaces.bind(BindingRequest(space="public", instance="office", id="printer"), ACME),
        spaces.release("public", shared.binding.address, ACME),
        spaces.create(SpaceRequest(name="mine", tenant="other"), ACME),
        spaces.create(SpaceRequest(name="mine", tenant=""), ACME),
    ):
        with pytest.raises(Forbidden):
            await what
    with pytest.raises(NotFound):
        world.engine.plan(PlanRequest(action=PlanAction.RELEASE_INSTANCE, space="other-lan", instance="rack1"), ACME)
    assert (await spaces.release("acme-lan", mine.binding.address, ACME)).count == 1


async def test_an_instance_is_released_as_planned_or_not_at_all(world: World) -> None:
    await make(world, "edge", ELSEWHERE)
    for n in range(3):
        await bind(world, f"nic{n}")
    await bind(world, "nic0", instance="rack2")
    request = PlanRequest(action=PlanAction.RELEASE_INSTANCE, space="edge", instance="rack1")
    plan = world.engine.plan(request, world.caller)
    assert (plan.count, len(plan.sample), plan.target) == (3, 3, "rack1 of edge")
    await bind(world, "nic3")
    with pytest.raises(PlanChanged):
        await world.engine.apply(ApplyRequest(plan=plan.id), world.caller)
    plan = world.engine.plan(request, world.caller)
    applied = await world.engine.apply(ApplyRequest(plan=plan.id, reason="moved out"), world.caller)
    assert applied.count == 4
    assert [row.instance for row in world.engine.spaces.bindings(world.caller).bindings] == ["rack2"]
    assert "moved out" in (await world.event("binding.released")).text


@pytest.fixture
def tiny(prefix: Callable[..., HostPrefix]) -> HostPrefix:
    return prefix("2001:db8:0:1::aa0/124")


async def test_the_pool_never_makes_what_is_bound_reserved_or_delegated(world: World, tiny: HostPrefix) -> None:
    await make(world, "edge", "2001:db8:0:1::/64")
    await bind(world, "nic0", address="2001:db8:0:1::aa3")
    await world.engine.spaces.reserve(
        ReservationRequest(space="edge", range="2001:db8:0:1::aa4-2001:db8:0:1::aaa"), world.caller
    )
    world.watch.show(tiny)
    await world.filled()
    await world.engine.spawn(16, world.caller)
    made = {row.addr for row in (await everything(world))}
    assert made
    taken = {f"2001:db8:0:1::aa{digit}" for digit in "3456789a"}
    assert made.isdisjoint(taken)
    assert taken.isdisjoint(str(IPv6Address(source)) for _, source in world.echo.asked if source is not None)
    report = await world.engine.import_pool(
        ImportRequest(
            prefix="2001:db8:0:1::aa0/124",
            addresses=(ImportedAddress(addr="2001:db8:0:1::aa3", created_at=0.0),),
            mirrors=(),
        ),
        world.caller,
    )
    assert "bound" in report.skipped["2001:db8:0:1::aa3"]


async def test_addresses_that_the_settings_name_stay_out_of_the_pool_while_they_are_bound(
    listed: World, tiny: HostPrefix
) -> None:
    await make(listed, "edge", "2001:db8:0:1::/64")
    await bind(listed, "nic0", address="2001:db8:0:1::aa3")
    listed.watch.show(tiny)
    await listed.until(lambda: listed.engine.state().pool.total > 0)
    reply = await listed.engine.spawn(1, listed.caller)
    assert "taken in a space" in str(reply.detail)
    assert [row.addr for row in await everything(listed)] == ["2001:db8:0:1::aa4"]


@pytest.fixture
async def listed(world: World, tmp_path: Path) -> AsyncIterator[World]:
    """An engine whose settings name two addresses for the pool."""
    network = replace(world.engine.settings.network, addresses=("2001:db8:0:1::aa3", "2001:db8:0:1::aa4"))
    chosen = replace(world.engine.settings, network=network)
    (tmp_path / "listed").mkdir()
    store = await SqliteStore.open(tmp_path / "listed" / "engine.db")
    doctor = HandDoctor()
    engine = Engine(
        chosen, store=store, watch=world.watch, reach=world.reach, doctor=doctor, clock=world.clock, echo=world.echo
    )
    await world.engine.stop()
    await engine.start()
    yield World(engine, store, world.clock, world.watch, world.reach, world.echo)
    await engine.stop()
    await store.close()


async def everything(world: World) -> tuple[Any, ...]:
    from ipv6console.wire.address import AddressFilter

    return (await world.engine.addresses(AddressFilter(prefix=None, dbname=None, state=None), None, 1_000)).addresses


async def test_an_address_that_is_bound_while_it_is_checked_does_not_enter_the_pool(
    world: World, tiny: HostPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(world, "edge", "2001:db8:0:1::/64")
    ask, raced = world.echo.ask, set[str]()

    async def slow(url: str, source: int | None) -> int:
        if source is not None and not raced:
            raced.add(str(IPv6Address(source)))
            await bind(world, "racer", address=str(IPv6Address(source)))
        return await ask(url, source)

    monkeypatch.setattr(world.echo, "ask", slow)
    world.watch.show(tiny)
    await world.filled()
    assert raced
    assert raced.isdisjoint(row.addr for row in await everything(world))


async def test_what_the_pool_has_is_neither_bound_nor_reserved_nor_delegated(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(filled, "edge", "2001:db8:0:1::/64", choice="first")
    pooled = [row.addr for row in await everything(filled)]
    told = await refused(bind(filled, "nic0", address=pooled[0]), kind="not-available")
    assert f"ipv6console revoke {pooled[0]}" in told.next
    reserve = filled.engine.spaces.reserve(ReservationRequest(space="edge", range="2001:db8:0:1::/64"), filled.caller)
    await refused(reserve, kind="not-available")
    # The lowest of the pool's is what first-fit would come to next.
    lowest = min(IPv6Address(addr) for addr in pooled)
    low = IPv6Address("2001:db8:0:1::")
    below = f"{low}-{lowest - 1}"
    await filled.engine.spaces.reserve(ReservationRequest(space="edge", range=below), filled.caller)
    assert (await bind(filled, "nic0")).binding.address == str(lowest + 1)
    assert filled.engine.spaces.space("edge", filled.caller).reserved == int(lowest) - int(low)


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    return replace(settings, lifecycle=LifecycleSettings(spaces=getattr(request, "param", ("carrier",))))


def wanted(operation: str, length: int = 56, **more: Any) -> AllocationRequest:
    return AllocationRequest(
        **{"operation": operation, "length": length, "parent": None, "tenant": "default", "subscriber": "s1", **more}
    )


async def test_prefixes_are_cut_once_for_an_operation_marked_and_given_back(world: World, tmp_path: Path) -> None:
    spaces = world.engine.spaces
    with pytest.raises(RegistryRefused, match="no such space"):
        await spaces.cut(wanted("op1"))
    await make(world, "carrier", "2001:db8:100::/54")
    cuts = [await spaces.cut(wanted(f"op{n}")) for n in range(4)]
    assert len({cut.network for cut in cuts}) == 4
    assert await spaces.cut(wanted("op1")) == cuts[1] == spaces.find_cut("op1")
    with pytest.raises(RegistryExhausted):
        await spaces.cut(wanted("op5"))
    with pytest.raises(RegistryRefused):
        await spaces.cut(wanted("op5", 48))
    with pytest.raises(RegistryRefused):
        await spaces.cut(wanted("op5", parent=999))
    await spaces.mark_cut(cuts[2].id, "active")
    marked = replace(cuts[2], status="active")
    assert await spaces.give_back(cuts[0].id)
    assert not await spaces.give_back(cuts[0].id)
    assert spaces.find_cut("op0") is None
    assert spaces.taken(cuts[1].network + 5)
    assert not spaces.taken(cuts[0].network + 5)
    async with restarted(world, tmp_path) as again:
        assert set(again.spaces.cuts()) == {cuts[1], marked, cuts[3]}
        assert (await again.spaces.cut(wanted("op6"))).network == cuts[0].network


async def test_a_prefix_that_could_not_be_committed_is_not_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await make(world, "carrier", "2001:db8:100::/54")
    refusing = Refusing(world.store, monkeypatch)
    with pytest.raises(RegistryUnreachable, match="disk is full"):
        await world.engine.spaces.cut(wanted("op1"))
    with pytest.raises(RegistryUnreachable):
        await world.engine.spaces.give_back(1)
    refusing.stop()
    await world.event("store.recovered")
    assert world.engine.spaces.cuts() == ()


async def test_no_prefix_is_cut_in_which_the_pool_has_addresses(filled: World) -> None:
    await make(filled, "carrier", "2001:db8::/62")
    cuts = {(await filled.engine.spaces.cut(wanted(f"op{n}", 64))).network for n in range(3)}
    assert int(IPv6Address("2001:db8:0:1::")) not in cuts
    with pytest.raises(RegistryExhausted):
        await filled.engine.spaces.cut(wanted("op3", 64))
    assert filled.engine.spaces.space("carrier", filled.caller).reserved == 0


@pytest.mark.parametrize("indexed", [5, 10_000])
async def test_filters_and_pages_find_what_looking_at_all_of_them_finds(
    world: World, monkeypatch: pytest.MonkeyPatch, indexed: int
) -> None:
    monkeypatch.setattr("ipv6console.engine.bindingfilter.LOOKED_AT", 7)
    monkeypatch.setattr("ipv6console.engine.bindingfilter.INDEXED", indexed)
    assert LOOKED_AT > 7
    for name in ("a", "b"):
        await make(world, name, "2001:db8:5::/120", "192.0.2.0/24")
        asked = [
            BindingRequest(
                space=name,
                instance=f"rack{n % 3}",
                id=f"nic{n}",
                kind=("mac", "pod")[n % 2],
                resource=("02:00:5e:10:00:01", "web")[n % 2],
                family=(4, 6)[n % 5 == 0],
                tags=("blue",) if n % 4 == 0 else (),
            )
            for n in range(20)
        ]
        await world.engine.spaces.bind_all(asked, world.caller)
    rows = world.engine.spaces.bindings(world.caller, limit=1_000).bindings
    assert len(rows) == 40
    for filters, fits in (
        ({}, lambda row: True),
        ({"space": "b"}, lambda row: row.space == "b"),
        ({"instance": "rack1"}, lambda row: row.instance == "rack1"),
        ({"instance": "rack1", "id": "nic4"}, lambda row: row.id == "nic4"),
        ({"id": "nic4"}, lambda row: row.id == "nic4"),
        ({"kind": "pod"}, lambda row: row.kind == "pod"),
        ({"resource": "02-00-5E-10-00-01"}, lambda row: row.kind == "mac"),
        ({"kind": "mac", "resource": "02005e100001", "tag": "blue"}, lambda row: row.kind == "mac" and row.tags),
        ({"tag": "blue", "space": "a"}, lambda row: row.tags and row.space == "a"),
        ({"address": "192.0.2.0/24"}, lambda row: "." in row.address),
        ({"address": "2001:0DB8:5::/120"}, lambda row: ":" in row.address),
        ({"text": "2.0.1"}, lambda row: "2.0.1" in row.address),
        ({"text": "C1"}, lambda row: "c1" in row.id),
        ({"tag": "none"}, lambda row: False),
        ({"tag": 'blue","'}, lambda row: False),
        ({"tag": "blu", "kind": "mac"}, lambda row: False),
    ):
        expected = [row for row in rows if fits(row)]
        found: list[BindingRow] = []
        cursor, total, pages = None, 0, 0
        while pages == 0 or cursor is not None:
            page = world.engine.spaces.bindings(world.caller, cursor=cursor, limit=3, **filters)
            found += page.bindings
            cursor, total, pages = page.next, page.total, pages + 1
            assert pages < 40
        assert found == expected, filters
        assert total == len(expected), filters
    for cursor in ("", "a", "a:6:zz:0", "a:7:1:0", "a:6:-1:0", f"a:6:{1 << 128:x}:0"):
        with pytest.raises(InvalidRequest):
            world.engine.spaces.bindings(world.caller, cursor=cursor)


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"space": "none"}, "not-found"),
        ({"instance": ""}, "invalid-name"),
        ({"key": "a\nb"}, "invalid-name"),
        ({"kind": "car"}, "invalid-name"),
        ({"kind": "mac", "resource": "02:00"}, "invalid-name"),
        ({"tags": ("no blanks",)}, "invalid-name"),
        ({"address": "2001:db8:5::/64"}, "invalid-address"),
        ({"address": "192.0.2.1", "family": 6}, "invalid-address"),
        ({"address": "2001:db8:6::1"}, "not-available"),
        ({"address": "2001:db8:5::1"}, "not-available"),
        ({"address": "2001:db8:5::2"}, "already-allocated"),
        ({"key": "nic0", "address": "2001:db8:5::3"}, "already-allocated"),
        ({"family": 4}, "pool-full"),
        ({"family": 5}, "invalid-request"),
        ({"ttl": 0.0}, "invalid-request"),
        ({"ttl": float("nan")}, "invalid-request"),
        ({"ttl": 1e300}, "invalid-request"),
    ],
    ids=str,
)
async def test_what_cannot_be_bound_is_told_and_changes_nothing(world: World, more: dict[str, Any], kind: str) -> None:
    await make(world, "edge", ELSEWHERE)
    await world.engine.spaces.reserve(ReservationRequest(space="edge", range="2001:db8:5::1"), world.caller)
    await bind(world, "nic0", address="2001:db8:5::2")
    before = (world.engine.spaces.page(world.caller), world.engine.spaces.bindings(world.caller))
    await refused(bind(world, **{"key": "new", **more}), kind=kind)
    assert (world.engine.spaces.page(world.caller), world.engine.spaces.bindings(world.caller)) == before


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (SpaceRequest(name="../x"), "invalid-name"),
        (SpaceRequest(name="edge"), "already-allocated"),
        (SpaceRequest(name="new", choice="best"), "invalid-request"),
        (SpaceRequest(name="new", quarantine=-1.0), "invalid-request"),
        (SpaceRequest(name="new", tenant="a b"), "invalid-request"),
        (SpaceRequest(name="new", description="a\nb"), "invalid-request"),
        (RangeRequest(space="edge", range="2001:db8:5::1/64"), "invalid-subnet"),
        (RangeRequest(space="edge", range="2001:db8:5::9-2001:db8:5::1"), "invalid-range"),
        (RangeRequest(space="edge", range="2001:db8:5:0:8000::/65"), "invalid-range"),
        (RangeRequest(space="edge", range=""), "invalid-address"),
        (RangeRequest(space="none", range=ELSEWHERE), "not-found"),
        (RangeRequest(space="edge", range="192.0.2.0/24", description="x" * 201), "invalid-request"),
        (ReservationRequest(space="edge", range="2001:db8:5::2"), "already-allocated"),
        (ReservationRequest(space="edge", range="2001:db8:7::2"), "not-available"),
    ],
    ids=str,
)
async def test_what_cannot_be_made_is_told_and_changes_nothing(
    world: World, what: SpaceRequest | RangeRequest | ReservationRequest, kind: str
) -> None:
    await make(world, "edge", ELSEWHERE)
    await bind(world, "nic0", address="2001:db8:5::2")
    spaces, before = world.engine.spaces, world.engine.spaces.page(world.caller)
    calls: dict[type, Any] = {
        SpaceRequest: spaces.create,
        RangeRequest: spaces.add_range,
        ReservationRequest: spaces.reserve,
    }
    await refused(calls[type(what)](what, world.caller), kind=kind)
    [only] = spaces.ranges(None, world.caller).ranges
    await refused(spaces.remove_range(only.id, world.caller), kind="in-use")
    await refused(spaces.remove("edge", world.caller), kind="in-use")
    assert spaces.page(world.caller) == before
