"""Bearer tokens while others do the same, and while the store fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ipv6console.engine.errors import InvalidRequest, Unavailable
from ipv6console.wire.token import TokenCreated
from tests.engine.test_core import Refusing

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def test_of_two_who_make_a_token_of_one_name_at_once_one_is_refused_and_picks_go_on(filled: World) -> None:
    made = await asyncio.gather(
        *(filled.engine.create_token("grafana", "read", filled.caller) for _ in range(2)), return_exceptions=True
    )
    assert {type(one) for one in made} == {TokenCreated, InvalidRequest}
    assert (await filled.engine.pick("task1", filled.caller)).success


async def test_a_later_token_of_the_same_name_was_never_used(filled: World) -> None:
    engine = filled.engine
    secret = (await engine.create_token("grafana", "read", filled.caller)).token
    engine.find_token(secret)
    assert (await engine.revoke_token("grafana", filled.caller)).last_used_at is not None
    await engine.create_token("grafana", "read", filled.caller)
    assert engine.tokens()[0].last_used_at is None


async def test_tokens_are_neither_made_nor_revoked_before_the_store_was_read_back(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = filled.engine
    await engine.create_token("grafana", "read", filled.caller)
    refusing = Refusing(filled.store, monkeypatch)
    with pytest.raises(Unavailable):
        await engine.pick("task1", filled.caller)
    refusing.stop()
    with pytest.raises(Unavailable):
        await engine.create_token("laptop", "read", filled.caller)
    with pytest.raises(Unavailable):
        await engine.revoke_token("grafana", filled.caller)
    await filled.event("store.recovered")
    assert [row.name for row in engine.tokens()] == ["grafana"]
