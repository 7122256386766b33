"""Plans are applied to exactly what was planned, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipv6console.engine.errors import InvalidRequest, NotFound, PlanChanged
from ipv6console.engine.report import ReportItem
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def test_a_plan_names_the_set_its_size_and_what_is_hurt(filled: World) -> None:
    picked = await filled.engine.picks("task1", 2, filled.caller)
    plan = filled.engine.plan(PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=picked.addrs), filled.caller)
    assert (plan.count, plan.leases, plan.mirrors, plan.needs_reason) == (2, 2, ("task1",), True)
    assert set(plan.sample) == set(picked.addrs)


async def test_revoked_addresses_end_their_leases_and_never_come_back(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.addr
    plan = filled.engine.plan(PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(picked.addr,)), filled.caller)
    applied = await filled.engine.apply(ApplyRequest(plan=plan.id, reason="abuse report 12"), filled.caller)
    assert (applied.count, applied.leases_ended) == (1, 1)
    assert not (await filled.engine.report("task1", [ReportItem(addr=picked.addr, status="idle")])).success
    event = await filled.event("revoke.addresses")
    assert (event.actor, event.data["reason"]) == ("test", "abuse report 12")
    await filled.filled()
    assert picked.addr not in (await filled.engine.picks("task1", 10, filled.caller)).addrs


async def test_a_revocation_without_a_reason_is_refused_and_changes_nothing(filled: World) -> None:
    plan = filled.engine.plan(PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix="2001:db8:0:1::/64"), filled.caller)
    with pytest.raises(InvalidRequest, match="reason"):
        await filled.engine.apply(ApplyRequest(plan=plan.id, reason="  "), filled.caller)
    assert filled.engine.state().pool.total == 5


async def test_a_changed_set_is_refused_and_nothing_is_done(filled: World) -> None:
    plan = filled.engine.plan(PlanRequest(action=PlanAction.FLUSH_POOL), filled.caller)
    await filled.engine.spawn(1, filled.caller)
    with pytest.raises(PlanChanged):
        await filled.engine.apply(ApplyRequest(plan=plan.id), filled.caller)
    assert filled.engine.state().pool.total == 6


async def test_a_plan_is_applied_once(filled: World) -> None:
    plan = filled.engine.plan(PlanRequest(action=PlanAction.FLUSH_POOL), filled.caller)
    await filled.engine.apply(ApplyRequest(plan=plan.id), filled.caller)
    with pytest.raises(NotFound):
        await filled.engine.apply(ApplyRequest(plan=plan.id), filled.caller)


async def test_a_plan_older_than_five_minutes_is_not_applied(filled: World) -> None:
    plan = filled.engine.plan(PlanRequest(action=PlanAction.FLUSH_POOL), filled.caller)
    filled.clock.time += 301
    with pytest.raises(NotFound, match="5 minutes"):
        await filled.engine.apply(ApplyRequest(plan=plan.id), filled.caller)


async def test_an_emptied_pool_refills(filled: World) -> None:
    before = set((await filled.engine.picks("task1", 5, filled.caller)).addrs)
    await filled.engine.flush(None, filled.caller)
    await filled.filled()
    after = set((await filled.engine.picks("task1", 5, filled.caller)).addrs)
    assert len(after) == 5
    assert not before & after


async def test_flushing_a_mirror_while_scrapers_work_is_not_refused(filled: World) -> None:
    await filled.engine.picks("task1", 2, filled.caller)
    await filled.filled()
    plan = filled.engine.plan(PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname="task1"), filled.caller)
    await filled.engine.pick("task1", filled.caller)
    applied = await filled.engine.apply(ApplyRequest(plan=plan.id), filled.caller)
    assert applied.leases_ended == 3
    assert (await filled.engine.mirror_stats("task1")).using == 0


@pytest.mark.parametrize(
    "request_",
    [
        PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname="nobody"),
        PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=("2001:db8:ffff::1",)),
        PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix="2001:db8:ffff::/64"),
    ],
)
async def test_a_plan_for_what_is_not_there_is_refused(filled: World, request_: PlanRequest) -> None:
    with pytest.raises(NotFound):
        filled.engine.plan(request_, filled.caller)


@pytest.mark.parametrize(
    "request_",
    [
        PlanRequest(action=PlanAction.FLUSH_MIRROR),
        PlanRequest(action=PlanAction.REVOKE_ADDRESSES),
        PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=("192.0.2.1",)),
        PlanRequest(action=PlanAction.REVOKE_PREFIX),
        PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix="2001:db8:0:1::1/64"),
        PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix="2001:db8::/129"),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused(filled: World, request_: PlanRequest) -> None:
    with pytest.raises(InvalidRequest):
        filled.engine.plan(request_, filled.caller)
