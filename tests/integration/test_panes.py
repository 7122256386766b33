"""Every pane of the Overview, on screen, says what changed in the kernel, the daemon or a scraper."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable

import pytest
from textual.pilot import Pilot

from ipv6console.console.app import ConsoleApp
from ipv6console.console.link import Link
from ipv6console.console.widgets.events import EventsPane
from ipv6console.console.widgets.mirrors import MirrorsPane
from ipv6console.console.widgets.ndp import NdpPane
from ipv6console.console.widgets.pane import Pane
from ipv6console.console.widgets.pool import PoolPane
from ipv6console.console.widgets.prefix import PrefixPane
from tests.integration.conftest import Lab, StartLab, unstartable_ndppd

pytestmark = [pytest.mark.privileged, pytest.mark.anyio]

PATIENCE = 30.0
"""Seconds for all of it: the kernel, the engine, the socket and a screen that shares a busy machine with them."""
_SCRAPER = """
import time
from ipv6console.client import IPv6Session
with IPv6Session("on-screen", ttl=3, holder="panes") as session:
    print(session.addr, flush=True)
    time.sleep(1000)
"""


class Glass:
    """The console on the lab's engine, as an operator sees it."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[str]) -> None:
        self.app = app
        self._pilot = pilot

    def text(self, pane: type[Pane]) -> str:
        screen = self.app.screen
        lines = ["".join(segment.text for segment in strip) for strip in screen._compositor.render_strips(screen.size)]
        region = screen.query_one(pane).region
        return "\n".join(line[region.x : region.right] for line in lines[region.y : region.bottom])

    async def until(self, pane: type[Pane], says: Callable[[str], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not says(self.text(pane)):
                    await self._pilot.pause(0.02)
        except TimeoutError:
            pytest.fail(f"the pane never said so:\n{self.text(pane)}")


@pytest.fixture(scope="module")
def lab(start_module_lab: StartLab) -> Lab:
    return start_module_lab("--usable-num", "20")


@pytest.fixture
async def glass(lab: Lab) -> AsyncIterator[Glass]:
    target = str(lab.directory / "engine.sock")
    app = ConsoleApp(Link(target), label="ATTACHED", target=target)
    async with app.run_test(size=(200, 60)) as pilot:
        glass = Glass(app, pilot)
        await glass.until(PrefixPane, lambda text: "2001:db8:0:1::/64" in text)
        yield glass


async def _in_lab(lab: Lab, *command: str) -> None:
    await asyncio.to_thread(lab.output, *command)


async def test_the_prefix_pane_shows_the_lifetime_the_kernel_was_given(lab: Lab, glass: Glass) -> None:
    lifetimes = ("preferred_lft", "86000", "valid_lft", "90000")
    await _in_lab(lab, "ip", "-6", "address", "change", "2001:db8:0:1::2/64", "dev", "up0", *lifetimes)
    await glass.until(PrefixPane, lambda text: "23 h" in text)


async def test_the_ndp_pane_shows_that_ndppd_died_and_that_another_one_answers(lab: Lab, glass: Glass) -> None:
    before = lab.client.state().ndp[0].restarts
    with unstartable_ndppd(lab):
        await asyncio.to_thread(lab.handle.fault, "ndp-kill")
        await glass.until(NdpPane, lambda text: "fail" in text)
    await glass.until(NdpPane, lambda text: "fail" not in text and _restarts(text) > before)


def _restarts(text: str) -> int:
    found = re.search(r"restarts +(\d+)", text)
    return int(found[1]) if found else 0


async def test_pool_mirrors_and_events_panes_show_a_scraper_that_is_killed(lab: Lab, glass: Glass) -> None:
    scraper = await asyncio.to_thread(lab.start, sys.executable, "-c", _SCRAPER)
    await glass.until(PoolPane, lambda text: "leased     1" in text)
    await glass.until(MirrorsPane, lambda text: "on-screen" in text)
    await _in_lab(lab, "kill", "-KILL", str(scraper.remote.pid))
    await glass.until(EventsPane, lambda text: "in on-screen:" in text)


async def test_the_events_pane_shows_a_renumbering(lab: Lab, glass: Glass) -> None:
    await _in_lab(lab, "ip", "-6", "address", "add", "2001:db8:0:78::2/64", "dev", "up0", "nodad")
    await glass.until(EventsPane, lambda text: "2001:db8:0:78::/64 on up0" in text)
    await _in_lab(lab, "ip", "-6", "address", "del", "2001:db8:0:78::2/64", "dev", "up0")
    await glass.until(EventsPane, lambda text: "2001:db8:0:78::/64 is gone" in text)
