"""The Prefixes screen: the list, the timeline, drain and revoke."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.doctor import DoctorDialog
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.prefixes import PrefixesScreen
from ipv6console.console.source import Refused
from ipv6console.console.widgets.prefixes import PrefixesPane, lifetime_bar
from ipv6console.console.widgets.timeline import stages
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.prefix import PrefixStory, PrefixTurn
from ipv6console.wire.state import PrefixState, State
from tests.console import scene
from tests.console.stage import Stage, staged

pytestmark = pytest.mark.anyio

OTHER = "2001:db8:0:9::/64"


async def _shown(stage: Stage) -> None:
    await stage.press("4")
    await stage.until_asked("prefix_story")
    await stage.settle()


def _weighted() -> State:
    full = scene.broken()
    return replace(full, prefixes=(replace(full.prefixes[0], weight=3), *full.prefixes[1:]))


async def test_the_list_tells_state_lifetimes_addresses_leases_and_weight() -> None:
    async with staged(_weighted(), size=(200, 60)) as stage:
        await _shown(stage)
        first, second = stage.text("#prefixes").splitlines()[2:4]
        for told in (
            "● active",
            scene.PREFIX,
            "eth0",
            "interface",
            "20 m",
            "29 d 23 h",
            "1,024",
            "23",
            "3",
            "ndppd",
            "✖ fail",
        ):
            assert told in first
        for told in ("▲ draining", OTHER, "3", "1"):
            assert told in second


async def test_the_timeline_is_that_of_the_prefix_under_the_cursor() -> None:
    async with staged(scene.broken()) as stage:
        await _shown(stage)
        assert f"Timeline · {scene.PREFIX}" in stage.text("#timeline")
        assert "○ deprecated" in stage.text("#timeline")
        await stage.press("j")
        await stage.until_asked("prefix_story", 2)
        await stage.settle()
        text = stage.text("#timeline")
        assert f"Timeline · {OTHER}" in text
        assert "▲ deprecated" in text
        assert "▲ 3 leases drain" in text


async def test_the_cursor_stays_on_its_prefix_when_another_comes_before_it() -> None:
    async with staged() as stage:
        await _shown(stage)
        full = stage.source.document
        newer = replace(full.prefixes[0], id=7, prefix=OTHER, first_seen=full.at)
        stage.source.change(replace(full, prefixes=(*full.prefixes, newer)))
        await stage.settle()
        assert OTHER in stage.text("#prefixes").splitlines()[2]
        assert f"Timeline · {scene.PREFIX}" in stage.text("#timeline")


async def test_the_timeline_tells_how_many_leases_were_lost_and_who_did_it() -> None:
    gone = scene.prefix_row(OTHER, id=2, state=PrefixState.GONE, first_seen=scene.NOW - 9_000, addresses=0, leased=0)
    async with staged(scene.state(prefixes=(gone,))) as stage:
        turns = (
            scene.moment(9_000, PrefixTurn.SEEN, f"{OTHER} on eth0"),
            scene.moment(600, PrefixTurn.DRAINED, f"prefix {OTHER} drains", 5, actor="unix pid 812 uid 0"),
            scene.moment(60, PrefixTurn.GONE, f"{OTHER} is gone", 2),
        )
        stage.source.stories[OTHER] = PrefixStory(prefix=OTHER, entries=turns)
        await _shown(stage)
        text = stage.text("#timeline")
        for told in ("▲ 5 leases drain", "by unix pid 812 uid 0", "✖ 2 leases lost", "✖ gone", "1 m ago"):
            assert told in text
        assert "if it went now" not in text


async def test_what_would_be_hurt_is_told_beforehand() -> None:
    async with staged(scene.broken(), size=(200, 60)) as stage:
        await _shown(stage)
        told = " ".join(stage.text("#timeline").replace("│", " ").split())
        assert "1,024 addresses leave the pool, 23 leases are lost; no other prefix is active" in told


async def test_a_refused_story_says_why_and_r_asks_again() -> None:
    async with staged() as stage:
        stage.source.refusals = [Refused("The kept events cannot be read.", next="See i.", title="Unavailable")]
        await stage.press("4")
        await stage.until_shows("Unavailable: The kept events cannot be read.")
        assert "See i." in stage.text("#timeline")
        await stage.press("r")
        await stage.until_asked("prefix_story", 2)
        await stage.until_shows("from the kept events, read now")


async def test_a_change_of_the_prefix_reads_its_story_again() -> None:
    async with staged() as stage:
        await _shown(stage)
        changed = scene.prefix_row(state=PrefixState.DRAINING, changed_at=scene.NOW)
        stage.source.change(scene.state(prefixes=(changed,)))
        await stage.settle()
        await stage.until_asked("prefix_story", 2)


async def test_the_story_tells_its_age_and_is_not_asked_for_while_the_engine_is_away() -> None:
    async with staged() as stage:
        await _shown(stage)
        stage.source.lose()
        await stage.source.taken()
        stage.clock.advance(14)
        await stage.settle()
        assert "read 14 s ago" in stage.text("#timeline")
        await stage.press("r")
        await stage.settle()
        assert stage.asked().count("prefix_story") == 1


async def test_a_story_that_cannot_be_asked_for_is_not_said_to_be_on_its_way() -> None:
    async with staged() as stage:
        stage.source.lose()
        await stage.press("4")
        await stage.settle()
        assert "◌ not read" in stage.text("#timeline")
        assert "reading" not in stage.text("#timeline")


async def test_while_it_is_read_the_timeline_says_so() -> None:
    async with staged() as stage:
        stage.source.gate = asyncio.Event()
        await stage.press("4")
        await stage.until_shows("⟳ reading the kept events")
        stage.source.gate.set()
        await stage.until_shows("● seen")


@pytest.mark.parametrize(("keys", "done"), [(("right", "enter"), True), (("enter",), False), (("escape",), False)])
async def test_d_drains_the_prefix_under_the_cursor_after_a_question(keys: tuple[str, ...], done: bool) -> None:
    async with staged() as stage:
        await _shown(stage)
        await stage.press("D")
        await stage.until_screen(Choice)
        assert f"Drain prefix {scene.PREFIX}" in stage.text()
        assert "ipv6console drain --prefix" in stage.text()
        await stage.press(*keys)
        await stage.until_home()
        assert (("drain_prefix", (scene.PREFIX, True)) in stage.source.asked) is done


async def test_d_on_a_prefix_that_drains_resumes_it() -> None:
    async with staged(scene.broken()) as stage:
        await _shown(stage)
        await stage.press("j", "D")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        assert await stage.until_asked("drain_prefix") == (OTHER, False)


async def test_x_plans_the_revocation_of_the_prefix_under_the_cursor_and_applies_it() -> None:
    async with staged(scene.broken()) as stage:
        await _shown(stage)
        await stage.press("j", "X")
        await stage.until_screen(PlanDialog)
        assert await stage.until_asked("plan") == PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix=OTHER)
        await stage.until_shows("holds for")
        await stage.press("tab", *"moved", "tab", *"revoke", "enter", "enter")
        await stage.until_asked("apply")


@pytest.mark.parametrize("keys", [("escape",), ("enter",)])
async def test_a_revocation_can_be_taken_back(keys: tuple[str, ...]) -> None:
    async with staged() as stage:
        await _shown(stage)
        await stage.press("X")
        await stage.until_screen(PlanDialog)
        await stage.until_shows("holds for")
        await stage.press(*keys)
        await stage.until_home()
        assert "apply" not in stage.asked()


@pytest.mark.parametrize(
    ("state", "key", "told"),
    [
        (PrefixState.REVOKED, "D", "is revoked already"),
        (PrefixState.REVOKED, "X", "is revoked already"),
        (PrefixState.GONE, "D", "is gone already"),
    ],
)
async def test_what_is_gone_is_neither_drained_nor_revoked(state: PrefixState, key: str, told: str) -> None:
    async with staged(scene.state(prefixes=(scene.prefix_row(state=state),))) as stage:
        await _shown(stage)
        await stage.press(key)
        assert told in stage.toasts()


@pytest.mark.parametrize("key", ["D", "X"])
async def test_without_a_prefix_there_is_nothing_to_act_on(key: str) -> None:
    async with staged(scene.empty()) as stage:
        await stage.press("4")
        await stage.settle()
        assert "✖ no prefix" in stage.text("#prefixes")
        await stage.press(key)
        assert "no prefix under the cursor" in stage.toasts()


async def test_w_walks_the_chain_of_the_prefix_under_the_cursor() -> None:
    async with staged(scene.broken()) as stage:
        await _shown(stage)
        await stage.press("j", "w")
        await stage.until_screen(DoctorDialog)
        assert await stage.until_asked("doctor") == OTHER
        await stage.press("escape")
        await stage.until_home()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_list_tells_route_and_ndp_in_small_terminals_too(size: tuple[int, int]) -> None:
    async with staged(scene.broken(), size=size) as stage:
        await _shown(stage)
        head, first = stage.text("#prefixes").splitlines()[1:3]
        assert head.index("ROUTE") < head.index("NDP")
        assert "✖ fail" in first
        assert scene.PREFIX in first
        assert "…" not in first
        assert "doctor" not in stage.asked()


async def test_a_wide_terminal_has_the_chain_beside_the_timeline_and_r_walks_it_again() -> None:
    async with staged(scene.broken(), size=(200, 60)) as stage:
        await _shown(stage)
        assert await stage.until_asked("doctor") == scene.PREFIX
        await stage.until_shows("walked ")
        await stage.press("j")
        assert await stage.until_asked("doctor", 2) == OTHER
        await stage.press("r")
        assert await stage.until_asked("doctor", 3) == OTHER


async def test_enter_shows_all_of_a_prefix_and_of_a_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await _shown(stage)
        await stage.press("y", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("valid until")
        await stage.press("escape", "tab", "y", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows(f"Timeline of {scene.PREFIX}")
        assert copied[0] == scene.PREFIX
        assert "seen: " in copied[1]


async def test_a_slash_filters_the_list() -> None:
    async with staged(scene.broken()) as stage:
        await _shown(stage)
        await stage.press("slash", *"state:drain")
        await stage.settle()
        assert "1 of 2 pass" in stage.text("#prefixes")
        await stage.press("enter", "escape")
        await stage.settle()
        assert "Prefixes · 2" in stage.text("#prefixes")
        await stage.press("slash", *"nowhere", "enter")
        await stage.settle()
        assert "nothing passes the filter" in stage.text("#prefixes")


async def test_p_freezes_the_list() -> None:
    async with staged() as stage:
        await _shown(stage)
        await stage.press("P")
        stage.source.change(scene.state(prefixes=(scene.prefix_row(leased=777),)))
        await stage.settle()
        assert "paused" in stage.text("#prefixes")
        assert "777" not in stage.text("#prefixes")


async def test_a_prefix_can_be_asked_for_before_the_list_is_there() -> None:
    async with staged(scene.broken()) as stage:
        await stage.press("4")
        pane = stage.app.page.query_one(PrefixesPane)
        pane.reveal(OTHER)
        await stage.settle()
        assert pane.grid.cursor_key == OTHER


def test_a_prefix_that_came_back_has_a_new_life() -> None:
    story = PrefixStory(
        prefix=OTHER,
        entries=(
            scene.moment(900, PrefixTurn.SEEN, "seen"),
            scene.moment(800, PrefixTurn.GONE, "gone", 0),
            scene.moment(700, PrefixTurn.SEEN, "seen"),
        ),
    )
    found = stages(scene.prefix_row(OTHER), story)
    assert [(stage.name, stage.since and scene.NOW - stage.since) for stage in found] == [
        ("seen", 700), ("preferred", 700), ("deprecated", None), ("gone", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "bar"), [(None, "█████"), (-5, "·····"), (30, "·····"), (30 * 86_400, "█████"), (365 * 86_400, "█████")]
)
def test_a_lifetimes_bar_is_empty_at_its_end_and_full_from_a_month_on(left: float | None, bar: str) -> None:
    assert lifetime_bar(None if left is None else 1_000 + left, 1_000, 5) == bar


def test_a_longer_lifetime_has_a_longer_bar() -> None:
    bars = [lifetime_bar(left, 0.0, 5).count("█") for left in (120.0, 3_600.0, 86_400.0, 864_000.0)]
    assert bars == sorted(bars)
    assert bars[0] < bars[1] < bars[-1]


async def test_a_prefix_that_the_filter_hides_is_revealed_all_the_same() -> None:
    other = scene.prefix_row("2001:db8:0:9::/64", id=2)
    async with staged(scene.state(prefixes=(scene.prefix_row(), other))) as stage:
        await stage.press("4", "slash", *"2001:db8:0:1::", "enter")
        page = stage.app.page
        assert isinstance(page, PrefixesScreen)
        await stage.until_shows("1 of 2 pass")
        page.reveal(other.prefix)
        await stage.until_shows("Prefixes · 2")
        await stage.settle()
        assert page.query_one(PrefixesPane).chosen(stage.app.view) == other
