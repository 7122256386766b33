"""Waiting for an address."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from ipv6console.engine.errors import InvalidRequest
from ipv6console.engine.protocol import Durability
from ipv6console.engine.report import ReportItem
from ipv6console.engine.waiting import Place
from ipv6console.pool.change import Change, UsageRecorded
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.reply import PickReply

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def drained(filled: World) -> World:
    """A world whose mirror task1 has leased all five addresses and gets no fresh ones."""
    await filled.engine.set_mirror("task1", MirrorSettings(usable_num=0), filled.caller)
    picked = await filled.engine.picks("task1", 5, filled.caller)
    assert len(picked.addrs) == 5
    return filled


async def _waiting(world: World, count: int) -> list[asyncio.Task[PickReply]]:
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(world.engine.pick("task1", world.caller, wait=5, holder=f"waiter {number}")))
        await world.until(lambda number=number: _queued(world) == number + 1)  # type: ignore[misc] # a default argument
    return tasks


def _queued(world: World) -> int:
    return sum(map(len, world.engine.leasing.room._queues.values()))


async def _free(world: World, addr: str) -> None:
    await world.engine.report("task1", [ReportItem(addr=addr, status="idle")])


async def test_who_waits_gets_the_address_that_is_given_back(drained: World) -> None:
    [waiter] = await _waiting(drained, 1)
    addr = drained.engine.leases("task1", None, 1).leases[0].addr
    await _free(drained, addr)
    assert (await waiter).addr == addr


async def test_those_who_wait_are_served_in_the_order_they_came(drained: World) -> None:
    waiters = await _waiting(drained, 3)
    for lease in drained.engine.leases("task1", None, 3).leases:
        await _free(drained, lease.addr)
    replies = [await waiter for waiter in waiters]
    holders = {row.addr: row.holder for row in drained.engine.leases("task1", None, 10).leases}
    assert [holders[str(reply.addr)] for reply in replies] == ["waiter 0", "waiter 1", "waiter 2"]


async def test_who_does_not_wait_does_not_overtake_those_who_do(drained: World) -> None:
    waiters = await _waiting(drained, 2)
    addr = drained.engine.leases("task1", None, 1).leases[0].addr
    await _free(drained, addr)
    assert (await waiters[0]).addr == addr
    refused = await drained.engine.pick("task1", drained.caller)
    assert not refused.success
    waiters[1].cancel()
    await asyncio.gather(waiters[1], return_exceptions=True)


async def test_waiting_in_vain_ends_in_time_and_says_why(drained: World) -> None:
    reply = await drained.engine.pick("task1", drained.caller, wait=0.05)
    assert not reply.success
    assert "taken" in (reply.detail or "")
    assert _queued(drained) == 0


async def test_a_caller_who_goes_away_leaves_the_queue_and_holds_nothing(drained: World) -> None:
    gone, waiter = await _waiting(drained, 2)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await _free(drained, drained.engine.leases("task1", None, 1).leases[0].addr)
    assert (await waiter).success
    assert drained.engine.leases("task1", None, 1).total == 5


async def test_a_caller_who_goes_away_while_its_lease_is_written_holds_nothing(
    drained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    [waiter] = await _waiting(drained, 1)
    store = drained.engine._core.store
    commit, begun = store.commit, asyncio.Event()

    async def slow(changes: Sequence[Change], durability: Durability) -> None:
        if (
            any(isinstance(change, UsageRecorded) and change.token is not None for change in changes)
            and not begun.is_set()
        ):
            begun.set()
            await commit(changes, durability)
            await asyncio.Event().wait()
        await commit(changes, durability)

    monkeypatch.setattr(store, "commit", slow)
    await _free(drained, drained.engine.leases("task1", None, 1).leases[0].addr)
    await begun.wait()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    assert drained.engine.leases("task1", None, 1).total == 4
    assert (await drained.engine.pick("task1", drained.caller)).success


@pytest.mark.parametrize("wait", [None, 5.0])
async def test_a_caller_who_goes_away_while_its_first_try_is_written_holds_nothing(
    filled: World, monkeypatch: pytest.MonkeyPatch, wait: float | None
) -> None:
    await filled.engine.mirror_stats("task1")
    store = filled.engine._core.store
    commit, begun, proceed = store.commit, asyncio.Event(), asyncio.Event()

    async def slow(changes: Sequence[Change], durability: Durability) -> None:
        begun.set()
        await commit(changes, durability)
        await proceed.wait()

    monkeypatch.setattr(store, "commit", slow)
    picking = asyncio.create_task(filled.engine.pick("task1", filled.caller, wait=wait))
    await begun.wait()
    picking.cancel()
    await asyncio.gather(picking, return_exceptions=True)
    proceed.set()
    assert filled.engine.leases("task1", None, 1).total == 0
    await filled.until(lambda: filled.store.status().queue == 0)
    assert not [usage for usage in (await filled.store.load()).usages if usage.token is not None]


async def test_who_is_flushed_out_in_the_moment_of_its_turn_holds_nothing(
    drained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = drained.engine
    [waiter] = await _waiting(drained, 1)
    core, room = engine._core, engine.leasing.room
    serve = room._serve

    def flushed(queue: deque[Place]) -> None:
        serve(queue)
        monkeypatch.setattr(room, "_serve", serve)
        core.pool.flush(core.pool.mirrors["task1"], drained.clock.now())

    monkeypatch.setattr(room, "_serve", flushed)
    await _free(drained, engine.leases("task1", None, 1).leases[0].addr)
    assert not (await waiter).success
    assert engine.leases("task1", None, 1).total == 0


async def test_a_fresh_address_serves_who_waits(drained: World) -> None:
    [waiter] = await _waiting(drained, 1)
    await drained.engine.spawn(1, drained.caller)
    assert (await waiter).success


async def test_who_waits_in_vain_for_one_host_lets_those_for_other_hosts_pass(drained: World) -> None:
    engine, caller = drained.engine, drained.caller
    first, second, third = (lease.addr for lease in engine.leases("task1", None, 3).leases)
    await engine.report("task1", [ReportItem(addr=first, status="bad", target="a.example")])
    stuck = asyncio.create_task(engine.pick("task1", caller, wait=5, target="a.example"))
    await drained.until(lambda: _queued(drained) == 1)
    assert (await engine.pick("task1", caller, target="b.example")).addr == first
    refused = await engine.pick("task1", caller, target="a.example")
    assert "taken" in (refused.detail or "")
    other = asyncio.create_task(engine.pick("task1", caller, wait=5, target="b.example"))
    await drained.until(lambda: _queued(drained) == 2)
    await engine.report("task1", [ReportItem(addr=second, status="bad", target="a.example")])
    assert (await other).addr == second
    assert not stuck.done()
    await _free(drained, third)
    assert (await stuck).addr == third


@pytest.mark.parametrize("wait", [-1.0, float("nan"), float("inf")])
async def test_a_wait_without_meaning_is_refused(drained: World, wait: float) -> None:
    with pytest.raises(InvalidRequest):
        await drained.engine.pick("task1", drained.caller, wait=wait)
