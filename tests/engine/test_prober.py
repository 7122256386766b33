"""An ISP that renumbers without a word is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ipv6console.config import CheckSettings, PoolSettings, Settings
from ipv6console.engine.errors import Refusal
from ipv6console.pool.address import format_address, parse_address
from ipv6console.pool.table import AddressTable
from ipv6console.wire.address import AddressFilter
from ipv6console.wire.state import PrefixState
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio
URL, OTHER_URL = "http://echo.test/ip", "http://other.test/ip"


@pytest.fixture
def settings() -> Settings:
    return Settings(pool=PoolSettings(usable_num=5), check=CheckSettings(urls=(URL,), probe=0.01))


def _state(world: World) -> PrefixState:
    return world.engine.state().prefixes[0].state


async def test_a_prefix_whose_addresses_all_fail_while_the_url_is_well_drains_until_one_works(filled: World) -> None:
    await filled.until(lambda: bool(filled.engine.state().ndp))
    filled.echo.bad = lambda _: True
    await filled.until(lambda: _state(filled) is PrefixState.DRAINING)
    assert "fail at once" in (await filled.event("prefix.silent")).text
    assert filled.engine.health().level is Level.FAIL
    assert not (await filled.engine.pick("task1", filled.caller)).success
    filled.echo.bad = lambda _: False
    await filled.until(lambda: _state(filled) is PrefixState.ACTIVE)
    await filled.event("prefix.returned")


async def test_one_bad_address_does_not_make_a_prefix_silent(filled: World) -> None:
    await filled.until(lambda: bool(filled.engine.state().ndp))
    picked = await filled.engine.pick("task1", filled.caller)
    culprit = parse_address(str(picked.addr))
    filled.echo.bad = lambda address: address == culprit
    before = len(filled.echo.asked)
    await filled.until(lambda: len(filled.echo.asked) > before + 20)
    assert _state(filled) is PrefixState.ACTIVE


async def test_a_check_url_that_is_down_does_not_make_a_prefix_silent(filled: World) -> None:
    await filled.until(lambda: bool(filled.engine.state().ndp))
    filled.clock.time += 60
    filled.echo.down = {URL}
    before = len(filled.echo.asked)
    await filled.until(lambda: len(filled.echo.asked) > before + 20)
    assert _state(filled) is PrefixState.ACTIVE


async def test_a_dead_ndp_daemon_does_not_make_a_prefix_silent(filled: World) -> None:
    filled.reach.turn(Level.FAIL)
    await filled.until(lambda: any(row.level is Level.FAIL for row in filled.engine.state().ndp))
    filled.echo.bad = lambda _: True
    before = len(filled.echo.asked)
    await filled.engine.spawn(3, filled.caller)
    await filled.until(lambda: len(filled.echo.asked) > before)
    assert _state(filled) is PrefixState.ACTIVE


class TestSeveralUrls:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(pool=PoolSettings(usable_num=5), check=CheckSettings(urls=(URL, OTHER_URL), probe=0.01))

    async def test_one_url_that_is_down_does_not_make_a_prefix_silent(self, filled: World) -> None:
        await filled.until(lambda: bool(filled.engine.state().ndp))
        filled.echo.down = {URL}
        before = len(filled.echo.asked)
        await filled.until(lambda: len(filled.echo.asked) > before + 20)
        assert _state(filled) is PrefixState.ACTIVE

    async def test_a_prefix_is_silent_also_when_the_hosts_own_address_is_in_it(self, filled: World) -> None:
        await filled.until(lambda: bool(filled.engine.state().ndp))
        filled.clock.time += 60
        filled.echo.down = {URL, OTHER_URL}
        await filled.until(lambda: _state(filled) is PrefixState.DRAINING)
        with pytest.raises(Refusal, match="no check URL sees addresses of"):
            await filled.engine.drain_prefix(filled.engine.state().prefixes[0].prefix, False, filled.caller)
        filled.echo.down = set()
        await filled.until(lambda: _state(filled) is PrefixState.ACTIVE)


async def test_each_probe_asks_the_next_address_without_a_walk_through_the_pool(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled.until(lambda: bool(filled.engine.state().ndp))
    addresses = {row.addr for row in (await filled.engine.addresses(AddressFilter(), None, 10)).addresses}

    def walk(_: AddressTable) -> Iterator[int]:
        raise AssertionError("that takes a tenth of a second in a large pool, and picks wait")

    monkeypatch.setattr(AddressTable, "rows", walk)
    [prefix] = filled.engine._core.pool.prefixes.values()
    prober = filled.engine._prober
    asked = [address for _ in range(5) for address in prober._witnesses(prefix, 2)]
    assert {format_address(address) for address in asked} == addresses
    assert all(asked.count(address) == 2 for address in asked)
    assert len(prober._witnesses(prefix, 9)) == 5
