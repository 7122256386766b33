"""Who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipv6console.wire.presence import Presence, WatcherKind

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def test_a_console_is_seen_while_it_watches_and_its_coming_and_going_are_events(world: World) -> None:
    presence = Presence(name="op@edge1", kind=WatcherKind.CONSOLE, read_only=True)
    with world.engine.presence.listing(presence, world.caller):
        (row,) = world.engine.state().engine.attached
        assert (row.name, row.kind, row.transport, row.read_only) == (
            "op@edge1",
            WatcherKind.CONSOLE,
            world.caller.label,
            True,
        )
    assert world.engine.state().engine.attached == ()
    came = await world.event("console.attached")
    assert came.text == "op@edge1 attached, read-only"
    assert (await world.event("console.left")).actor == world.caller.label


async def test_a_client_is_seen_but_is_no_news(world: World) -> None:
    before = (await world.engine.events(0, 1)).last
    with world.engine.presence.listing(Presence(), world.caller):
        assert len(world.engine.state().engine.attached) == 1
    kinds = {event.kind for event in (await world.engine.events(before, 100)).events}
    assert not any(kind.startswith("console.") for kind in kinds)
