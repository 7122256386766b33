"""Taking over an older pool, within the bounds of this one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipv6console.config import Settings
from ipv6console.engine.errors import Unavailable
from ipv6console.wire.importing import ImportedAddress, ImportedMirror, ImportRequest

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, pool=replace(settings.pool, max_mirrors=2, max_total=8))


def older(addresses: int, *mirrors: str) -> ImportRequest:
    return ImportRequest(
        prefix="2001:db8:0:1::/64",
        addresses=tuple(
            ImportedAddress(addr=f"2001:db8:0:1::{n:x}", created_at=0.0) for n in range(10, 10 + addresses)
        ),
        mirrors=tuple(ImportedMirror(dbname=name, usages=()) for name in mirrors),
    )


async def test_more_mirrors_than_allowed_are_refused_before_anything_is_done(filled: World) -> None:
    with pytest.raises(Unavailable, match="max_mirrors allows 2"):
        await filled.engine.import_pool(older(1, "task1", "task2", "task3"), filled.caller)
    assert filled.engine.stats().mirrors == ()
    assert filled.engine.state().pool.total == 5


async def test_no_more_addresses_are_taken_over_than_the_pool_may_hold(filled: World) -> None:
    report = await filled.engine.import_pool(older(6, "task1"), filled.caller)
    assert filled.engine.state().pool.total == 8
    assert (report.addresses, set(report.skipped.values())) == (3, {"the pool holds max_total addresses"})
