"""What settings bound, asked of the engine: mirrors, leases in one /64, addresses that may be used, verdicts of one mirror."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

import pytest

from ipv6console.config import Settings
from ipv6console.engine.engine import Engine
from ipv6console.engine.errors import InvalidRequest, Unavailable
from ipv6console.engine.report import ReportItem
from ipv6console.store.database import SqliteStore
from ipv6console.wire.address import AddressFilter
from ipv6console.wire.mirror import MirrorSettings
from tests.engine.conftest import HandDoctor, World

pytestmark = pytest.mark.anyio

EXCLUDED = ("2001:db8:0:1::/65", "2001:db8:0:1:8000::/66")


@asynccontextmanager
async def restarted(world: World, settings: Settings, path: Path) -> AsyncIterator[Engine]:
    """An engine on what this one has committed, with other settings; the kernel still shows the same."""
    await world.engine.stop()
    await world.store.close()
    store = await SqliteStore.open(path)
    engine = Engine(
        settings,
        store=store,
        watch=world.watch,
        reach=world.reach,
        doctor=HandDoctor(),
        clock=world.clock,
        echo=world.echo,
    )
    await engine.start()
    yield engine
    await engine.stop()
    await store.close()


async def addresses(engine: Engine) -> set[str]:
    return {row.addr for row in (await engine.addresses(AddressFilter(), None, 100)).addresses}


class TestMirrors:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pool=replace(settings.pool, max_mirrors=2))

    async def test_one_mirror_more_than_allowed_is_refused_with_the_way_out_and_is_not_made(
        self, filled: World
    ) -> None:
        for name in ("task1", "task2"):
            assert (await filled.engine.pick(name, filled.caller)).success
        with pytest.raises(Unavailable, match="as many as max_mirrors allows") as refused:
            await filled.engine.pick("task3", filled.caller)
        assert refused.value.next == "use an existing dbname, or raise pool.max_mirrors"
        assert [row.name for row in filled.engine.state().mirrors] == ["task1", "task2"]
        assert (await filled.engine.pick("task1", filled.caller)).success


@pytest.mark.parametrize(
    "wrong",
    [
        MirrorSettings(lease_ttl=0.5),
        MirrorSettings(check_urls=("ftp://echo.test/",)),
        MirrorSettings(check_urls=("http://[echo.test/",)),
        MirrorSettings(check_urls=("http://echo.test:99999/",)),
    ],
)
async def test_settings_that_are_refused_make_no_mirror(filled: World, wrong: MirrorSettings) -> None:
    with pytest.raises(InvalidRequest):
        await filled.engine.set_mirror("fresh", wrong, filled.caller)
    assert "fresh" not in filled.engine.stats().mirrors
    assert (await filled.engine.pick("fresh", filled.caller)).success


class TestLeasesPer64:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pool=replace(settings.pool, max_leases_per_64=2))

    async def test_as_many_leases_as_allowed_are_given_in_one_64_and_the_next_is_told_why(
        self, filled: World, tmp_path: Path
    ) -> None:
        held = await filled.engine.picks("task1", 5, filled.caller, ttl=60)
        assert len(held.addrs) == 2
        assert "max_leases_per_64" in (held.detail or "")
        assert len((await filled.engine.picks("task2", 5, filled.caller)).addrs) == 2, "each mirror for itself"
        await filled.engine.set_mirror("task1", MirrorSettings(max_leases_per_64=3), filled.caller)
        assert len((await filled.engine.picks("task1", 5, filled.caller)).addrs) == 1, "its own bound wins"
        async with restarted(filled, filled.engine.settings, tmp_path / "engine.db") as again:
            assert not (await again.pick("task1", filled.caller)).success
            await again.release(held.leases[0].lease)
            assert (await again.pick("task1", filled.caller)).success


class TestExclusions:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pool=replace(settings.pool, exclude=EXCLUDED))

    async def test_nothing_is_drawn_from_what_the_settings_exclude(self, filled: World) -> None:
        picked = await filled.engine.picks("task1", 5, filled.caller)
        excluded = [IPv6Network(prefix) for prefix in EXCLUDED]
        assert [addr for addr in picked.addrs if any(IPv6Address(addr) in prefix for prefix in excluded)] == []
        assert len(picked.addrs) == 5


async def test_what_the_settings_come_to_exclude_leaves_the_pool_at_the_next_start_with_its_leases(
    filled: World, tmp_path: Path
) -> None:
    held = await filled.engine.pick("task1", filled.caller, ttl=60)
    assert held.addr
    others = (await addresses(filled.engine)) - {held.addr}
    settings = filled.engine.settings
    settings = replace(settings, pool=replace(settings.pool, exclude=(held.addr,)))
    async with restarted(filled, settings, tmp_path / "engine.db") as again:
        assert held.addr not in await addresses(again)
        assert others <= await addresses(again)
        [past] = (await again.history(held.addr, None, None, 10)).entries
        assert (past.verdict, past.reason) == ("lost", "the settings no longer allow the address")
        [told] = [event for event in (await again.events(0, 100)).events if event.kind == "address.removed"]
        assert "left it: 1, leases that ended with them: 1" in told.text


async def test_a_list_of_addresses_that_comes_later_leaves_only_those_of_the_list(
    filled: World, tmp_path: Path
) -> None:
    [kept, *_] = await addresses(filled.engine)
    settings = filled.engine.settings
    settings = replace(settings, network=replace(settings.network, addresses=(kept, "2001:db8:0:1::77")))
    async with restarted(filled, settings, tmp_path / "engine.db") as again:
        picked = await again.picks("task1", 10, filled.caller)
        assert kept in picked.addrs
        assert set(picked.addrs) <= {kept, "2001:db8:0:1::77"}


def bad_in(engine: Engine, name: str) -> int:
    return next(row.bad for row in engine.state().mirrors if row.name == name)


async def test_a_mirrors_own_cool_down_and_check_urls_hold_for_its_verdicts(filled: World) -> None:
    own = "http://own.test/ip"
    await filled.engine.set_mirror("task1", MirrorSettings(bad_cooldown=10, check_urls=(own,)), filled.caller)
    for name in ("task1", "task2"):
        picked = await filled.engine.pick(name, filled.caller)
        await filled.engine.report(name, [ReportItem(addr=picked.addr or "", status="bad")])
    filled.clock.time += 11
    await filled.until(lambda: bad_in(filled.engine, "task1") == 0)
    assert bad_in(filled.engine, "task2") == 1, "the pool's cool-down is 50 s"
    assert own in {url for url, _ in filled.echo.asked}
