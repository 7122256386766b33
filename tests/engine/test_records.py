"""What can be looked up, and tokens, settings and older pools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipv6console.config import CheckSettings, NetworkSettings, PoolSettings, Settings
from ipv6console.engine import records
from ipv6console.engine.caller import Scope
from ipv6console.engine.errors import InvalidRequest, NotFound, Unavailable
from ipv6console.engine.protocol import HostPrefix, StoreError
from ipv6console.engine.report import ReportItem
from ipv6console.pool.address import format_address
from ipv6console.pool.table import AddressTable
from ipv6console.wire.address import AddressChanges, AddressFilter, AddressRow
from ipv6console.wire.importing import ImportedAddress, ImportedMirror, ImportedUsage, ImportRequest
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def _by_address(world: World, addr: str) -> AddressRow:
    rows = (await world.engine.addresses(AddressFilter(), None, 100)).addresses
    return next(row for row in rows if row.addr == addr)


class TestHistory:
    async def test_who_held_an_address_is_known_while_it_is_held_and_after(self, filled: World) -> None:
        picked = await filled.engine.pick("task1", filled.caller, holder="scraper 7")
        assert picked.addr
        [row] = (await filled.engine.history(picked.addr, None, None, 10)).entries
        assert (row.holder, row.until, row.verdict) == ("scraper 7", None, None)
        filled.clock.time += 10
        item = ReportItem(addr=picked.addr, status="bad", target="shop.example", reason="403")
        await filled.engine.report("task1", [item])
        [row] = (await filled.engine.history(picked.addr, None, None, 10)).entries
        assert (row.since + 10, row.verdict, row.target, row.reason) == (row.until, "bad", "shop.example", "403")

    async def test_the_question_may_be_about_one_moment(self, filled: World) -> None:
        start = filled.clock.now()
        picked = await filled.engine.pick("task1", filled.caller, ttl=60)
        assert picked.addr
        assert picked.lease
        filled.clock.time += 10
        await filled.engine.release(picked.lease)
        for at, count in ((start - 1, 0), (start + 5, 1), (start + 11, 0)):
            assert len((await filled.engine.history(picked.addr, None, at, 10)).entries) == count

    async def test_a_flush_and_an_expiry_are_in_the_history_too(self, filled: World) -> None:
        await filled.engine.picks("task1", 2, filled.caller, ttl=60)
        filled.clock.time += 61
        await filled.until(lambda: filled.engine.state().mirrors[0].using == 0)
        await filled.engine.picks("task1", 1, filled.caller, ttl=60)
        await filled.engine.flush("task1", filled.caller)
        verdicts = sorted(str(row.verdict) for row in (await filled.engine.history(None, "task1", None, 10)).entries)
        assert verdicts == ["expired", "expired", "flushed"]


async def test_the_hosts_that_ban_us_are_counted(filled: World) -> None:
    picked = await filled.engine.picks("task1", 3, filled.caller)
    hosts = ("shop.example", "shop.example", "maps.example")
    items = [ReportItem(addr=a, status="bad", target=t, reason="403") for a, t in zip(picked.addrs, hosts, strict=True)]
    await filled.engine.report("task1", items)
    rows = (await filled.engine.targets(None, 10)).targets
    assert [(row.target, row.bans, row.addresses, row.last_reason) for row in rows] == [
        ("shop.example", 2, 2, "403"),
        ("maps.example", 1, 1, "403"),
    ]


async def _all(world: World) -> list[str]:
    return [row.addr for row in (await world.engine.addresses(AddressFilter(), None, 1_000)).addresses]


async def _paged(world: World, wanted: AddressFilter) -> tuple[list[str], set[int]]:
    """Return what fits in pages of two, and the totals they tell."""
    found: list[str] = []
    totals: set[int] = set()
    cursor = None
    while True:
        page = await world.engine.addresses(wanted, cursor, 2)
        found += [row.addr for row in page.addresses]
        totals.add(page.total)
        cursor = page.next
        if cursor is None:
            return found, totals


class TestAddresses:
    async def test_addresses_are_listed_in_pages(self, filled: World) -> None:
        first = await filled.engine.addresses(AddressFilter(), None, 3)
        second = await filled.engine.addresses(AddressFilter(), first.next, 3)
        assert len({row.addr for row in first.addresses + second.addresses}) == first.total == 5
        assert second.next is None

    async def test_they_can_be_filtered_by_prefix_mirror_and_state(self, filled: World) -> None:
        picked = await filled.engine.picks("task1", 2, filled.caller)
        await filled.engine.report("task1", [ReportItem(addr=picked.addrs[0], status="bad")])
        bad = await filled.engine.addresses(AddressFilter(dbname="task1", state="bad"), None, 10)
        assert [(row.addr, row.bad_in) for row in bad.addresses] == [(picked.addrs[0], ("task1",))]
        using = await filled.engine.addresses(AddressFilter(dbname="task1", state="using"), None, 10)
        assert [(row.addr, row.leased_in) for row in using.addresses] == [(picked.addrs[1], ("task1",))]
        assert (await filled.engine.addresses(AddressFilter(prefix="2001:db8:0:2::/64"), None, 10)).total == 0

    async def test_every_filter_gives_what_fits_page_by_page_and_counts_it(self, filled: World) -> None:
        await filled.engine.spawn(7, filled.caller)
        picked = (await filled.engine.picks("task1", 5, filled.caller)).addrs
        await filled.engine.report("task1", [ReportItem(addr=addr, status="bad") for addr in picked[:2]])
        states = {
            addr: "bad" if addr in picked[:2] else "using" if addr in picked else "idle" for addr in await _all(filled)
        }
        half = "2001:db8:0:1:8000::/65"
        for prefix in (None, half, "2001:db8::/32", "2001:db8:0:2::/64"):
            inside = [addr for addr in states if prefix is None or IPv6Address(addr) in IPv6Network(prefix)]
            for state in (None, "idle", "using", "bad"):
                wanted = AddressFilter(dbname="task1", prefix=prefix, state=state)
                fits = [a for a in inside if states[a] == state or (state is None and states[a] != "idle")]
                assert await _paged(filled, wanted) == (fits, {len(fits)})
            assert await _paged(filled, AddressFilter(prefix=prefix)) == (inside, {len(inside)})

    async def test_what_one_mirror_uses_is_found_without_a_walk_through_the_pool(
        self, filled: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        picked, listed = (await filled.engine.picks("task1", 2, filled.caller)).addrs, await _all(filled)

        def walk(_: AddressTable) -> Iterator[int]:
            raise AssertionError("that takes seconds in a large pool, and picks wait")

        monkeypatch.setattr(AddressTable, "rows", walk)
        for state in (None, "using"):
            assert await _paged(filled, AddressFilter(dbname="task1", state=state)) == (
                sorted(picked, key=listed.index),
                {2},
            )
        assert (await _paged(filled, AddressFilter(dbname="task1", state="idle")))[1] == {3}

    async def test_a_walk_through_the_pool_lets_picks_in_between(
        self, filled: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(records, "_AT_ONCE", 1)
        wanted = AddressFilter(prefix="2001:db8:0:1::/64", dbname="task1", state="idle")
        await filled.engine.mirror_stats("task1")
        asked = asyncio.create_task(filled.engine.addresses(wanted, None, 10))
        await asyncio.sleep(0)
        assert not asked.done()
        assert (await filled.engine.pick("task1", filled.caller)).success
        assert (await asked).total == 5

    async def test_a_look_at_what_many_mirrors_did_lets_picks_in_between(
        self, filled: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(records, "_MIRRORS_AT_ONCE", 1)
        seq = (await filled.engine.address_changes(None)).seq
        for name in ("task1", "task2", "task3"):
            assert (await filled.engine.pick(name, filled.caller)).success
        page = asyncio.create_task(filled.engine.addresses(AddressFilter(), None, 10))
        changes = asyncio.create_task(filled.engine.address_changes(seq))
        await asyncio.sleep(0)
        assert not page.done()
        assert not changes.done()
        assert (await page).addresses[0].leased_in == (await changes).rows[0].leased_in == ("task1", "task2", "task3")

    async def test_a_walk_begins_again_when_the_pool_was_read_back_meanwhile(
        self, filled: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(records, "_AT_ONCE", 1)
        asked = asyncio.create_task(filled.engine.addresses(AddressFilter(prefix="2001:db8::/32"), None, 10))
        await asyncio.sleep(0)
        core = filled.engine._core
        [gone, *kept] = core.pool.table.rows()
        lost, *left = (format_address(core.pool.table.address(row)) for row in (gone, *kept))
        await core.commit(*core.pool.remove([gone], filled.clock.now()).changes)
        core._restore(core._filled(await filled.store.load()))
        # Others may be made in its place meanwhile.
        assert [row.addr for row in (await asked).addresses][: len(left)] == left
        assert lost not in left

    async def test_a_row_tells_how_often_it_was_used_when_last_and_when_it_is_tried_again(self, filled: World) -> None:
        start = filled.clock.now()
        one = await filled.engine.pick("task1", filled.caller)
        assert one.addr
        filled.clock.time += 10
        await filled.engine.report("task1", [ReportItem(addr=one.addr, status="bad")])
        await filled.engine.picks("task2", 5, filled.caller)
        row = await _by_address(filled, one.addr)
        assert (row.uses, row.last_used_at, row.retry_at) == (2, start + 10, start + 60)
        assert (row.leased_in, row.bad_in) == (("task2",), ("task1",))
        others = [
            row for row in (await filled.engine.addresses(AddressFilter(), None, 10)).addresses if row.addr != one.addr
        ]
        assert {(row.uses, row.retry_at) for row in others[:4]} == {(1, None)}

    async def test_an_address_never_used_has_no_time_of_use(self, filled: World) -> None:
        rows = (await filled.engine.addresses(AddressFilter(), None, 10)).addresses
        assert {(row.last_used_at, row.uses, row.retry_at) for row in rows} == {(None, 0, None)}

    @pytest.mark.parametrize(
        ("wanted", "cursor"),
        [
            (AddressFilter(state="bad"), None),
            (AddressFilter(dbname="x", state="fine"), None),
            (AddressFilter(prefix="2001:db8::1/64"), None),
            (AddressFilter(), "x"),
        ],
    )
    async def test_a_question_without_meaning_is_refused(
        self, filled: World, wanted: AddressFilter, cursor: str | None
    ) -> None:
        with pytest.raises(InvalidRequest):
            await filled.engine.addresses(wanted, cursor, 10)


class TestChanges:
    async def test_who_follows_hears_of_picks_verdicts_and_new_and_lost_addresses(self, filled: World) -> None:
        seq = (await filled.engine.address_changes(None)).seq
        picked = await filled.engine.picks("task1", 2, filled.caller, ttl=60)
        changes = await filled.engine.address_changes(seq)
        leased = {row.addr: row.leased_in for row in changes.rows if row.leased_in}
        assert leased == dict.fromkeys(picked.addrs, ("task1",))
        await filled.filled()
        seq = (await filled.engine.address_changes(seq)).seq
        item = ReportItem(addr=picked.addrs[0], status="bad", lease=picked.leases[0].lease)
        await filled.engine.report("task1", [item])
        [row] = (await filled.engine.address_changes(seq)).rows
        assert (row.addr, row.leased_in, row.bad_in) == (picked.addrs[0], (), ("task1",))
        seq = (await filled.engine.address_changes(seq)).seq
        [made] = (await filled.engine.spawn(1, filled.caller)).addrs
        assert [row.addr for row in (await filled.engine.address_changes(seq)).rows] == [made]
        plan = filled.engine.plan(PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(made,)), filled.caller)
        await filled.engine.apply(ApplyRequest(plan=plan.id, reason="abuse"), filled.caller)
        changes = await filled.engine.address_changes(seq)
        assert (changes.rows, changes.gone, changes.missed) == ((), (made,), False)
        assert await filled.engine.address_changes(changes.seq) == AddressChanges(
            seq=changes.seq, rows=(), gone=(), missed=False
        )

    async def test_a_flushed_mirror_and_an_expired_lease_are_heard_of(self, filled: World) -> None:
        seq = (await filled.engine.address_changes(None)).seq
        picked = await filled.engine.pick("task1", filled.caller, ttl=50)
        await filled.filled()
        seq = (await filled.engine.address_changes(seq)).seq
        filled.clock.time += 51
        await filled.until(lambda: filled.engine.state().mirrors[0].using == 0)
        leased_in = {row.addr: row.leased_in for row in (await filled.engine.address_changes(seq)).rows}
        assert leased_in[str(picked.addr)] == ()
        seq = (await filled.engine.address_changes(seq)).seq
        await filled.engine.flush("task1", filled.caller)
        assert (await filled.engine.address_changes(seq)).missed

    async def test_nothing_is_remembered_for_who_stays_away_for_a_minute(self, filled: World) -> None:
        seq = (await filled.engine.address_changes(None)).seq
        filled.clock.time += 61
        await filled.until(lambda: not filled.engine._core.pool.table.trail.on)
        await filled.engine.pick("task1", filled.caller)
        assert (await filled.engine.address_changes(seq)).missed

    async def test_numbers_of_an_earlier_engine_are_missed(self, filled: World) -> None:
        seq = (await filled.engine.address_changes(None)).seq
        for other in (0, seq - 1_000_000, seq + 1_000_000):
            assert (await filled.engine.address_changes(other)).missed

    async def test_after_the_pool_was_read_back_from_the_store_everything_is_missed(
        self, filled: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(*_: object) -> None:
            raise StoreError("the disk is full", "free some space on the disk")

        seq = (await filled.engine.address_changes(None)).seq
        with monkeypatch.context() as patch:
            patch.setattr(filled.store, "commit", refuse)
            with pytest.raises(Unavailable):
                await filled.engine.pick("task1", filled.caller)
        await filled.event("store.recovered")
        assert (await filled.engine.address_changes(seq)).missed


class TestTokens:
    async def test_a_token_opens_what_its_scope_says_until_it_is_revoked(self, filled: World) -> None:
        made = await filled.engine.create_token("grafana", "read", filled.caller)
        assert filled.engine.find_token(made.token) == ("grafana", frozenset({Scope.READ}), None)
        assert filled.engine.find_token(made.token + "x") is None
        await filled.engine.revoke_token("grafana", filled.caller)
        assert filled.engine.find_token(made.token) is None

    async def test_the_secret_is_kept_nowhere(self, filled: World, tmp_path: Path) -> None:
        made = await filled.engine.create_token("grafana", "operate", filled.caller)
        await filled.engine.save()
        kept = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.glob("engine.db*")))
        assert made.token.encode() not in kept
        assert made.token.removeprefix("ipv6c_").encode() not in kept
        assert not any(made.token in str(event) for event in (await filled.engine.events(0, 100)).events)

    @pytest.mark.parametrize(("name", "scope"), [("", "read"), ("../x", "read"), ("a", "root"), ("a" * 65, "read")])
    async def test_a_careless_token_is_refused(self, filled: World, name: str, scope: str) -> None:
        with pytest.raises(InvalidRequest):
            await filled.engine.create_token(name, scope, filled.caller)

    async def test_two_tokens_of_one_name_are_refused(self, filled: World) -> None:
        await filled.engine.create_token("a", "read", filled.caller)
        with pytest.raises(InvalidRequest, match="already"):
            await filled.engine.create_token("a", "read", filled.caller)
        with pytest.raises(NotFound):
            await filled.engine.revoke_token("b", filled.caller)


class TestMirrorSettings:
    async def test_a_mirror_may_want_more_idle_addresses_than_the_others(self, filled: World) -> None:
        await filled.engine.set_mirror("hungry", MirrorSettings(usable_num=9), filled.caller)
        await filled.until(lambda: filled.engine.state().pool.total == 9)
        assert filled.engine.mirror_settings("hungry").usable_num == 9

    async def test_settings_without_meaning_are_refused(self, filled: World) -> None:
        for settings in (
            MirrorSettings(usable_num=-1),
            MirrorSettings(lease_ttl=0),
            MirrorSettings(check_urls=("ftp://x",)),
        ):
            with pytest.raises(InvalidRequest):
                await filled.engine.set_mirror("task1", settings, filled.caller)

    async def test_a_mirror_whose_target_bans_everything_starves_visibly_and_alone(self, filled: World) -> None:
        for _ in range(20):
            picked = await filled.engine.pick("banned", filled.caller)
            assert picked.addr
            await filled.engine.report("banned", [ReportItem(addr=picked.addr, status="bad")])
            await filled.filled()
        row = next(row for row in filled.engine.state().mirrors if row.name == "banned")
        assert row.level is Level.FAIL
        assert "breaker" in row.text
        total = filled.engine.state().pool.total
        for _ in range(5):
            await filled.engine.pick("banned", filled.caller)
        await filled.engine.pick("other", filled.caller)
        assert filled.engine.state().pool.total == total


class TestMovingIn:
    async def test_an_older_pool_is_taken_over_after_its_addresses_passed_a_check(self, filled: World) -> None:
        addrs = [f"2001:db8:0:1::{number:x}" for number in range(0x100, 0x104)]
        filled.echo.bad = lambda address: address & 0xFFF == 0x103
        report = await filled.engine.import_pool(
            ImportRequest(
                addresses=tuple(ImportedAddress(addr=a, created_at=1.0) for a in (*addrs, "2001:db8:9::1")),
                mirrors=(
                    ImportedMirror(
                        dbname="task1",
                        usages=(
                            ImportedUsage(addr=addrs[0], status="bad", last_used_at=None, use_count=4),
                            ImportedUsage(addr=addrs[1], status="using", last_used_at=None, use_count=2),
                        ),
                    ),
                ),
            ),
            filled.caller,
        )
        assert (report.addresses, report.mirrors, report.bad) == (3, 1, 1)
        assert set(report.skipped) == {addrs[3], "2001:db8:9::1"}
        stats = await filled.engine.mirror_stats("task1")
        assert (stats.using, stats.bad) == (0, 1)

    async def test_a_malformed_older_pool_is_refused_before_anything_is_done(self, filled: World) -> None:
        bad = ImportedUsage(addr="2001:db8:0:1::100", status="broken", last_used_at=None, use_count=0)
        with pytest.raises(InvalidRequest, match="broken"):
            await filled.engine.import_pool(
                ImportRequest(
                    addresses=(ImportedAddress(addr="2001:db8:0:1::100", created_at=1.0),),
                    mirrors=(ImportedMirror(dbname="task1", usages=(bad,)),),
                ),
                filled.caller,
            )
        assert filled.engine.state().pool.total == 5


class TestLists:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(
            pool=PoolSettings(usable_num=4),
            check=CheckSettings(urls=("http://echo.test/ip",), probe=0.0),
            network=NetworkSettings(addresses=tuple(f"2001:db8:0:1::{n:x}" for n in range(0x10, 0x14))),
        )

    async def test_only_the_operators_addresses_are_used_when_there_is_a_list(
        self, world: World, prefix: Callable[..., HostPrefix]
    ) -> None:
        world.watch.show(prefix("2001:db8:0:1::/64"))
        await world.filled()
        picked = await world.engine.picks("task1", 10, world.caller)
        assert sorted(picked.addrs) == [f"2001:db8:0:1::{n:x}" for n in range(0x10, 0x14)]


class TestWeights:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(
            pool=PoolSettings(usable_num=40),
            check=CheckSettings(urls=("http://echo.test/ip",), probe=0.0),
            network=NetworkSettings(weights=("2001:db8:0:1::/64=3",)),
        )

    async def test_two_prefixes_give_in_proportion_to_their_weights(
        self, world: World, prefix: Callable[..., HostPrefix]
    ) -> None:
        world.watch.show(prefix("2001:db8:0:1::/64"), prefix("2001:db8:0:2::/64"))
        await world.filled()
        counts = {row.prefix: row.addresses for row in world.engine.state().prefixes}
        assert counts == {"2001:db8:0:1::/64": 30, "2001:db8:0:2::/64": 10}

    async def test_the_document_tells_each_prefixs_weight(
        self, world: World, prefix: Callable[..., HostPrefix]
    ) -> None:
        world.watch.show(prefix("2001:db8:0:1::/64"), prefix("2001:db8:0:2::/64"))
        await world.filled()
        assert {row.prefix: row.weight for row in world.engine.state().prefixes} == {
            "2001:db8:0:1::/64": 3,
            "2001:db8:0:2::/64": 1,
        }
