"""When the pool cannot do its work for longer than a moment, that is an event."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ipv6console.engine.protocol import HostPrefix
from ipv6console.engine.vigil import MOMENT
from ipv6console.wire.event import EventFilter, EventLevel
from ipv6console.wire.status import Level
from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def kinds(world: World) -> list[str]:
    page = await world.engine.events(0, 1_000, EventFilter(kind="pool."))
    return [event.kind for event in page.events if event.kind in {"pool.failed", "pool.recovered"}]


async def test_a_pool_that_cannot_serve_is_told_of_after_a_moment_and_again_when_it_can(
    world: World, prefix: Callable[..., HostPrefix]
) -> None:
    vigil = world.engine._vigil
    vigil.look()
    world.clock.time += MOMENT - 0.1
    vigil.look()
    assert await kinds(world) == []
    world.clock.time += 0.1
    vigil.look()
    vigil.look()
    assert await kinds(world) == ["pool.failed"]
    event = await world.event("pool.failed")
    assert (event.level, event.text) == (EventLevel.ERROR, "no active prefix")
    assert event.data["fix"] == "ipv6console doctor"
    world.watch.show(prefix("2001:db8:0:1::/64"))
    await world.filled()
    vigil.look()
    assert await kinds(world) == ["pool.failed", "pool.recovered"]


async def test_a_pool_that_fails_for_a_moment_only_is_no_news(filled: World, prefix: Callable[..., HostPrefix]) -> None:
    vigil = filled.engine._vigil
    filled.watch.show()
    await filled.until(lambda: filled.engine.state().pool.level is Level.FAIL)
    vigil.look()
    filled.watch.show(prefix("2001:db8:0:1::/64"))
    await filled.filled()
    filled.clock.time += MOMENT
    vigil.look()
    assert await kinds(filled) == []
