"""The NDP screen: who answers for each prefix and why, its configuration, and the doctor's chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ipv6console.console.screens.dialog import Reader
from ipv6console.console.screens.doctor import DoctorDialog
from ipv6console.console.source import Refused
from ipv6console.console.widgets.chain import ChainPane
from ipv6console.wire.state import State
from ipv6console.wire.status import Level
from tests.console import scene
from tests.console.stage import Stage, staged

pytestmark = pytest.mark.anyio

OTHER = "2001:db8:0:9::/64"
FIX = f"ip -6 route replace local {scene.PREFIX} dev lo"
DIFF = (
    "--- /run/ipv6console/ndppd.conf",
    "+++ /run/ipv6console/ndppd.conf",
    "@@ -1 +1 @@",
    "-proxy eth1 {",
    "+proxy eth0 {",
)


def two() -> State:
    full = scene.state()
    return replace(full, ndp=(*full.ndp, scene.responder_row(prefix=OTHER)))


async def _shown(stage: Stage) -> None:
    await stage.press("5")
    await stage.until_asked("doctor")
    await stage.settle()


async def test_the_list_tells_health_process_restarts_cpu_and_counters() -> None:
    async with staged(two(), size=(200, 60)) as stage:
        await _shown(stage)
        first, second = stage.text("#answering").splitlines()[2:4]
        for told in ("● ok", scene.PREFIX, "eth0", "ndppd", "812", "2 h", "0.3%", "answers for the prefix"):
            assert told in first
        for told in (OTHER, "responder", "844", "20.5k", "20.3k"):
            assert told in second


async def test_the_strategy_is_told_with_its_evidence_and_the_configuration_compared() -> None:
    async with staged(size=(200, 60)) as stage:
        await _shown(stage)
        await stage.until_shows("● as wanted")
        text = stage.text("#strategy")
        assert "neighbours ask for addresses of the prefix, so it is on-link" in text
        assert "/run/ipv6console/ndppd.conf" in text
        assert "proxy eth0 {" in text


async def test_a_difference_is_shown_line_by_line() -> None:
    async with staged(size=(200, 60)) as stage:
        stage.source.config = scene.ndp_config(scene.PREFIX, diff=DIFF)
        await _shown(stage)
        await stage.until_shows("▲ differs")
        assert "-proxy eth1 {" in stage.text("#strategy")
        assert "+proxy eth0 {" in stage.text("#strategy")


async def test_where_nothing_is_to_be_configured_that_is_said() -> None:
    async with staged(size=(200, 60)) as stage:
        text = "a router sends the whole prefix here, so nothing has to answer for it"
        stage.source.config = scene.ndp_config(scene.PREFIX, path=None, wanted=None, found=None, text=text)
        await _shown(stage)
        await stage.until_shows("nothing to configure")
        assert "○ off" in stage.text("#strategy")


async def test_the_chain_is_walked_when_the_screen_is_opened_and_tells_evidence_fix_and_age() -> None:
    async with staged() as stage:
        await _shown(stage)
        text = stage.text("#chain")
        for told in ("not usable", "mtu 1500, state UP", FIX, "walked just now", "◌ unknown  echo"):
            assert told in text
        stage.clock.advance(4)
        await stage.settle()
        assert "walked 4 s ago" in stage.text("#chain")


async def test_r_walks_again() -> None:
    async with staged() as stage:
        await _shown(stage)
        stage.source.gate = asyncio.Event()
        await stage.press("r")
        await stage.until_asked("doctor", 2)
        await stage.settle()
        assert "⟳ looking again" in stage.text("#chain")
        assert FIX in stage.text("#chain")
        stage.source.gate.set()
        await stage.until_shows("walked just now")


async def test_a_change_of_health_walks_the_chain_by_itself() -> None:
    async with staged() as stage:
        await _shown(stage)
        stage.source.change(scene.state(ndp=(scene.ndp_row(level=Level.FAIL, pid=None, restarts=1),)))
        await stage.settle()
        await stage.until_asked("doctor", 2)


async def test_the_chain_is_that_of_the_prefix_under_the_cursor() -> None:
    async with staged(two()) as stage:
        await _shown(stage)
        await stage.press("j")
        await stage.settle()
        await stage.until_asked("doctor", 2)
        assert stage.source.asked[-1][1] == OTHER or ("doctor", OTHER) in stage.source.asked
        assert "Strategy · responder" in stage.text("#strategy")


async def test_a_refused_walk_says_why() -> None:
    async with staged() as stage:
        await stage.settle()
        stage.source.refusals = [
            Refused("It is busy.", next="Wait.", title="Busy"),
            Refused("It is busy.", title="Busy"),
        ]
        await stage.press("5")
        await stage.until_shows("Busy: It is busy.")
        await stage.press("r")
        await stage.until_shows("walked just now")


async def test_while_the_engine_is_away_nothing_is_asked() -> None:
    async with staged() as stage:
        stage.source.lose()
        await stage.settle()
        await stage.press("5")
        await stage.settle()
        assert "◌ not walked" in stage.text("#chain")
        assert "doctor" not in stage.asked()


async def test_w_opens_the_chain_large() -> None:
    async with staged(two()) as stage:
        await _shown(stage)
        await stage.press("j", "w")
        await stage.until_screen(DoctorDialog)
        await stage.press("escape")
        await stage.until_home()
        assert ("doctor", OTHER) in stage.source.asked


async def test_c_opens_strategy_and_configuration_also_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(size=(80, 24)) as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await _shown(stage)
        await stage.press("c")
        await stage.until_screen(Reader)
        await stage.until_shows("● as wanted")
        assert "so it is on-link" in stage.text()
        await stage.press("y", "escape")
        await stage.until_home()
        assert "proxy eth0 {" in copied[0]


async def test_without_a_prefix_c_says_that_nothing_is_configured() -> None:
    async with staged(scene.empty()) as stage:
        await _shown(stage)
        assert "○ not configured" in stage.text("#answering")
        await stage.press("c")
        assert "nothing is configured" in stage.toasts()


async def test_y_copies_the_fixes_of_the_chain_the_gravest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(size=(200, 60)) as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await _shown(stage)
        await stage.press("tab", "tab", "y", "y", "y")
        assert copied == [FIX, "nft -f /run/ipv6console/guard.nft", FIX]


async def test_a_wide_terminal_has_the_events_of_prefixes_and_ndp_below() -> None:
    async with staged(size=(200, 60)) as stage:
        await _shown(stage)
        text = stage.text("#reach")
        assert "ndppd answers for the prefix" in text
        assert "leases expired" not in text
        stage.app.model.events.clear()
        await stage.settle()
        assert "no events yet" in stage.text("#reach")


async def test_enter_shows_everything_known_in_every_pane() -> None:
    async with staged(size=(200, 60)) as stage:
        await _shown(stage)
        for told in (f"NDP of {scene.PREFIX}", f"NDP of {scene.PREFIX}", f"Doctor · {scene.PREFIX}"):
            await stage.press("enter")
            await stage.until_screen(Reader)
            await stage.until_shows(told)
            await stage.press("escape")
            await stage.until_home()
            await stage.press("tab")


@pytest.mark.parametrize(("cpu", "told"), [(0.003, "0.3%"), (0.98, "98.0%"), (1.0, "100%")])
async def test_cpu_is_a_part_of_a_core(cpu: float, told: str) -> None:
    async with staged(scene.state(ndp=(scene.ndp_row(cpu=cpu),))) as stage:
        await stage.press("5")
        await stage.settle()
        assert told in stage.text("#answering")


async def test_the_filter_keeps_what_is_named() -> None:
    async with staged(two()) as stage:
        await _shown(stage)
        await stage.press("slash", *"responder", "enter")
        await stage.settle()
        assert "1 of 2 pass" in stage.text("#answering")
        assert OTHER in stage.text("#answering")


async def test_a_configuration_that_was_compared_before_the_engine_fell_silent_is_not_called_well() -> None:
    async with staged(size=(120, 40)) as stage:
        await _shown(stage)
        await stage.until_shows("● as wanted")
        stage.source.lose(attempt=3)
        await stage.source.taken()
        stage.clock.advance(14)
        await stage.settle()
        await stage.until_shows("◌ was as wanted")
        assert "●" not in stage.text("#all")


async def test_looking_at_the_chain_does_not_change_which_fix_is_copied_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        await _shown(stage)
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await stage.press("tab", "tab", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("walked")
        await stage.press("escape")
        await stage.until_home()
        await stage.press("y", "y")
        assert len(copied) == 2
        assert copied[0] == FIX


async def test_the_doctor_s_dialog_tells_its_age_and_walks_again() -> None:
    async with staged() as stage:
        await stage.press("w")
        await stage.until_screen(DoctorDialog)
        await stage.until_shows("walked now")
        stage.clock.advance(7)
        await stage.until_shows("walked 7 s ago")
        await stage.press("r")
        await stage.until_asked("doctor", times=2)
        await stage.until_shows("walked now")


async def test_where_nothing_is_to_be_mended_no_fix_is_offered_to_copy() -> None:
    async with staged() as stage:
        await _shown(stage)
        await stage.until_shows("y copies the fix")
        pane = stage.app.page.query_one(ChainPane)
        report = pane.report.value
        assert report is not None
        pane.report.value = replace(report, steps=report.steps[:1])
        await stage.settle()
        await stage.until_shows("y copies the verdict")
