"""Every pane of Prefixes, NDP and Events, on screen, says what changed in the kernel, a daemon or a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ipv6console.console.app import ConsoleApp
from ipv6console.console.link import Link
from ipv6console.console.widgets.answering import AnsweringPane
from ipv6console.console.widgets.chain import ChainPane
from ipv6console.console.widgets.log import LogPane
from ipv6console.console.widgets.prefix import PrefixPane
from ipv6console.console.widgets.prefixes import PrefixesPane
from ipv6console.console.widgets.strategy import StrategyPane
from ipv6console.console.widgets.timeline import TimelinePane
from tests.integration.conftest import Lab, StartLab, unstartable_ndppd
from tests.integration.test_panes import PATIENCE, Glass

pytestmark = [pytest.mark.privileged, pytest.mark.anyio]

PREFIX = "2001:db8:0:1::/64"
GUEST, GUESTS = "2001:db8:0:79::2/64", "2001:db8:0:79::/64"
BIND = "net.ipv6.ip_nonlocal_bind"


class Keys(Glass):
    """The same, with keys that open its screens."""

    async def show(self, key: str, mode: str) -> None:
        await self._pilot.press(key)
        async with asyncio.timeout(PATIENCE):
            while self.app.page.mode != mode or not self.app.page.panes:
                await self._pilot.pause(0.02)

    async def press(self, key: str) -> None:
        await self._pilot.press(key)


@pytest.fixture(scope="module")
def lab(start_module_lab: StartLab) -> Lab:
    return start_module_lab("--usable-num", "20")


@pytest.fixture
async def glass(lab: Lab) -> AsyncIterator[Keys]:
    target = str(lab.directory / "engine.sock")
    app = ConsoleApp(Link(target), label="ATTACHED", target=target)
    async with app.run_test(size=(200, 60)) as pilot:
        glass = Keys(app, pilot)
        await glass.until(PrefixPane, lambda text: PREFIX in text)
        yield glass


async def _in_lab(lab: Lab, *command: str) -> None:
    await asyncio.to_thread(lab.output, *command)


async def test_prefixes_and_timeline_show_a_prefix_that_comes_is_deprecated_and_goes(lab: Lab, glass: Keys) -> None:
    await glass.show("4", "prefixes")
    await _in_lab(
        lab, "ip", "-6", "address", "add", GUEST, "dev", "up0", "nodad", "preferred_lft", "600", "valid_lft", "900"
    )
    await glass.until(PrefixesPane, lambda text: GUESTS in text and "14 m" in text)
    glass.app.page.query_one(PrefixesPane).reveal(GUESTS)
    await glass.until(TimelinePane, lambda text: f"Timeline · {GUESTS}" in text and "● seen" in text)
    await _in_lab(lab, "ip", "-6", "address", "change", GUEST, "dev", "up0", "preferred_lft", "0", "valid_lft", "900")
    await glass.until(PrefixesPane, lambda text: "▲ draining" in text)
    await glass.until(TimelinePane, lambda text: "▲ deprecated" in text and "it drains" in text)
    await _in_lab(lab, "ip", "-6", "address", "del", GUEST, "dev", "up0")
    await glass.until(TimelinePane, lambda text: "✖ gone" in text and "no lease lost" in text)


async def test_the_answering_pane_shows_that_ndppd_died_and_that_another_one_answers(lab: Lab, glass: Keys) -> None:
    await glass.show("5", "ndp")
    await glass.until(AnsweringPane, lambda text: "● ok" in text)
    before = lab.client.state().ndp[0].restarts
    with unstartable_ndppd(lab):
        await asyncio.to_thread(lab.handle.fault, "ndp-kill")
        await glass.until(AnsweringPane, lambda text: "✖ fail" in text)
        await glass.until(ChainPane, lambda text: "✖ fail     ndp" in text)
    await glass.until(AnsweringPane, lambda text: "● ok" in text)
    assert lab.client.state().ndp[0].restarts > before


async def test_the_strategy_pane_shows_that_somebody_edited_the_daemons_file(lab: Lab, glass: Keys) -> None:
    await glass.show("5", "ndp")
    await glass.until(StrategyPane, lambda text: "● as wanted" in text)
    path = lab.client.ndp_config(PREFIX).path
    assert path is not None
    await _in_lab(lab, "sh", "-c", f"cp {path} {path}.kept; echo '# somebody' >>{path}")
    await glass.press("r")
    await glass.until(StrategyPane, lambda text: "▲ differs" in text and "-# somebody" in text)
    await _in_lab(lab, "mv", f"{path}.kept", path)
    await glass.press("r")
    await glass.until(StrategyPane, lambda text: "● as wanted" in text)


async def test_the_chain_pane_shows_what_broke_and_what_its_fix_mended(lab: Lab, glass: Keys) -> None:
    await glass.show("5", "ndp")
    await glass.until(ChainPane, lambda text: "echo" in text and "was seen outside" in text)
    await _in_lab(lab, "sysctl", "-q", "-w", f"{BIND}=0")
    await glass.press("r")
    await glass.until(ChainPane, lambda text: "▲ warn     bind" in text and "fix" in text)
    report = glass.app.page.query_one(ChainPane).report.value
    assert report is not None
    fix = next(step.fix for step in report.steps if step.name == "bind")
    assert fix is not None
    await _in_lab(lab, "sh", "-c", fix)
    await glass.press("r")
    await glass.until(ChainPane, lambda text: "● ok       bind" in text)


async def test_the_log_shows_a_change_of_the_kernel(lab: Lab, glass: Keys) -> None:
    await glass.show("7", "events")
    await glass.until(LogPane, lambda text: "following" in text)
    await _in_lab(lab, "ip", "-6", "address", "add", GUEST, "dev", "up0", "nodad")
    await glass.until(LogPane, lambda text: f"{GUESTS} on up0" in text)
    await _in_lab(lab, "ip", "-6", "address", "del", GUEST, "dev", "up0")
    await glass.until(LogPane, lambda text: f"{GUESTS} is gone" in text)


async def test_the_log_reaches_back_to_what_the_stream_did_not_tell(lab: Lab, glass: Keys) -> None:
    await glass.show("7", "events")
    await glass.press("home")
    await glass.until(LogPane, lambda text: "the engine started" in text)
