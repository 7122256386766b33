"""A mirror in full, and who held an address."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Input

from ipv6console.console.screens.dialog import Choice
from ipv6console.console.screens.mirror import MirrorDialog, settings
from ipv6console.console.screens.who import MOST, WhoDialog, address_in, held
from ipv6console.console.source import Refused
from ipv6console.wire.history import HistoryPage
from ipv6console.wire.mirror import MirrorSettings
from tests.console import scene
from tests.console.stage import Stage, staged

pytestmark = pytest.mark.anyio
TALL = (120, 70)


async def _open(stage: Stage) -> MirrorDialog:
    await stage.press("enter")
    screen = await stage.until_screen(MirrorDialog)
    await stage.until_asked("leases")
    return screen


async def test_enter_on_a_mirror_shows_its_settings_who_bans_it_and_who_holds_its_leases() -> None:
    async with staged(size=TALL) as stage:
        await _open(stage)
        await stage.until_shows("Live leases · 23")
        for text in (
            "▲ warn  its target bans 6 of 10 addresses",
            "300 idle addresses are kept",
            "15 m",
            "no limit",
            "as the pool",
            "shop.example  654 bans on 612 addresses, last 4 s ago: HTTP 403",
            "cdn.example  1 ban on 1 address",
            "unix pid 4711 uid 1000 (python3 scraper.py)",
            "nightly  for 24 s, ends in 50 m",
            "and 20 more: ipv6console leases --dbname shop-de",
            "ipv6console mirror show shop-de",
        ):
            assert text in stage.text()
        assert {name for name, _ in stage.source.asked} == {"mirror_settings", "targets", "leases"}


async def test_what_is_not_answered_yet_is_said_and_a_refusal_hurts_its_section_only() -> None:
    async with staged(size=TALL) as stage:
        stage.source.gate = asyncio.Event()
        await _open(stage)
        assert stage.text().count("⟳ asking") == 3
        stage.source.refusals = [Refused("There is no such endpoint.", next="Update the engine.", title="Not found")]
        stage.source.gate.set()
        await stage.until_shows("Not found: There is no such endpoint.")
        assert "Update the engine." in stage.text()
        assert stage.text().count("⟳ asking") == 0
        assert "23" in stage.text()


async def test_r_asks_again() -> None:
    async with staged(size=TALL) as stage:
        await _open(stage)
        await stage.press("r")
        await stage.until_asked("leases", times=2)


async def test_d_in_the_detail_of_a_mirror_drains_it_after_a_question() -> None:
    async with staged(size=TALL) as stage:
        await _open(stage)
        await stage.press("D")
        await stage.until_screen(Choice)
        assert "its 0 leases" not in stage.text()
        await stage.press("right", "enter")
        assert await stage.until_asked("drain_mirror") == ("shop-de", True)
        await stage.until_screen(MirrorDialog)
        await stage.until_asked("leases", times=2)


async def test_d_in_the_detail_is_refused_while_the_console_is_read_only() -> None:
    async with staged(size=TALL, read_only=True) as stage:
        await _open(stage)
        await stage.press("D")
        assert "read-only" in stage.toasts()
        assert "drain_mirror" not in stage.asked()


def test_a_setting_left_to_the_pool_is_not_shown_as_the_mirrors_own() -> None:
    text = settings(MirrorSettings(check_urls=("https://a.example", "https://b.example")), 80).plain
    assert text.count("as the pool") == 4
    assert "https://a.example" in text


async def test_a_asks_for_an_address_and_tells_who_held_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        await stage.press("a")
        await stage.until_screen(WhoDialog)
        await stage.press(*"2001:DB8:0:1:0::7", "enter")
        assert await stage.until_asked("history") == "2001:db8:0:1::7"
        await stage.until_shows("2001:db8:0:1::7, newest first")
        for text in (
            "● held now",
            "bad",
            "shop.example: HTTP 403",
            "python3 scraper.py",
            "ipv6console who 2001:db8:0:1::7",
        ):
            assert text in stage.text()
        assert "UTC" in stage.text()
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await stage.press("y")
        assert copied == [f"ipv6console who 2001:db8:0:1::7 --socket {scene.SOCKET}"]
        await stage.press("escape")
        await stage.until_home()


async def test_an_address_nobody_held_and_a_line_that_is_none_are_told_apart() -> None:
    async with staged() as stage:
        await stage.press("a", *"2001:db8::dead", "enter")
        await stage.until_shows("nobody is known to have held 2001:db8::dead")
        field = stage.app.screen.query_one("#addr", Input)
        field.value = "shop"
        field.focus()
        await stage.press("enter")
        await stage.until_shows("✖ shop is no IPv6 address")
        assert stage.asked() == ["history"]


async def test_a_refused_lookup_says_what_to_do() -> None:
    async with staged() as stage:
        stage.source.refusals = [Refused("The store is broken.", next="Look at i.", title="Unavailable")]
        await stage.press("a", *"2001:db8::1", "enter")
        await stage.until_shows("Unavailable: The store is broken.")
        assert "Look at i." in stage.text()


async def test_the_palette_takes_an_address() -> None:
    async with staged() as stage:
        await stage.press("colon")
        await stage.until_shows("Spawn (s)")
        await stage.press(*f"who held {scene.PREFIX.removesuffix('/64')}7")
        await stage.until_shows("Who held 2001:db8:0:1::7")
        await stage.press("down", "enter")
        await stage.until_screen(WhoDialog)
        assert await stage.until_asked("history") == "2001:db8:0:1::7"


@pytest.mark.parametrize("text", ["", "who", "192.0.2.1", "2001:db8::/64", "troubles"])
def test_a_query_without_an_address_names_none(text: str) -> None:
    assert address_in(text) is None


async def test_what_was_asked_of_a_mirror_tells_how_old_it_is() -> None:
    async with staged(size=TALL) as stage:
        await _open(stage)
        await stage.until_shows("Live leases · 23  told now")
        stage.clock.advance(4)
        await stage.until_shows("Live leases · 23  told 4 s ago")


async def test_a_mirror_that_is_no_more_is_not_shown_as_if_it_were() -> None:
    async with staged(size=TALL) as stage:
        await _open(stage)
        stage.source.change(scene.state(mirrors=()))
        await stage.source.taken()
        await stage.until_shows("◌ the engine does not list it any more")


async def test_who_held_an_address_is_told_as_of_when_it_was_asked() -> None:
    async with staged() as stage:
        await stage.press("a", *"2001:db8:0:1::7", "enter")
        await stage.until_shows("as of 2026-09-21 14:13:20 UTC")


async def test_a_history_that_is_cut_says_so() -> None:
    row = (await scene.ScriptedSource().history("2001:db8::7", 1)).entries[0]
    told = held("2001:db8::7", HistoryPage(entries=(row,) * MOST), str, scene.NOW, 80).plain
    assert "These are the newest 100; there may be older ones" in told


async def test_while_a_line_is_typed_in_the_key_that_copies_all_the_same_is_named() -> None:
    async with staged() as stage:
        await stage.press("a")
        await stage.until_shows("Ctrl+Y while typing")
