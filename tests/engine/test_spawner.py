"""The pool is kept full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ipv6console.config import CheckSettings, NetworkSettings, PoolSettings, Settings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.pool.address import parse_address
from ipv6console.wire.address import AddressFilter
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio
URL = "http://echo.test/ip"


async def test_the_neediest_mirror_has_usable_num_idle_addresses_for_as_long_as_the_engine_lives(filled: World) -> None:
    for _ in range(3):
        await filled.engine.picks("task1", 5, filled.caller)
        await filled.filled()
    assert filled.engine.state().pool.neediest == "task1"
    assert filled.engine.state().pool.total == 20


async def test_only_addresses_that_pass_their_check_enter_the_pool(
    world: World, prefix: Callable[..., HostPrefix]
) -> None:
    rejected: set[int] = set()

    def reject_the_first_five(address: int) -> bool:
        if len(rejected) < 5:
            rejected.add(address)
        return address in rejected

    world.echo.bad = reject_the_first_five
    world.watch.show(prefix("2001:db8:0:1::/64"))
    await world.filled()
    picked = await world.engine.picks("task1", 5, world.caller)
    assert not rejected & {parse_address(addr) for addr in picked.addrs}
    assert world.engine.state().pool.checks_failed > 0


async def test_asking_for_addresses_makes_exactly_so_many(filled: World) -> None:
    reply = await filled.engine.spawn(7, filled.caller)
    assert (reply.spawned_count, len(reply.addrs), reply.should_stop) == (7, 7, False)
    assert filled.engine.state().pool.total == 12


async def test_asking_for_addresses_without_a_prefix_says_what_is_missing(world: World) -> None:
    reply = await world.engine.spawn(3, world.caller)
    assert not reply.success
    assert reply.should_stop
    assert "no active prefix" in (reply.detail or "")


async def test_asking_for_addresses_that_all_fail_says_why(filled: World) -> None:
    filled.echo.bad = lambda _: True
    reply = await filled.engine.spawn(3, filled.caller)
    assert not reply.success
    assert "no answer within" in (reply.detail or "")


class TestBounds:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(
            pool=PoolSettings(usable_num=5, max_total=8),
            check=CheckSettings(urls=(URL,), pace=6, pace_window=30.0),
        )

    async def test_the_pool_never_holds_more_than_max_total(
        self, world: World, prefix: Callable[..., HostPrefix]
    ) -> None:
        world.watch.show(prefix("2001:db8:0:1::/64", on_link=False))
        await world.filled()
        reply = await world.engine.spawn(10, world.caller)
        assert world.engine.state().pool.total == 8
        assert "max_total" in (reply.detail or "")

    async def test_requests_side_by_side_do_not_fill_the_pool_beyond_max_total(
        self, world: World, prefix: Callable[..., HostPrefix]
    ) -> None:
        world.watch.show(prefix("2001:db8:0:1::/64", on_link=False))
        await world.filled()
        replies = await asyncio.gather(*(world.engine.spawn(3, world.caller) for _ in range(4)))
        assert world.engine.state().pool.total == 8
        assert sum(reply.spawned_count for reply in replies) == 3
        assert all("max_total" in (reply.detail or "") for reply in replies if not reply.success)

    async def test_fresh_on_link_addresses_are_paced(self, world: World, prefix: Callable[..., HostPrefix]) -> None:
        world.watch.show(prefix("2001:db8:0:1::/64"))
        await world.filled()
        reply = await world.engine.spawn(3, world.caller)
        assert reply.spawned_count == 1
        assert "paced" in (reply.detail or "")
        world.clock.time += 31
        assert (await world.engine.spawn(2, world.caller)).spawned_count == 2

    async def test_checks_of_addresses_that_are_not_in_the_pool_are_paced_too(
        self, world: World, prefix: Callable[..., HostPrefix]
    ) -> None:
        world.watch.show(prefix("2001:db8:0:1::/64"))
        await world.filled()
        known = [row.addr for row in (await world.engine.addresses(AddressFilter(), None, 5)).addresses]
        assert all(reply.usable for reply in (await world.engine.check(known)).values())
        fresh = ["2001:db8:0:1::a", "2001:db8:0:1::b"]
        replies = await world.engine.check(fresh)
        assert [replies[addr].usable for addr in fresh] == [True, False]
        assert "paced" in (replies[fresh[1]].detail or "")
        assert (await world.engine.check(known))[known[0]].usable

    async def test_routed_addresses_are_not_paced(self, world: World, prefix: Callable[..., HostPrefix]) -> None:
        world.watch.show(prefix("2001:db8:0:1::/64", on_link=False))
        await world.filled()
        assert (await world.engine.spawn(3, world.caller)).spawned_count == 3


class TestUrls:
    async def test_a_url_that_is_down_is_told_apart_from_bad_addresses(
        self, world: World, prefix: Callable[..., HostPrefix]
    ) -> None:
        world.echo.down = {URL}
        world.watch.show(prefix("2001:db8:0:1::/64"))
        await world.filled()
        levels = {url.url: url.level for url in world.engine.state().pool.check_urls}
        assert levels == {URL: Level.FAIL, "http://other.test/ip": Level.OK}

    async def test_when_every_url_is_down_health_says_so_and_the_pool_fills_once_they_are_back(
        self, world: World, prefix: Callable[..., HostPrefix]
    ) -> None:
        world.echo.down = {URL, "http://other.test/ip"}
        world.watch.show(prefix("2001:db8:0:1::/64"))
        await world.until(lambda: "every check URL is down" in world.engine.state().pool.text)
        assert world.engine.health().level is Level.FAIL
        world.echo.down = set()
        await world.filled()

    async def test_a_url_that_nobody_has_asked_for_ten_minutes_is_unknown_until_somebody_does(
        self, filled: World
    ) -> None:
        def level() -> Level:
            return filled.engine.state().pool.check_urls[0].level

        assert level() is Level.OK
        filled.clock.time += 601
        assert level() is Level.UNKNOWN
        assert (await filled.engine.check(["2001:db8:0:1::77"]))["2001:db8:0:1::77"].usable
        assert level() is Level.OK

    async def test_an_address_seen_as_another_is_not_usable(self, filled: World) -> None:
        filled.echo.answers = {URL: parse_address("2001:db8:9::9"), "http://other.test/ip": 1}
        address = "2001:db8:0:1::77"
        [reply] = (await filled.engine.check([address])).values()
        assert not reply.usable
        assert "instead" in (reply.detail or "")

    async def test_checking_an_address_outside_the_prefixes_says_so(self, filled: World) -> None:
        [reply] = (await filled.engine.check(["2001:db8:ffff::1"])).values()
        assert not reply.usable
        assert "none of the pool's prefixes" in (reply.detail or "")


class TestList:
    @pytest.fixture
    def settings(self) -> Settings:
        addresses = ("2001:db8:0:1::a", "2001:db8:0:1::b")
        return Settings(
            pool=PoolSettings(usable_num=2),
            check=CheckSettings(urls=(URL,)),
            network=NetworkSettings(addresses=addresses),
        )

    async def test_asking_for_more_addresses_than_there_are_says_so(self, filled: World) -> None:
        reply = await filled.engine.spawn(1, filled.caller)
        assert not reply.success
        assert "no address is left to make" in (reply.detail or "")


class TestSlots:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(pool=PoolSettings(usable_num=5), check=CheckSettings(urls=(URL,), concurrency=2, probe=0.0))

    async def test_a_request_for_many_checks_leaves_room_for_those_of_the_pool(
        self, filled: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = [row.addr for row in (await filled.engine.addresses(AddressFilter(), None, 5)).addresses]
        ask, asked, answer = filled.echo.ask, asyncio.Event(), asyncio.Event()

        async def slow(url: str, source: int | None) -> int:
            if source == parse_address(known[4]):
                return await ask(url, source)
            asked.set()
            await answer.wait()
            return await ask(url, source)

        monkeypatch.setattr(filled.echo, "ask", slow)
        many = asyncio.create_task(filled.engine.check(known[:4]))
        await asked.wait()
        assert (await asyncio.wait_for(filled.engine.prove(parse_address(known[4])), 5))[0]
        assert not many.done()
        answer.set()
        assert all(reply.usable for reply in (await many).values())


async def test_asking_for_addresses_some_of_which_fail_says_how_many(filled: World) -> None:
    # One of four, one of the three that are missing, one of two: then nothing more is tried.
    spoilt = iter([False, True, True, True, False, True, True, False, True])
    filled.echo.bad = lambda _: next(spoilt)
    reply = await filled.engine.spawn(4, filled.caller)
    assert reply.spawned_count == 3
    assert reply.detail == "6 addresses failed their check; try again"


async def test_a_check_that_ends_by_a_defect_is_told_and_not_begun_again_at_once(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def defective(_url: str, _source: int | None) -> int:
        nonlocal asked
        asked += 1
        raise ZeroDivisionError("nothing by nothing")

    monkeypatch.setattr(filled.echo, "ask", defective)
    # However slow this machine is: the time of the next try does not come.
    monkeypatch.setattr(filled.engine._spawner, "_wait", 3_600.0)
    await filled.engine.pick("task1", filled.caller)
    await filled.until(lambda: "nothing by nothing" in filled.engine.state().pool.text)
    before = asked
    for _ in range(100):
        filled.engine._core.changed.set()
        await asyncio.sleep(0)
    assert asked - before <= 2
