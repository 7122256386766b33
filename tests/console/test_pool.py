"""The pool's screen, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.widgets import Button, Input

from ipv6console.console.model import Condition
from ipv6console.console.screens.address import AddressDialog
from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.order import OrderDialog
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.pool import PoolScreen
from ipv6console.console.screens.revoke import RevokeDialog
from ipv6console.console.screens.who import WhoDialog
from ipv6console.console.source import Refused
from ipv6console.console.stock import aligned, number
from ipv6console.wire.address import AddressChanges, AddressRow
from ipv6console.wire.plan import PlanAction, PlanRequest
from tests.console import pool
from tests.console.scene import NOW
from tests.console.stage import Stage, staged, until

pytestmark = pytest.mark.anyio
ROWS = [
    pool.address(0xA1, leased_in=("news",), uses=3, last_used_at=NOW - 5),
    pool.address(0xA2, bad_in=("shop-de", "prices"), uses=9, last_used_at=NOW - 50, retry_at=NOW + 600),
    pool.address(0xA3),
    pool.address(0xBEEF, leased_in=("news",), bad_in=("shop-de",), uses=1, last_used_at=NOW - 500),
]


def screen(stage: Stage) -> PoolScreen:
    page = stage.app.page
    assert isinstance(page, PoolScreen)
    return page


def listed(stage: Stage) -> list[int]:
    return [int(row.key) & 0xFFFF for row in screen(stage).table.roll.rows]


async def read(stage: Stage) -> None:
    await stage.press("2")
    await until(stage, lambda: isinstance(stage.app.page, PoolScreen) and not screen(stage).following.reading)
    await stage.settle()


@asynccontextmanager
async def opened(
    rows: list[AddressRow] | None = None, *, size: tuple[int, int] = (120, 40), **options: object
) -> AsyncIterator[Stage]:
    async with staged(size=size, **options) as stage:  # type: ignore[arg-type] # handed on as they came
        stage.source.pool = ROWS if rows is None else rows
        await read(stage)
        yield stage


async def test_every_address_is_listed_with_its_state_in_the_mirrors() -> None:
    async with opened() as stage:
        shown = stage.text()
        for text in (
            "Pool · 4", aligned(number(ROWS[0].addr)), "● news", "✖ shop-de prices", "○ idle", "● news ✖ shop-de", "never",
            "10 m", "engine now",
        ):  # fmt: skip
            assert text in shown
        assert listed(stage) == [0xA1, 0xA2, 0xA3, 0xBEEF]


async def test_a_paused_pool_is_listed_again_when_it_comes_back_from_the_past() -> None:
    async with opened() as stage:
        await stage.press("P", "left_square_bracket")
        await stage.until_shows("not kept")
        await stage.press("escape")
        await until(stage, lambda: "not kept" not in stage.text())
        assert listed(stage) == [0xA1, 0xA2, 0xA3, 0xBEEF]


async def test_a_large_pool_is_read_page_by_page_and_what_is_there_is_shown_meanwhile() -> None:
    async with staged() as stage:
        stage.source.pool = pool.addresses(6_000)
        await stage.press("2")
        await stage.until_asked("addresses")
        await until(stage, lambda: not screen(stage).following.reading)
        asked = [what for name, what in stage.source.asked if name == "addresses"]
        assert asked == [(None, 200), ("200", 5_000), ("5200", 5_000)]
        await stage.until_shows("Pool · 6,000")


async def test_changes_are_asked_for_and_shown() -> None:
    async with opened() as stage:
        stage.source.changes = [
            AddressChanges(
                seq=7, rows=(pool.address(0xA3, leased_in=("prices",)), pool.address(0xC1)), gone=(ROWS[0].addr,), missed=False
            )
        ]  # fmt: skip
        screen(stage).following.wake()
        await until(stage, lambda: listed(stage) == [0xA2, 0xA3, 0xC1, 0xBEEF])
        await stage.until_shows("● prices")
        screen(stage).following.wake()
        await until(stage, lambda: ("address_changes", 7) in stage.source.asked)


async def test_after_missed_changes_the_pool_is_read_again_and_what_left_goes() -> None:
    async with opened() as stage:
        stage.source.pool = [ROWS[1], pool.address(0xD1)]
        stage.source.changes = [AddressChanges(seq=99, rows=(), gone=(), missed=True)]
        screen(stage).following.wake()
        await until(stage, lambda: listed(stage) == [0xA2, 0xD1])


async def test_another_engine_at_the_same_place_is_read_anew() -> None:
    async with opened() as stage:
        stage.source.pool = [pool.address(0xE1)]
        full = stage.source.document
        stage.source.change(replace(full, engine=replace(full.engine, pid=999, started_at=full.at)))
        await stage.settle()
        screen(stage).following.wake()
        await until(stage, lambda: listed(stage) == [0xE1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state:bad", [0xA2, 0xBEEF]),
        ("!state:bad", [0xA1, 0xA3]),
        ("mirror:news", [0xA1, 0xBEEF]),
        ("lease:no", [0xA2, 0xA3]),
        ("::beef", [0xBEEF]),
        ("2001:DB8:0000:0001::/64 uses>2", [0xA1, 0xA2]),
        ("2001:0db8:0:1:0:0:0:00A3", [0xA3]),
    ],
)
async def test_the_filter_works_as_it_is_typed(text: str, expected: list[int]) -> None:
    async with opened() as stage:
        await stage.press("slash", *text)
        await until(stage, lambda: listed(stage) == expected)
        assert f"{len(expected)} of 4 pass" in stage.text()


async def test_a_bad_filter_says_what_would_be_right_and_the_last_good_one_holds() -> None:
    async with opened() as stage:
        await stage.press("slash", *"::beef")
        await until(stage, lambda: listed(stage) == [0xBEEF])
        await stage.press("space", *"state:gone")
        await stage.until_shows("✖ state:gone is none: state:idle, state:using or state:bad")
        assert listed(stage) == [0xBEEF]


async def test_who_leases_what_can_be_filtered_by() -> None:
    rows = [*ROWS, pool.address(addr="2001:db8:0:1:5:1:1:9", leased_in=("shop-de",))]
    async with opened(rows) as stage:
        await stage.press("slash", *"lease:nightly")
        await stage.until_asked("lease_page")
        await until(stage, lambda: listed(stage) == [9])


async def test_esc_drops_the_filter_and_enter_keeps_it() -> None:
    async with opened() as stage:
        await stage.press("slash", *"::beef", "enter")
        await until(stage, lambda: listed(stage) == [0xBEEF])
        assert not isinstance(stage.app.focused, Input)
        await stage.press("escape")
        await until(stage, lambda: len(listed(stage)) == 4)


async def test_nothing_that_passes_is_said() -> None:
    async with opened() as stage:
        await stage.press("slash", *"::1")
        await stage.until_shows("○ nothing passes the filter")


async def test_o_puts_in_order_and_the_same_again_turns_it_round() -> None:
    async with opened() as stage:
        await stage.press("o")
        await stage.until_screen(OrderDialog)
        await stage.press("n")
        await until(stage, lambda: listed(stage) == [0xA2, 0xA1, 0xBEEF, 0xA3])
        assert "USES↓" in stage.text()
        await stage.press("o")
        await stage.until_screen(OrderDialog)
        assert "falling now, then rising" in stage.text()
        await stage.press("n")
        await until(stage, lambda: listed(stage) == [0xA3, 0xBEEF, 0xA1, 0xA2])


async def test_the_order_can_be_chosen_with_arrows_and_left_with_esc_and_cancel() -> None:
    async with opened() as stage:
        await stage.press("o")
        await stage.until_screen(OrderDialog)
        await stage.press("down", "down", "enter")
        await until(stage, lambda: listed(stage)[0] == 0xA2)
        for keys in (("escape",), ("enter",)):
            await stage.press("o")
            await stage.until_screen(OrderDialog)
            await stage.press(*keys)
            await until(stage, lambda: isinstance(stage.app.screen, PoolScreen))
        assert screen(stage).table.order.column == "state"


async def test_a_click_on_a_head_puts_in_order() -> None:
    async with opened() as stage:
        roll = screen(stage).table.roll
        at = stage.text(f"#{roll.id}").splitlines()[0].index("USES")
        await stage.pilot.click(roll, offset=(at, 0))
        await until(stage, lambda: screen(stage).following.listing.order.column == "uses")


async def test_space_marks_and_goes_on_and_m_marks_all_that_pass() -> None:
    async with opened() as stage:
        await stage.press("space", "space")
        assert screen(stage).table.marks == (ROWS[0].addr, ROWS[1].addr)
        await stage.until_shows("2 marked")
        await stage.press("m")
        assert len(screen(stage).table.marks) == 4
        await stage.press("m")
        assert screen(stage).table.marks == ()


async def test_the_cursor_stays_on_its_address_while_rows_come_and_go_above_it() -> None:
    async with opened() as stage:
        await stage.press("j", "j")
        stage.source.changes = [
            AddressChanges(seq=1, rows=(pool.address(1), pool.address(2)), gone=(ROWS[0].addr,), missed=False)
        ]
        screen(stage).following.wake()
        await until(stage, lambda: len(listed(stage)) == 5)
        assert screen(stage).table.chosen() == ROWS[2]


async def test_x_plans_the_marked_addresses_and_a_done_plan_takes_the_marks_away() -> None:
    async with opened() as stage:
        await stage.press("space", "space", "X")
        await stage.until_screen(PlanDialog)
        assert await stage.until_asked("plan") == PlanRequest(
            action=PlanAction.REVOKE_ADDRESSES, addrs=(ROWS[0].addr, ROWS[1].addr)
        )
        await stage.until_shows("holds for")
        assert "Revoke 2 marked addresses" in stage.text()
        await stage.press("tab", *"abuse", "tab", *"revoke", "enter")
        await stage.press("enter")
        await stage.until_asked("apply")
        await stage.until_shows("● done")
        await stage.press("enter")
        await until(stage, lambda: screen(stage).table.marks == ())


@pytest.mark.parametrize("keys", [("escape",), ("enter",)], ids=["Esc", "Cancel"])
async def test_a_plan_that_is_left_keeps_the_marks(keys: tuple[str, ...]) -> None:
    async with opened() as stage:
        await stage.press("space", "X")
        await stage.until_screen(PlanDialog)
        await stage.until_shows("holds for")
        await stage.press(*keys)
        await until(stage, lambda: isinstance(stage.app.screen, PoolScreen))
        assert "apply" not in stage.asked()
        assert len(screen(stage).table.marks) == 1


async def test_x_without_marks_is_about_the_address_under_the_cursor() -> None:
    async with opened() as stage:
        await stage.press("j", "X")
        await stage.until_screen(PlanDialog)
        assert await stage.until_asked("plan") == PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(ROWS[1].addr,))


async def test_x_in_an_empty_pool_asks_what() -> None:
    async with opened([]) as stage:
        await stage.press("X")
        await stage.until_screen(RevokeDialog)
        await stage.press("escape")


async def test_r_resets_the_marked_addresses_in_the_mirror_chosen() -> None:
    async with opened() as stage:
        await stage.press("m", "R")
        await stage.until_screen(Choice)
        for text in ("Reset in news: 2", "Reset in shop-de: 2", "Reset in prices: 1"):
            assert text in stage.text()
        await stage.press("down", "down", "enter")
        assert await stage.until_asked("reset") == ("shop-de", (ROWS[1].addr, ROWS[3].addr))
        assert "2 addresses are idle in shop-de again." in stage.toasts()


@pytest.mark.parametrize("keys", [("escape",), ("enter",)], ids=["Esc", "Cancel"])
async def test_a_reset_can_be_left(keys: tuple[str, ...]) -> None:
    async with opened() as stage:
        await stage.press("R")
        await stage.until_screen(Choice)
        assert "ipv6console reset 2001:db8:0:1::a1 --dbname news" in stage.text()
        await stage.press(*keys)
        await until(stage, lambda: isinstance(stage.app.screen, PoolScreen))
        assert "reset" not in stage.asked()


async def test_leases_with_an_owner_stay_and_that_is_said() -> None:
    async with opened() as stage:
        stage.source.reset_count = 0
        await stage.press("R")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        await stage.until_asked("reset")
        assert "1 lease has an owner and stays; X revokes." in stage.toasts()


async def test_a_refused_reset_is_told() -> None:
    async with opened() as stage:
        await stage.press("R")
        await stage.until_screen(Choice)
        stage.source.refused["reset"] = Refused("The store failed.", next="Free some space.", title="Not done")
        await stage.press("right", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("Free some space.")


async def test_an_idle_address_has_nothing_to_reset() -> None:
    async with opened() as stage:
        await stage.press("j", "j", "R")
        assert "is idle in every mirror" in stage.toasts()


async def test_the_address_under_the_cursor_is_told_in_full_beside_the_table() -> None:
    async with opened() as stage:
        await stage.press("j")
        await stage.until_asked("history")
        await stage.until_shows("✖ bad shop-de  said shop.example: HTTP 403")
        for text in ("checked again in 10 m", "9 times, last 50 s ago", "route ● ok", "NDP ● ok ndppd on eth0"):
            assert text in stage.text()


async def test_enter_opens_an_address_and_r_asks_again() -> None:
    async with opened(size=(80, 24)) as stage:
        await stage.press("enter")
        await stage.until_screen(AddressDialog)
        await stage.until_shows("Who held it")
        asked = stage.asked().count("history")
        await stage.press("r")
        await stage.until_asked("history", times=asked + 1)
        await stage.press("y")
        assert stage.app.clipboard == ROWS[0].addr
        await stage.press("C")
        assert stage.app.clipboard.startswith("ipv6console who 2001:db8:0:1::a1")
        await stage.press("escape")
        await until(stage, lambda: isinstance(stage.app.screen, PoolScreen))


async def test_a_refused_history_is_told_in_its_place() -> None:
    async with opened(size=(80, 24)) as stage:
        stage.source.refused["history"] = Refused(
            "the history cannot be read", next="Free some space.", title="Unavailable"
        )
        await stage.press("enter")
        await stage.until_screen(AddressDialog)
        await stage.until_shows("✖ Unavailable: the history cannot be read")


async def test_a_asks_who_held_the_address_under_the_cursor() -> None:
    async with opened() as stage:
        await stage.press("j", "a")
        dialog = await stage.until_screen(WhoDialog)
        assert dialog.query_one(Input).value == ROWS[1].addr


async def test_y_copies_the_marked_addresses_one_a_line() -> None:
    async with opened() as stage:
        await stage.press("space", "space", "y")
        assert stage.app.clipboard == f"{ROWS[0].addr}\n{ROWS[1].addr}"


async def test_in_an_empty_pool_enter_and_space_do_nothing_bad() -> None:
    async with opened([]) as stage:
        await stage.until_shows("○ no addresses yet")
        await stage.press("enter", "space", "m", "R", "y")
        assert "There is no address under the cursor." in stage.toasts()


async def test_read_only_refuses_acts_and_says_why() -> None:
    async with opened(read_only=True) as stage:
        await stage.press("space", "X", "R")
        assert stage.toasts().count("The console is read-only.") == 2
        assert isinstance(stage.app.screen, PoolScreen)


async def test_pause_freezes_the_table_and_going_on_catches_up() -> None:
    async with opened() as stage:
        await stage.press("P")
        stage.source.changes = [AddressChanges(seq=1, rows=(pool.address(1),), gone=(), missed=False)]
        screen(stage).following.wake()
        await stage.until_shows("paused")
        assert len(listed(stage)) == 4
        await stage.press("P")
        screen(stage).following.wake()
        await until(stage, lambda: len(listed(stage)) == 5)


async def test_a_refusal_stands_in_place_of_the_table() -> None:
    async with staged() as stage:
        stage.source.refusals = [Refused("Only readers may.", next="Show a token.", kind="forbidden")] * 50
        await stage.press("2")
        await stage.until_shows("✖ no permission")
        assert "Show a token." in stage.text()


async def test_a_lost_engine_leaves_the_rows_and_says_that_they_are_old() -> None:
    async with opened() as stage:
        stage.source.lose()
        await stage.source.taken()
        stage.clock.advance(14)
        await stage.settle()
        assert stage.app.model.condition is Condition.STALE
        await stage.until_shows("◌ was idle")
        assert "◌ stale 14 s" in stage.text()


async def test_another_screen_in_front_asks_for_nothing() -> None:
    async with opened() as stage:
        await stage.press("1")
        asked = stage.asked().count("address_changes")
        screen_behind = stage.app.get_screen_stack("pool")[0]
        assert isinstance(screen_behind, PoolScreen)
        screen_behind.following.wake()
        await stage.pilot.pause(0.05)
        assert stage.asked().count("address_changes") == asked
        await stage.press("2")
        await stage.until_asked("address_changes", times=asked + 1)


async def test_cancel_is_first_in_every_dialog_of_the_pool() -> None:
    async with opened() as stage:
        for key in ("o", "R"):
            await stage.press(key)
            await until(stage, lambda: stage.app.screen.is_modal)
            assert isinstance(stage.app.focused, Button)
            assert stage.app.focused.id == "cancel"
            await stage.press("escape")
            await until(stage, lambda: not stage.app.screen.is_modal)


async def test_while_nobody_knows_who_leases_what_nothing_is_claimed() -> None:
    async with opened() as stage:
        stage.source.gate = asyncio.Event()
        screen(stage).table.ask_filter()
        await stage.press(*"lease:crawler", "enter")
        await stage.until_shows("⟳ loading who leases what")
        assert "◌ not known who leases what" in stage.text()
        assert "nothing passes" not in stage.text()
        stage.source.refused["lease_page"] = Refused(
            "Leases are not told.", next="Ask for the scope read.", title="Refused"
        )
        stage.source.gate.set()
        await stage.until_shows("Leases are not told.")
        assert stage.toasts() == ""


async def test_several_addresses_that_are_idle_are_told_as_several() -> None:
    async with opened([pool.address(1), pool.address(2)]) as stage:
        await stage.press("m", "R")
        await until(stage, lambda: "2 marked addresses are idle in every mirror" in stage.toasts())


async def test_the_address_beside_the_table_names_its_source_and_age() -> None:
    async with opened() as stage:
        await stage.until_shows("in full")
        assert "engine now" in stage.text("#address").splitlines()[-1]


async def test_a_long_table_is_written_down_a_few_rows_at_a_time_and_without_what_has_left() -> None:
    async with opened([pool.address(low) for low in range(1, 1_001)]) as stage:
        table = screen(stage).table
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                if turns == 3:
                    table.listing.drop(number(pool.address(1_000).addr))
                await asyncio.sleep(0)

        working = asyncio.create_task(others())
        told = await table.exported()
        working.cancel()
        assert turns >= 8
        assert len(told.rows) == 999


async def test_of_a_long_table_the_beginning_is_shown_as_text_and_the_rest_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ipv6console.console.desk.SELECTED", 3)
    async with opened() as stage:
        await stage.press("Y")
        await stage.until_shows("and 1 more: e writes all of them into a file")
