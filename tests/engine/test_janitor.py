"""What the janitor keeps of the past, and what it throws away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipv6console.config import Settings
from ipv6console.pool.change import LeaseEnded
from ipv6console.store import lookup

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio

ADDRESS = 0x20010DB8 << 96


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, pool=replace(settings.pool, history_rows=50, history_days=2))


async def kept(world: World, *, past: list[float], count: int) -> list[float]:
    """Commit leases that ended so many seconds ago, let time pass until `count` of them are left; return those."""
    now = world.clock.now()
    await world.store.commit([LeaseEnded(ADDRESS, "task1", "curl", now - ago, now - ago, "idle") for ago in past])
    async with asyncio.timeout(30):
        while len(page := (await world.engine.history("2001:db8::", None, None, 1_000)).entries) > count:
            world.clock.time += 10.0
            await world.engine._janitor.tick()
    return [now - row.since for row in page]


async def test_of_past_leases_as_many_are_kept_as_the_settings_say_and_those_the_newest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "BLOCK", 10)
    # Fifty in full blocks, and one after them.
    assert await kept(world, past=[float(200 - number) for number in range(200)], count=51) == list(range(1, 52))


async def test_past_leases_older_than_the_settings_say_go_however_few_there_are(world: World) -> None:
    hour = 3_600.0
    left = await kept(world, past=[72 * hour, 49 * hour, 47 * hour, hour], count=2)
    assert left == [hour, 47 * hour]
