"""Subscribers of a whole engine: prefixes out of its own spaces, by calls and by plans."""

from __future__ import annotations

import asyncio
from ipaddress import IPv6Network
from typing import TYPE_CHECKING, Any

import pytest

from ipv6console.config import CheckSettings, LifecycleSettings, PoolSettings, Settings
from ipv6console.engine.errors import InvalidRequest, NotFound, PlanChanged, Refusal
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from ipv6console.wire.space import RangeRequest, SpaceRequest
from ipv6console.wire.subscriber import IPv6AllocationRequest, IPv6RevocationRequest, SubscriberRequest
from tests.engine.conftest import PATIENCE, URL

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings() -> Settings:
    return Settings(
        pool=PoolSettings(usable_num=5),
        check=CheckSettings(urls=(URL,), probe=0.0),
        lifecycle=LifecycleSettings(spaces=("homes",), wait=PATIENCE),
    )


async def _open(world: World, *names: str) -> None:
    spaces, subscribers = world.engine.spaces, world.engine.subscribers
    await spaces.create(SpaceRequest(name="homes"), world.caller)
    await spaces.add_range(RangeRequest(space="homes", range="2001:db8:100::/48"), world.caller)
    for name in names:
        await subscribers.create(SubscriberRequest(subscriber_id=name), world.caller)


def _request(act: str, **more: Any) -> PlanRequest:
    return PlanRequest(action=PlanAction(f"subscriber-{act}"), subscriber_id="a", **more)


async def _do(world: World, act: str, **more: Any) -> tuple[str, ...]:
    plan = world.engine.plan(_request(act, **more), world.caller)
    applied = await world.engine.apply(ApplyRequest(plan=plan.id), world.caller)
    assert applied.count == 1
    return plan.steps


async def test_a_whole_life_is_planned_and_applied(world: World) -> None:
    await _open(world, "a")
    assert await _do(world, "allocate") == (
        "ask the embedded IPAM (spaces homes) for a /56",
        "a becomes allocated when that is answered",
    )
    row = world.engine.subscribers.row("a", None, world.caller)
    prefix, number = str(row.prefix), row.netbox_prefix_id
    assert (row.tenant, row.registry) == ("default", "embedded")
    assert IPv6Network(prefix).subnet_of(IPv6Network("2001:db8:100::/48"))
    there = f"in the embedded IPAM (number {number} there)"
    assert await _do(world, "activate") == ("a becomes active", f"mark {prefix} as active {there}")
    await world.until(lambda: not world.engine.subscribers.row("a", None, world.caller).pending)
    assert world.engine.spaces.cuts()[0].status == "active"
    assert (await _do(world, "suspend"))[0] == "a becomes suspended"
    assert "a becomes active" in await _do(world, "resume")
    assert (await _do(world, "revoke"))[-3:] == (
        "a becomes revoking",
        f"give {prefix} back to the embedded IPAM (number {number} there)",
        "a becomes revoked when all of that is done",
    )
    assert world.engine.subscribers.row("a", None, world.caller).state == "revoked"
    assert world.engine.spaces.cuts() == ()


async def test_a_plan_of_what_cannot_be_is_refused_and_one_that_is_old_does_nothing(world: World) -> None:
    await _open(world, "a")
    with pytest.raises(Refusal, match="cannot become active"):
        world.engine.plan(_request("activate"), world.caller)
    with pytest.raises(Refusal, match="RADIUS"):
        world.engine.plan(_request("revoke", radius=True), world.caller)
    with pytest.raises(InvalidRequest, match="no length"):
        world.engine.plan(_request("allocate", prefix_size=200), world.caller)
    with pytest.raises(InvalidRequest, match="subscriber_id"):
        world.engine.plan(PlanRequest(action=PlanAction.SUBSCRIBER_REVOKE), world.caller)
    with pytest.raises(NotFound):
        world.engine.plan(_request("allocate", tenant="other"), world.caller)
    plan = world.engine.plan(_request("allocate"), world.caller)
    await world.engine.subscribers.allocate("a", IPv6AllocationRequest(), None, world.caller)
    with pytest.raises(PlanChanged):
        await world.engine.apply(ApplyRequest(plan=plan.id), world.caller)
    assert world.engine.plan(_request("allocate"), world.caller).steps == ("nothing: all is so already",)


async def test_64_allocations_at_once_cut_64_prefixes_out_of_the_space_and_all_come_back(world: World) -> None:
    names = [f"s{number}" for number in range(64)]
    await _open(world, *names)
    subscribers = world.engine.subscribers
    replies = await asyncio.gather(
        *(subscribers.allocate(name, IPv6AllocationRequest(prefix_size=60), None, world.caller) for name in names)
    )
    assert len({reply.prefix for reply in replies if reply.success}) == 64
    assert len(world.engine.spaces.cuts()) == 64
    stats = subscribers.stats(None, world.caller)
    assert (stats.state_counts["allocated"], stats.netbox_integration.netbox_integration_rate) == (64, 100.0)
    await asyncio.gather(*(subscribers.revoke(name, IPv6RevocationRequest(), None, world.caller) for name in names))
    assert world.engine.spaces.cuts() == ()
    assert subscribers.stats(None, world.caller).state_counts["revoked"] == 64


async def test_a_space_that_is_not_there_fails_the_allocation_and_says_what_to_make(world: World) -> None:
    await world.engine.subscribers.create(SubscriberRequest(subscriber_id="a"), world.caller)
    reply = await world.engine.subscribers.allocate("a", IPv6AllocationRequest(), None, world.caller)
    assert (reply.success, reply.state) == (False, "failed")
    assert "ipv6console space create homes" in str(reply.message)
