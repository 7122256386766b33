"""The state document and its deltas."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ipv6console.engine.document import GONE_LISTED
from ipv6console.wire.codec import decode, encode
from ipv6console.wire.delta import advance
from ipv6console.wire.state import PrefixState, State

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def test_the_deltas_add_up_to_the_document(filled: World) -> None:
    seen = filled.engine.state()
    with filled.engine.states.subscribe(size=1_000) as subscription:
        for name in ("a", "b", "a"):
            await filled.engine.pick(name, filled.caller)
            filled.engine.state()
        await filled.engine.drain_mirror("a", True, filled.caller)
        latest = filled.engine.state()
        deltas, missed = await subscription.next()
    for delta in deltas:
        seen = advance(seen, delta)
    assert missed == 0
    assert seen == latest


async def test_a_watched_document_tells_what_changed_without_being_asked(filled: World) -> None:
    filled.engine.state()
    with filled.engine.states.subscribe() as subscription:
        await filled.engine.pick("fresh", filled.caller)
        names: set[str] = set()
        while "fresh" not in names:
            deltas, _ = await subscription.next()
            names |= {row.name for delta in deltas for row in delta.mirrors}


async def test_a_feed_says_when_somebody_watches_and_not_after_the_last_has_left(
    filled: World,
) -> None:
    feed = filled.engine.states
    with feed.subscribe():
        await asyncio.wait_for(feed.watched(), 5)
        with feed.subscribe():
            pass
        await asyncio.wait_for(feed.watched(), 5)
    waiting = asyncio.create_task(feed.watched())
    await asyncio.sleep(0)
    assert not waiting.done()
    with feed.subscribe():
        await asyncio.wait_for(waiting, 5)


async def test_a_watcher_that_does_not_read_is_told_how_much_it_missed(filled: World) -> None:
    with filled.engine.states.subscribe(size=4) as subscription:
        for number in range(6):
            await filled.engine.pick(f"m{number}", filled.caller)
            filled.engine.state()
        deltas, missed = await subscription.next()
        assert deltas == []
        assert missed >= 6


async def test_the_document_survives_the_wire(filled: World) -> None:
    state = filled.engine.state()
    assert decode(State, encode(state)) == state


async def test_counters_of_every_mirror_add_up_to_its_total(filled: World) -> None:
    await filled.engine.picks("a", 3, filled.caller)
    await filled.engine.picks("b", 1, filled.caller)
    for row in filled.engine.state().mirrors:
        assert row.idle + row.using + row.bad == row.total


async def test_only_the_prefixes_that_went_last_are_listed_besides_those_there_are(filled: World) -> None:
    pool, now = filled.engine._core.pool, filled.clock.now()
    before = filled.engine.state().prefixes
    went = []
    for number in range(GONE_LISTED + 5):
        prefix, _ = pool.admit((0x20010DB8_00FF_0000 + number) << 64, 64, interface="eth0", source="interface", now=now)
        pool.retire(prefix, now + number)
        went.append(str(prefix))
    listed = filled.engine.state().prefixes
    assert [row.prefix for row in listed if row.state is PrefixState.GONE] == went[-GONE_LISTED:]
    assert {row.prefix for row in before} <= {row.prefix for row in listed}
