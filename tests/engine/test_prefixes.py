"""The prefixes follow the kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipv6console.engine.errors import NotFound, Refusal, Unavailable
from ipv6console.engine.fault import Fault
from ipv6console.engine.protocol import HostPrefix, Reachability, StoreError
from ipv6console.engine.report import ReportItem
from ipv6console.pool.prefix import parse_prefix
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from ipv6console.wire.state import PrefixState
from ipv6console.wire.status import Level
from tests.engine.test_core import Refusing

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio
OLD, NEW = "2001:db8:0:1::/64", "2001:db8:0:2::/64"
Show = Callable[..., HostPrefix]


def _states(world: World) -> dict[str, PrefixState]:
    return {row.prefix: row.state for row in world.engine.state().prefixes}


async def test_a_prefix_of_the_kernel_is_announced_and_filled(world: World, prefix: Show) -> None:
    world.watch.show(prefix("2001:db8:4f8:10::/64"))
    await world.filled()
    assert world.engine.stats().prefix == "2001:db8:4f8:10::/64"
    assert parse_prefix("2001:db8:4f8:10::/64") in world.reach.announced
    assert (await world.event("prefix.appeared")).subject == "2001:db8:4f8:10::/64"


@pytest.mark.parametrize("text", ["2001:db8:56::/56", "2001:db8:0:72::/72", "2001:db8::/32", "2001:db8::70/124"])
async def test_any_length_of_prefix_fills(world: World, prefix: Show, text: str) -> None:
    world.watch.show(prefix(text))
    await world.filled()
    assert (await world.engine.pick("default", world.caller)).success


async def test_after_deprecation_nothing_is_picked_from_the_old_prefix(filled: World, prefix: Show) -> None:
    held = await filled.engine.pick("task1", filled.caller, ttl=60)
    filled.watch.show(prefix(NEW), prefix(OLD, deprecated=True))
    await filled.until(lambda: _states(filled).get(OLD) is PrefixState.DRAINING)
    await filled.filled()
    picked = await filled.engine.picks("task1", 5, filled.caller)
    assert all(addr.startswith("2001:db8:0:2:") for addr in picked.addrs)
    assert held.lease
    assert (await filled.engine.renew(held.lease, None)).success


async def test_a_prefix_that_is_gone_takes_its_leases_with_it_and_holders_learn_it(filled: World, prefix: Show) -> None:
    held = await filled.engine.pick("task1", filled.caller, ttl=60)
    filled.watch.show(prefix(NEW))
    await filled.until(lambda: _states(filled).get(OLD) is PrefixState.GONE)
    assert held.addr
    assert held.lease
    told = await filled.engine.report("task1", [ReportItem(addr=held.addr, status="idle", lease=held.lease)])
    assert not told.success
    assert "is lost" in (told.detail or "")
    with pytest.raises(NotFound, match="is lost"):
        await filled.engine.renew(held.lease, None)
    assert (await filled.event("lease.lost")).data["addr"] == held.addr
    await filled.until(lambda: parse_prefix(OLD) not in filled.reach.announced)


async def test_a_deprecated_prefix_that_is_preferred_again_hands_out_again(filled: World, prefix: Show) -> None:
    filled.watch.show(prefix(OLD, deprecated=True))
    await filled.until(lambda: _states(filled)[OLD] is PrefixState.DRAINING)
    assert not (await filled.engine.pick("task1", filled.caller)).success
    filled.watch.show(prefix(OLD))
    await filled.until(lambda: _states(filled)[OLD] is PrefixState.ACTIVE)
    assert (await filled.engine.pick("task1", filled.caller)).success


async def test_a_prefix_an_operator_drained_stays_drained_whatever_the_kernel_says(filled: World, prefix: Show) -> None:
    await filled.engine.drain_prefix(OLD, True, filled.caller)
    filled.watch.show(prefix(NEW), prefix(OLD))
    await filled.until(lambda: NEW in _states(filled))
    assert _states(filled)[OLD] is PrefixState.DRAINING
    await filled.engine.drain_prefix(OLD, False, filled.caller)
    assert _states(filled)[OLD] is PrefixState.ACTIVE


async def test_a_prefix_the_network_deprecated_is_not_resumed_by_an_operator(filled: World, prefix: Show) -> None:
    filled.watch.show(prefix(OLD, deprecated=True))
    await filled.until(lambda: _states(filled)[OLD] is PrefixState.DRAINING)
    with pytest.raises(Refusal, match=f"the network has deprecated {OLD}"):
        await filled.engine.drain_prefix(OLD, False, filled.caller)
    assert _states(filled)[OLD] is PrefixState.DRAINING
    assert not (await filled.engine.pick("task1", filled.caller)).success


async def test_a_revoked_prefix_is_withdrawn_and_never_taken_up_again(filled: World, prefix: Show) -> None:
    plan = filled.engine.plan(PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix=OLD), filled.caller)
    await filled.engine.apply(ApplyRequest(plan=plan.id, reason="abuse report 12"), filled.caller)
    assert parse_prefix(OLD) not in filled.reach.announced
    filled.watch.show(prefix(NEW), prefix(OLD))
    await filled.until(lambda: NEW in _states(filled))
    assert _states(filled)[OLD] is PrefixState.REVOKED


async def test_a_prefix_that_cannot_be_announced_is_a_finding_and_is_tried_again(world: World, prefix: Show) -> None:
    world.reach.refusal = "adding the local route: Operation not permitted; start with CAP_NET_ADMIN"
    world.watch.show(prefix(OLD))
    await world.until(lambda: world.engine.health().level is Level.FAIL)
    await world.until(lambda: any("CAP_NET_ADMIN" in f.text for f in world.engine.health().findings))
    world.reach.refusal = None
    await world.until(lambda: OLD in _states(world))


async def test_an_ndp_daemon_that_dies_is_told_at_once_and_so_is_its_recovery(filled: World) -> None:
    await filled.until(lambda: bool(filled.engine.state().ndp))
    filled.reach.turn(Level.FAIL)
    await filled.until(lambda: filled.engine.health().level is Level.FAIL)
    assert "is dead" in (await filled.event("reach.broken")).text
    filled.reach.turn(Level.OK)
    await filled.until(lambda: filled.engine.health().level is Level.OK)
    await filled.event("reach.recovered")


async def test_what_was_never_well_is_told_once_when_it_has_had_time_to_begin(world: World, prefix: Show) -> None:
    async def look(seconds: float) -> list[str]:
        """Let time pass, look, and return what was told."""
        world.clock.time += seconds
        await world.engine._keeper.look()
        events = (await world.engine.events(0, 1_000)).events
        return [event.kind for event in events if event.kind.startswith("reach.")]

    world.reach.turn(Level.FAIL)
    world.watch.show(prefix(OLD))
    await world.until(lambda: bool(world.engine.state().ndp))
    assert await look(4.0) == []
    assert await look(2.0) == ["reach.broken"]
    assert await look(60.0) == ["reach.broken"]
    world.reach.turn(Level.OK)
    assert await look(0.0) == ["reach.broken", "reach.recovered"]


async def test_what_is_well_when_it_has_begun_was_no_fault(world: World, prefix: Show) -> None:
    world.reach.turn(Level.WARN)
    world.watch.show(prefix(OLD))
    await world.until(lambda: bool(world.engine.state().ndp))
    world.reach.turn(Level.OK)
    await world.until(lambda: world.engine.state().ndp[0].level is Level.OK)
    world.clock.time += 60.0
    await world.engine._keeper.look()
    events = (await world.engine.events(0, 1_000)).events
    assert [event.kind for event in events if event.kind in {"reach.broken", "reach.changed"}] == []


async def test_what_is_broken_at_the_first_look_is_known_to_hold_though_no_event_says_so(
    world: World, prefix: Show
) -> None:
    world.reach.turn(Level.FAIL)
    world.watch.show(prefix(OLD))
    await world.until(lambda: bool(world.engine.state().ndp))
    holds = world.engine._keeper.holds
    assert holds(Fault("reach", OLD))
    assert not holds(Fault("reach", NEW))
    assert not holds(Fault("pool", None))
    world.reach.turn(Level.OK)
    await world.until(lambda: not holds(Fault("reach", OLD)))


async def test_an_address_that_turns_out_to_be_the_hosts_own_leaves_the_pool(filled: World, prefix: Show) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.addr
    filled.watch.show(prefix(OLD), own=frozenset({parse_prefix(picked.addr)[0]}))
    await filled.until(lambda: filled.engine.state().mirrors[0].using == 0)
    await filled.filled()
    assert picked.addr not in (await filled.engine.picks("task1", 6, filled.caller)).addrs


async def test_a_host_that_cannot_be_looked_at_is_a_finding_until_it_can(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> tuple[object, ...]:
        raise OSError("reading the kernel's IPv6 tables: No buffer space available")

    with monkeypatch.context() as patch:
        patch.setattr(filled.reach, "inspect", fail)
        await filled.until(lambda: any("No buffer space" in f.text for f in filled.engine.health().findings))
    await filled.until(lambda: filled.engine.health().level is Level.OK)


async def test_a_prefix_that_went_with_its_link_is_told_with_the_reason(filled: World, prefix: Show) -> None:
    interface = prefix(OLD).interface
    view = replace(filled.watch.current, prefixes=(), cut=((interface, f"{interface} is down"),))
    filled.watch.current = view
    filled.watch._views.put_nowait(view)

    gone = await filled.event("prefix.gone")

    assert gone.text.startswith(f"{OLD} is gone because {interface} is down: ")


async def test_what_the_network_shows_of_a_prefix_decides_whether_it_is_paced(
    world: World, prefix: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = world.reach._reachability
    monkeypatch.setattr(world.reach, "_reachability", lambda host: replace(real(host), on_link=False))
    world.watch.show(prefix(OLD))
    await world.filled()
    await world.until(lambda: not world.engine._keeper._on_link)
    used = world.engine.state().pool.pace_used

    assert (await world.engine.spawn(20, world.caller)).spawned_count == 20
    assert world.engine.state().pool.pace_used == used


async def _cut(world: World, text: str) -> None:
    """Cut the cable of up0, and wait until the engine has noticed."""
    world.reach.sever("up0", text)
    await world.until(lambda: any(row.text.startswith(text) for row in world.engine.state().prefixes))


async def test_with_the_cable_cut_nothing_is_handed_out_leases_live_on_and_waiting_picks_go_on_when_it_is_mended(
    filled: World,
) -> None:
    held = await filled.engine.pick("task1", filled.caller, ttl=60)
    assert held.lease
    await _cut(filled, "up0 has no carrier")

    refused = await filled.engine.pick("task1", filled.caller)
    assert (refused.success, refused.addr) == (False, None)
    assert refused.detail == (
        "up0 has no carrier, so no answer would come back to any address; picks go on by themselves when it can"
    )
    asked = len(filled.echo.asked)
    assert not (await filled.engine.picks("task2", 3, filled.caller)).success
    state = filled.engine.state()
    assert (state.pool.level, state.pool.text) == (Level.FAIL, "nothing is handed out: up0 has no carrier")
    assert {row.text for row in state.mirrors} == {"nothing is handed out: up0 has no carrier"}
    assert (_states(filled)[OLD], state.pool.spawning) == (PrefixState.ACTIVE, 0)
    assert (await filled.engine.renew(held.lease, None)).success
    assert (await filled.engine.release(held.lease)).success
    spawned = await filled.engine.spawn(1, filled.caller)
    assert (spawned.success, spawned.detail) == (
        False,
        "up0 has no carrier, so no address can be proved; try again when that is mended",
    )

    waiting = asyncio.create_task(filled.engine.pick("task1", filled.caller, wait=60))
    await filled.until(lambda: not waiting.done())
    assert len(filled.echo.asked) == asked
    filled.reach.sever("up0", None)

    assert (await waiting).success
    assert (await filled.engine.picks("task1", 4, filled.caller)).success


async def test_with_one_cable_cut_only_prefixes_behind_another_are_handed_out(filled: World, prefix: Show) -> None:
    other = replace(prefix("2001:db8:0:3::/64", interface="up1"), source="static")
    filled.watch.show(prefix(OLD), other)
    await filled.until(lambda: _states(filled).get("2001:db8:0:3::/64") is PrefixState.ACTIVE)
    await _cut(filled, "up0 has no carrier")
    await filled.filled()

    picked = await filled.engine.picks("task1", 5, filled.caller)

    assert len(picked.addrs) == 5
    assert all(addr.startswith("2001:db8:0:3:") for addr in picked.addrs)


async def test_a_pool_that_is_read_back_from_the_store_still_knows_of_the_cut_cable(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _cut(filled, "up0 has no carrier")

    async def full(*_: object) -> None:
        raise StoreError("the disk is full", "free some space")

    with monkeypatch.context() as patch:
        patch.setattr(filled.store, "commit", full)
        with pytest.raises(Unavailable):
            await filled.engine.mirror_stats("fresh")
    await filled.event("store.recovered")

    assert not (await filled.engine.pick("task1", filled.caller)).success


async def test_a_prefix_that_goes_and_comes_again_with_the_cable_serves(filled: World, prefix: Show) -> None:
    await _cut(filled, "up0 is down")
    filled.watch.show()
    await filled.until(lambda: _states(filled)[OLD] is PrefixState.GONE)
    del filled.reach.cut["up0"]
    filled.watch.show(prefix(OLD))
    await filled.filled()
    assert (await filled.engine.pick("task1", filled.caller)).success


async def test_a_kernel_that_cannot_be_asked_is_told_and_asked_again(
    filled: World, prefix: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipv6console.engine.prefixes._INSPECT", 0.01)
    told = "No buffer space available"
    filled.watch.fail(OSError(told))
    event = await filled.event("prefix.unknown")
    assert told in event.text
    assert any(told in finding.text for finding in filled.engine.health().findings)
    filled.watch.show(prefix("2001:db8:0:2::/64"))
    await filled.until(lambda: any(row.prefix == "2001:db8:0:2::/64" for row in filled.engine.state().prefixes))
    assert not any(told in finding.text for finding in filled.engine.health().findings)
    await filled.event("prefix.known")


async def test_a_prefix_that_could_not_be_drained_is_not_taken_for_a_silent_one(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = filled.engine._keeper
    [known] = filled.engine._core.pool.prefixes.values()
    refusing = Refusing(filled.store, monkeypatch)
    with pytest.raises(Unavailable):
        await keeper.silence(known, "its addresses fail")
    refusing.stop()
    await filled.event("store.recovered")
    [row] = filled.engine.state().prefixes
    assert row.state is PrefixState.ACTIVE
    assert not keeper.silent(known)


async def test_a_fault_that_two_looks_at_once_see_is_told_once(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, inspect = filled.engine._keeper, filled.reach.inspect
    await keeper.look()

    async def slow() -> tuple[Reachability, ...]:
        found = await inspect()
        for _ in range(5):
            await asyncio.sleep(0)
        return found

    monkeypatch.setattr(filled.reach, "inspect", slow)
    filled.reach.level = Level.FAIL
    await asyncio.gather(keeper.look(), keeper.look())
    page = await filled.engine.events(0, 1_000)
    assert [event.kind for event in page.events].count("reach.broken") == 1
