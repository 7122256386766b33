"""The mirrors' screen, driven by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ipv6console.console.burn import Burn, Rate
from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.mirrors import MirrorsScreen
from ipv6console.console.screens.order import OrderDialog
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.revoke import RevokeDialog
from ipv6console.console.screens.who import WhoDialog
from ipv6console.console.source import Refused
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.state import State
from ipv6console.wire.status import Level
from tests.console import scene
from tests.console.stage import Stage, staged, until

pytestmark = pytest.mark.anyio
LEASED = "2001:db8:0:1:5:0:1:9"


def screen(stage: Stage) -> MirrorsScreen:
    page = stage.app.page
    assert isinstance(page, MirrorsScreen)
    return page


def names(stage: Stage) -> list[str]:
    return [row.key for row in screen(stage).tasks.grid.rows]


@asynccontextmanager
async def opened(
    document: State | None = None, *, size: tuple[int, int] = (120, 40), **options: object
) -> AsyncIterator[Stage]:
    async with staged(document, size=size, **options) as stage:  # type: ignore[arg-type] # handed on as they came
        await stage.press("3")
        await until(stage, lambda: isinstance(stage.app.page, MirrorsScreen))
        await stage.settle()
        yield stage


async def answered(stage: Stage) -> None:
    await stage.until_asked("mirror_settings")
    await stage.until_shows("Who bans ")


async def within(stage: Stage) -> None:
    await answered(stage)
    await stage.press("enter")
    await until(stage, lambda: screen(stage).within)
    await until(stage, lambda: screen(stage).query_one("#leases").has_focus_within)
    await stage.until_shows(LEASED)


def banned(state: State, bans: dict[str, int], seconds: float) -> State:
    rows = tuple(replace(row, bans=row.bans + bans.get(row.name, 0)) for row in state.mirrors)
    return replace(state, at=state.at + seconds, mirrors=rows)


def test_the_burn_rate_is_an_average_until_enough_was_seen() -> None:
    state, burn = scene.state(), Burn()
    burn.note(state)
    shop = next(row for row in state.mirrors if row.name == "shop-de")
    assert burn.rate(shop, state) == Rate(655 * 60 / 7_320, measured=False)
    later = banned(state, {"shop-de": 10}, 20)
    burn.note(later)
    shop = next(row for row in later.mirrors if row.name == "shop-de")
    assert burn.rate(shop, later) == Rate(30.0, measured=True)


def test_the_burn_rate_is_about_the_last_minute_only() -> None:
    state, burn = scene.state(), Burn()
    for _ in range(10):
        burn.note(state)
        state = banned(state, {"news": 5}, 10)
    for _ in range(8):
        burn.note(state)
        state = banned(state, {}, 10)
    news = next(row for row in state.mirrors if row.name == "news")
    assert burn.rate(news, state) == Rate(0.0, measured=True)


def test_counters_of_another_engine_begin_anew() -> None:
    state, burn = scene.state(), Burn()
    burn.note(state)
    fresh = replace(state, at=state.at + 30, mirrors=tuple(replace(row, bans=0) for row in state.mirrors))
    burn.note(fresh)
    assert not burn.rate(fresh.mirrors[0], fresh).measured


async def test_every_mirror_and_what_is_inside_the_one_under_the_cursor_is_shown() -> None:
    async with opened() as stage:
        await answered(stage)
        await stage.until_shows("shop.example")
        for text in (
            "Mirrors · 4",
            "BURN/M",
            "~5.4",
            "Leases of shop-de · 3",
            LEASED,
            "Who bans shop-de",
            "HTTP 403",
            "Settings of shop-de",
        ):
            assert text in stage.text()


async def test_the_mirror_that_burns_addresses_fastest_is_found_with_two_keys() -> None:
    async with opened() as stage:
        for _ in range(8):
            stage.clock.advance(1)
            stage.source.change(banned(stage.source.document, {"prices": 4, "news": 1}, 1))
            await stage.settle()
        await stage.press("o")
        await stage.until_screen(OrderDialog)
        await stage.press("b")
        await until(stage, lambda: names(stage)[0] == "prices")
        assert names(stage) == ["prices", "news", "archive", "shop-de"]
        assert "240.0" in stage.text()
        await stage.press("o")
        await stage.until_screen(OrderDialog)
        await stage.press("b")
        await until(stage, lambda: names(stage)[-1] == "prices")


@pytest.mark.parametrize(
    ("letter", "first"),
    [
        ("n", "archive"),
        ("a", "shop-de"),
        ("s", "shop-de"),
        ("p", "news"),
        ("u", "news"),
        ("i", "shop-de"),
        ("t", "news"),
    ],
)
async def test_every_order_can_be_chosen_by_its_letter(letter: str, first: str) -> None:
    async with opened() as stage:
        await stage.press("o")
        await stage.until_screen(OrderDialog)
        await stage.press(letter)
        await until(stage, lambda: names(stage)[0] == first)


@pytest.mark.parametrize("keys", [("escape",), ("enter",)], ids=["Esc", "Cancel"])
async def test_the_order_can_be_left(keys: tuple[str, ...]) -> None:
    async with opened() as stage:
        await stage.press("o")
        await stage.until_screen(OrderDialog)
        await stage.press(*keys)
        await until(stage, lambda: not stage.app.screen.is_modal)
        assert screen(stage).tasks.column == "eye"


async def test_the_cursor_leads_to_another_mirror() -> None:
    async with opened() as stage:
        await answered(stage)
        await stage.press("j")
        await stage.until_shows("Leases of archive · 3")


async def test_enter_goes_into_a_mirror_and_esc_comes_back() -> None:
    async with opened(size=(80, 24)) as stage:
        await within(stage)
        assert "MIRROR" not in stage.text()
        for text in ("HOLDER", "Who bans shop-de", "Settings of shop-de"):
            assert text in stage.text()
        await stage.press("escape")
        await until(stage, lambda: not screen(stage).within)
        assert "MIRROR" in stage.text()


async def test_inside_a_mirror_the_filter_and_the_zoom_are_left_first() -> None:
    async with opened() as stage:
        await within(stage)
        await stage.press("slash", *"nightly")
        await until(stage, lambda: LEASED not in stage.text("#leases"))
        await stage.press("enter", "z")
        assert screen(stage).zoomed
        await stage.press("escape", "escape")
        assert screen(stage).within
        await stage.press("escape")
        await until(stage, lambda: not screen(stage).within)


async def test_inside_a_mirror_acts_are_about_it_wherever_the_table_moves() -> None:
    async with opened() as stage:
        await within(stage)
        full = stage.source.document
        rows = tuple(replace(row, level=Level.OK) for row in full.mirrors)
        stage.source.change(replace(full, mirrors=rows))
        await stage.settle()
        await stage.press("D")
        await stage.until_screen(Choice)
        assert "Drain mirror shop-de" in stage.text()


async def test_d_drains_the_mirror_under_the_cursor_after_a_question() -> None:
    async with opened() as stage:
        await stage.press("D")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        assert await stage.until_asked("drain_mirror") == ("shop-de", True)


async def test_f_plans_to_forget_the_usage_of_the_mirror_under_the_cursor() -> None:
    async with opened() as stage:
        await stage.press("F")
        await stage.until_screen(Choice)
        await stage.press("down", "enter")
        await stage.until_screen(PlanDialog)
        assert await stage.until_asked("plan") == PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname="shop-de")
        await stage.press("escape")


async def test_r_makes_a_whole_mirror_idle_after_a_question() -> None:
    async with opened() as stage:
        await stage.press("R")
        await stage.until_screen(Choice)
        assert "612 bad ones" in stage.text()
        assert "ipv6console reset --all --dbname shop-de" in stage.text()
        await stage.press("right", "enter")
        assert await stage.until_asked("reset_all") == "shop-de"
        assert "612 addresses are idle in shop-de again." in stage.toasts()


async def test_r_in_the_leases_ends_the_one_under_the_cursor() -> None:
    async with opened() as stage:
        await within(stage)
        await stage.press("R")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        assert await stage.until_asked("reset") == ("shop-de", (LEASED,))


async def test_a_lease_with_an_owner_stays_and_that_is_said() -> None:
    async with opened() as stage:
        await within(stage)
        stage.source.reset_count = 0
        await stage.press("R")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        await stage.until_asked("reset")
        assert "the lease has an owner" in stage.toasts()


@pytest.mark.parametrize("keys", [("escape",), ("enter",)], ids=["Esc", "Cancel"])
async def test_a_reset_can_be_left(keys: tuple[str, ...]) -> None:
    async with opened() as stage:
        await stage.press("R")
        await stage.until_screen(Choice)
        await stage.press(*keys)
        await until(stage, lambda: not stage.app.screen.is_modal)
        assert "reset_all" not in stage.asked()


async def test_a_refused_reset_is_told() -> None:
    async with opened() as stage:
        await answered(stage)
        await stage.press("R")
        await stage.until_screen(Choice)
        stage.source.refused["reset_all"] = Refused("The store failed.", next="Free some space.", title="Not done")
        await stage.press("right", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("Free some space.")


async def test_x_in_the_leases_plans_the_address_and_elsewhere_asks_what() -> None:
    async with opened() as stage:
        await within(stage)
        await stage.press("X")
        await stage.until_screen(PlanDialog)
        assert await stage.until_asked("plan") == PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(LEASED,))
        await stage.press("escape")
        await until(stage, lambda: not stage.app.screen.is_modal)
        await stage.press("tab", "X")
        await stage.until_screen(RevokeDialog)


async def test_enter_on_a_lease_tells_who_held_its_address_and_on_a_host_all_of_it() -> None:
    async with opened() as stage:
        await within(stage)
        await stage.press("enter")
        await stage.until_screen(WhoDialog)
        await stage.press("escape")
        await until(stage, lambda: not stage.app.screen.is_modal)
        await stage.press("tab", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("Bans by shop.example")


async def test_y_copies_the_address_of_a_lease() -> None:
    async with opened() as stage:
        await within(stage)
        await stage.press("y")
        assert stage.app.clipboard == LEASED


async def test_a_refusal_hurts_its_own_pane_only() -> None:
    async with staged() as stage:
        stage.source.refusals = [Refused("There is no such endpoint.", next="Update the engine.", title="Not found")]
        await stage.press("3")
        await stage.until_shows("✖ Not found")
        await stage.until_shows("shop.example")


async def test_without_mirrors_it_is_said_how_one_appears() -> None:
    async with opened(scene.empty()) as stage:
        await stage.until_shows("○ no mirrors yet")
        await stage.until_shows("○ no mirror under the cursor")
        await stage.press("enter", "R")
        assert "There is no mirror under the cursor" in stage.toasts()


async def test_read_only_refuses_acts_and_says_why() -> None:
    async with opened(read_only=True) as stage:
        await stage.press("D", "R", "F", "X")
        assert stage.toasts().count("The console is read-only.") == 4


async def test_in_the_past_nobody_is_said_to_hold_a_lease_of_now() -> None:
    async with opened() as stage:
        await within(stage)
        await stage.press("left_square_bracket")
        await stage.until_shows("REWIND")
        await stage.until_shows("who holds what is known as of now only")
        assert LEASED not in stage.text()
        stage.app.past.leave()  # type: ignore[union-attr] # it is there: the screen shows the past
        await stage.until_shows(LEASED)
