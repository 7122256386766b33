"""The last half hour of the state document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipv6console.engine import rewind
from ipv6console.engine.errors import NotFound
from ipv6console.engine.rewind import Rewind

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def test_a_moment_shows_the_state_as_it_was_last_kept(world: World) -> None:
    state = world.engine.state()
    kept = Rewind(world.engine.state)
    for second in (100.0, 101.0, 105.0):
        kept.keep(replace(state, at=second, generation=int(second)))
    assert kept.at(99.9) is None
    shown = [kept.at(moment) for moment in (100.0, 100.9, 104.0, 105.0, 9_999.0)]
    assert [found.generation for found in shown if found] == [100, 100, 101, 105, 105]
    assert kept.at(100.0) == replace(state, at=100.0, generation=100)


async def test_no_more_is_kept_than_half_an_hour_or_fits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewind, "KEPT", 3)
    state = world.engine.state()
    kept = Rewind(world.engine.state)
    for second in range(5):
        kept.keep(replace(state, at=float(second)))
    assert (kept.span.oldest, kept.span.newest, kept.span.kept) == (2.0, 4.0, 3)
    tight = Rewind(world.engine.state, most_bytes=1)
    for second in range(5):
        tight.keep(replace(state, at=float(second)))
    assert (tight.span.oldest, tight.span.kept) == (4.0, 1)


async def test_the_engine_keeps_states_by_itself_and_says_how_far_back(world: World) -> None:
    await world.until(lambda: world.engine.rewind.span.kept > 0)
    oldest = world.engine.rewind.span.oldest
    assert oldest is not None
    assert world.engine.state_at(oldest).at == oldest
    with pytest.raises(NotFound, match="states are kept from"):
        world.engine.state_at(oldest - 1.0)
