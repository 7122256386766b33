"""The host answers for exactly what the pool holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from ipv6console.engine.protocol import HostPrefix
from ipv6console.pool.address import parse_address
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


def _pool(world: World) -> set[int]:
    table = world.engine._core.pool.table
    return {table.address(row) for row in table.rows()}


async def test_a_host_that_answers_for_whole_prefixes_is_told_of_no_address(
    world: World, prefix: Callable[..., HostPrefix]
) -> None:
    world.reach.singly = False
    world.watch.show(prefix("2001:db8:0:1::/64"))
    await world.filled()
    assert world.reach.answered == set()


async def test_every_address_of_the_pool_is_answered_for_and_nothing_else(filled: World) -> None:
    filled.echo.bad = lambda address: bool(address & 1)
    await filled.engine.spawn(20, filled.caller)
    await filled.until(lambda: filled.reach.answered == _pool(filled))


async def test_a_candidate_is_answered_for_while_it_is_checked(filled: World) -> None:
    asked: list[bool] = []
    candidate = parse_address("2001:db8:0:1::77")

    def judge(address: int) -> bool:
        asked.append(address in filled.reach.answered)
        return True

    filled.echo.bad = judge
    await filled.engine.check(["2001:db8:0:1::77"])
    assert asked
    assert all(asked)
    assert candidate not in filled.reach.answered


async def test_what_leaves_the_pool_is_no_longer_answered_for(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.addr
    plan = filled.engine.plan(PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(picked.addr,)), filled.caller)
    await filled.engine.apply(ApplyRequest(plan=plan.id, reason="abuse"), filled.caller)
    await filled.until(lambda: filled.reach.answered == _pool(filled))
    assert parse_address(picked.addr) not in filled.reach.answered


async def test_an_address_that_turns_out_to_be_another_hosts_is_no_longer_answered_for(
    filled: World, prefix: Callable[..., HostPrefix]
) -> None:
    # More than are needed: none is made in its place, and only the removal itself can tell.
    await filled.engine.spawn(5, filled.caller)
    await filled.until(lambda: filled.reach.answered == _pool(filled))
    told = filled.engine._core.changed.listen()
    taken = min(_pool(filled))
    filled.watch.show(prefix("2001:db8:0:1::/64"), own=frozenset({taken}))
    await asyncio.wait_for(told.wait(), 5)
    await filled.until(lambda: taken not in filled.reach.answered)
    assert taken not in _pool(filled)


async def test_a_candidate_given_up_while_the_host_begins_to_answer_for_it_is_no_longer_answered_for(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def slow(added: Sequence[int]) -> None:
        filled.reach.answered.update(added)
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(filled.reach, "answer_for", slow)
    checking = asyncio.create_task(filled.engine.check(["2001:db8:0:1::77"]))
    await begun.wait()
    checking.cancel()
    await asyncio.gather(checking, return_exceptions=True)
    assert parse_address("2001:db8:0:1::77") not in filled.reach.answered
    assert parse_address("2001:db8:0:1::77") not in filled.engine._answering._candidates
