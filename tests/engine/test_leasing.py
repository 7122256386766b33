"""Picking, reporting, renewing and resetting through a whole engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.errors import InvalidRequest, NotFound
from ipv6console.engine.report import ReportItem
from ipv6console.wire.mirror import MirrorSettings

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def test_a_pick_gives_a_verified_address_and_a_token(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.success
    assert picked.addr is not None
    assert picked.addr.startswith("2001:db8:0:1:")
    assert picked.lease
    assert picked.expires_at == filled.clock.now() + 300


async def test_a_pick_with_a_ttl_is_owned_and_ends_only_with_its_token(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller, ttl=60)
    assert picked.addr
    refused = await filled.engine.report("task1", [ReportItem(addr=picked.addr, status="idle")])
    assert not refused.success
    assert refused.detail is not None
    assert "needs its token" in refused.detail
    ended = await filled.engine.report("task1", [ReportItem(addr=picked.addr, status="idle", lease=picked.lease)])
    assert ended.success


async def test_an_older_client_ends_its_lease_without_a_token(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.addr
    assert (await filled.engine.report("task1", [ReportItem(addr=picked.addr, status="idle")])).success
    assert (await filled.engine.mirror_stats("task1")).using == 0


async def test_a_released_address_is_not_handed_out_again_at_once(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.addr
    await filled.engine.report("task1", [ReportItem(addr=picked.addr, status="idle")])
    again = await filled.engine.picks("task1", 4, filled.caller)
    assert picked.addr not in again.addrs


async def test_the_same_address_may_be_leased_in_two_mirrors(filled: World) -> None:
    one = await filled.engine.picks("task1", 5, filled.caller)
    two = await filled.engine.picks("task2", 5, filled.caller)
    assert set(one.addrs) == set(two.addrs)


async def test_an_empty_pool_says_why_there_is_nothing_to_pick(world: World) -> None:
    picked = await world.engine.pick("task1", world.caller)
    assert not picked.success
    assert picked.addr is None
    assert picked.detail is not None
    assert "no active prefix" in picked.detail


async def test_a_lease_is_idle_again_after_its_ttl_with_an_event(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller, ttl=60, holder="scraper 7")
    filled.clock.time += 61
    await filled.until(lambda: filled.engine.state().mirrors[0].using == 0)
    event = await filled.event("lease.expired")
    assert event.data == {"addr": picked.addr, "holder": "scraper 7", "process": None}


async def test_an_expired_token_less_lease_rests_for_one_more_ttl(filled: World) -> None:
    await filled.engine.pick("task1", filled.caller)
    filled.clock.time += 301
    await filled.until(lambda: filled.engine.state().mirrors[0].expired == 1)
    assert filled.engine.state().mirrors[0].using == 1
    filled.clock.time += 301
    await filled.until(lambda: filled.engine.state().mirrors[0].using == 0)


async def test_a_renewed_lease_outlives_its_first_ttl(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller, ttl=60)
    assert picked.lease
    filled.clock.time += 50
    renewed = await filled.engine.renew(picked.lease, None)
    assert renewed.ttl == 100
    filled.clock.time += 60
    assert (await filled.engine.release(picked.lease)).success


async def test_an_ended_lease_can_neither_be_renewed_nor_released(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller, ttl=60)
    assert picked.lease
    await filled.engine.release(picked.lease)
    with pytest.raises(NotFound, match="ended"):
        await filled.engine.renew(picked.lease, None)
    with pytest.raises(NotFound, match="ended"):
        await filled.engine.release(picked.lease)


async def test_a_bad_address_cools_down_is_checked_and_comes_back(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.addr
    await filled.engine.report("task1", [ReportItem(addr=picked.addr, status="bad")])
    assert (await filled.engine.mirror_stats("task1")).bad == 1
    filled.clock.time += 51
    await filled.until(lambda: filled.engine.state().mirrors[0].bad == 0)
    assert picked.addr in (await filled.engine.picks("task1", 6, filled.caller)).addrs


async def test_an_address_one_host_bans_serves_another_that_the_pick_names(filled: World) -> None:
    engine, caller = filled.engine, filled.caller
    await engine.set_mirror("task1", MirrorSettings(usable_num=0), caller)
    picked = await engine.picks("task1", 5, caller)
    items = [ReportItem(addr=addr, status="bad", target="Shop.Example.") for addr in picked.addrs]
    assert (await engine.report("task1", items)).success
    stats = await engine.mirror_stats("task1")
    assert (stats.idle, stats.using, stats.bad) == (0, 0, 5)
    unnamed = await engine.pick("task1", caller)
    assert "target=HOST" in (unnamed.detail or "")
    refused = await engine.pick("task1", caller, target="shop.example")
    assert "for shop.example too" in (refused.detail or "")
    served = await engine.pick("task1", caller, target="maps.example")
    assert served.addr in picked.addrs
    assert len((await engine.picks("task1", 5, caller, target="maps.example")).addrs) == 4
    stats = await engine.mirror_stats("task1")
    assert (stats.idle, stats.using, stats.bad) == (0, 5, 0)
    await engine.report("task1", [ReportItem(addr=served.addr or "", status="idle", target="maps.example")])
    assert (await engine.mirror_stats("task1")).bad == 1


async def test_a_restarted_engine_knows_who_bans_which_address(filled: World) -> None:
    engine, caller = filled.engine, filled.caller
    await engine.set_mirror("task1", MirrorSettings(usable_num=0), caller)
    picked = await engine.picks("task1", 5, caller)
    await engine.report("task1", [ReportItem(addr=a, status="bad", target="a.example") for a in picked.addrs[:4]])
    await engine.report("task1", [ReportItem(addr=picked.addrs[4], status="bad")])
    engine._core._restore(engine._core._filled(await filled.store.load()))
    assert not (await engine.pick("task1", caller, target="a.example")).success
    assert set((await engine.picks("task1", 5, caller, target="b.example")).addrs) == set(picked.addrs[:4])


async def test_a_lease_tells_its_holder_and_its_process_apart(filled: World) -> None:
    caller = Caller("unix pid 812 uid 1000 python3 shop.py", frozenset(Scope), pid=812, uid=1000)
    named = await filled.engine.pick("task1", caller, holder="crawler-7")
    await filled.engine.pick("task1", caller)
    await filled.engine.pick("task1", Caller("tcp 127.0.0.1", frozenset(Scope)), holder="unix pid 1 uid 0 init")
    process = "pid 812 uid 1000 python3 shop.py"
    assert {(row.holder, row.process) for row in filled.engine.leases("task1", None, 10).leases} == {
        ("crawler-7", process),
        (f"unix {process}", process),
        ("unix pid 1 uid 0 init", None),
    }
    await filled.engine.report("task1", [ReportItem(addr=str(named.addr), status="idle")])
    [row] = (await filled.engine.history(named.addr, None, None, 10)).entries
    assert (row.holder, row.process) == ("crawler-7", process)


async def test_a_bad_address_that_fails_its_check_leaves_the_pool(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.addr
    await filled.engine.report("task1", [ReportItem(addr=picked.addr, status="bad")])
    filled.echo.bad = lambda _: True
    filled.clock.time += 51
    await filled.until(lambda: filled.engine.state().mirrors[0].bad == 0)
    filled.echo.bad = lambda _: False
    event = await filled.event("address.removed")
    assert event.subject == picked.addr
    await filled.filled()
    assert picked.addr not in (await filled.engine.picks("task1", 6, filled.caller)).addrs


async def test_a_bad_address_stays_bad_while_no_check_url_answers(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller)
    assert picked.addr
    await filled.engine.report("task1", [ReportItem(addr=picked.addr, status="bad")])
    filled.echo.down = set(filled.engine.settings.check.urls)
    filled.clock.time += 51
    asked = len(filled.echo.asked)
    await filled.until(lambda: len(filled.echo.asked) >= asked + 4)
    assert (await filled.engine.mirror_stats("task1")).bad == 1


async def test_a_report_on_an_address_nobody_leased_changes_nothing_and_says_so(filled: World) -> None:
    reply = await filled.engine.report("task1", [ReportItem(addr="2001:db8::1", status="bad")])
    assert not reply.success
    assert "nothing was ever picked" in (reply.detail or "")
    assert not filled.engine.state().mirrors


@pytest.mark.parametrize("addr", ["192.0.2.1", "fe80::1%eth0", "nonsense", "2001:db8::/64", ""])
async def test_a_malformed_address_is_refused(filled: World, addr: str) -> None:
    with pytest.raises(InvalidRequest):
        await filled.engine.report("default", [ReportItem(addr=addr, status="idle")])


@pytest.mark.parametrize("name", ["../x", ".hidden", "", "a" * 65, "a b", "a\0b", "ä"])
async def test_a_careless_mirror_name_is_refused_and_makes_nothing(filled: World, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await filled.engine.pick(name, filled.caller)
    with pytest.raises(InvalidRequest):
        await filled.engine.mirror_stats(name)
    assert not filled.engine.state().mirrors


@pytest.mark.parametrize("ttl", [0.0, -1.0, float("nan"), float("inf")])
async def test_a_ttl_without_meaning_is_refused(filled: World, ttl: float) -> None:
    with pytest.raises(InvalidRequest):
        await filled.engine.pick("task1", filled.caller, ttl=ttl)


async def test_reset_frees_bad_and_token_less_addresses_but_not_owned_ones(filled: World) -> None:
    owned = await filled.engine.pick("task1", filled.caller, ttl=60)
    loose = await filled.engine.pick("task1", filled.caller)
    spoilt = await filled.engine.pick("task1", filled.caller)
    assert owned.addr
    assert loose.addr
    assert spoilt.addr
    await filled.engine.report("task1", [ReportItem(addr=spoilt.addr, status="bad")])
    reply = await filled.engine.reset("task1", [owned.addr, loose.addr, spoilt.addr], filled.caller)
    assert (reply.reset_count, reply.total_count) == (2, 3)
    stats = await filled.engine.mirror_stats("task1")
    assert (stats.using, stats.bad) == (1, 0)


async def test_leases_are_listed_in_pages(filled: World) -> None:
    picked = await filled.engine.picks("task1", 5, filled.caller)
    first = filled.engine.leases(None, None, 3)
    second = filled.engine.leases(None, first.next, 3)
    assert {row.addr for row in first.leases + second.leases} == set(picked.addrs)
    assert (first.total, second.next) == (5, None)


async def test_a_draining_mirror_hands_nothing_out_and_its_leases_live_on(filled: World) -> None:
    picked = await filled.engine.pick("task1", filled.caller, ttl=60)
    await filled.engine.drain_mirror("task1", True, filled.caller)
    refused = await filled.engine.pick("task1", filled.caller)
    assert "draining" in (refused.detail or "")
    assert picked.lease
    assert (await filled.engine.renew(picked.lease, None)).success
    await filled.engine.drain_mirror("task1", False, filled.caller)
    assert (await filled.engine.pick("task1", filled.caller)).success


async def test_an_address_that_came_after_a_pick_was_refused_is_not_taken_for_a_crowded_64(filled: World) -> None:
    leasing, caller = filled.engine.leasing, filled.caller
    while (await filled.engine.pick("task1", caller)).success:
        pass
    assert "are taken in task1" in leasing.shortage("task1")
    [lease] = filled.engine.leases("task1", None, 1).leases
    await filled.engine.reset("task1", [lease.addr], caller)
    assert (
        leasing.shortage("task1")
        == "all addresses were taken in task1 at that moment, and some are idle again; try again"
    )
