"""The console on a real engine behind the real server, through the client library; only the kernel is a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from ipv6console.api.limits import LIMITS
from ipv6console.console.app import ConsoleApp
from ipv6console.console.link import Link
from ipv6console.console.model import Condition
from ipv6console.console.screens.dialog import Choice
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.source import Joined, LossKind, Lost, Refused
from ipv6console.console.widgets.mirrors import MirrorsPane
from ipv6console.wire.frame import StateFrame
from ipv6console.wire.plan import ApplyRequest
from tests.api.service import TESTER, Service, serving, settings_in
from tests.console.stage import DEADLINE, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        yield service


@asynccontextmanager
async def on_engine(target: str) -> AsyncIterator[tuple[ConsoleApp, Pilot[str]]]:
    app = ConsoleApp(Link(target), label="LOCAL", target=target)
    async with app.run_test(size=(120, 40)) as pilot:
        yield app, pilot


async def test_the_document_its_changes_and_the_events_arrive(service: Service) -> None:
    async with on_engine(str(service.path)) as (app, pilot):
        await until(pilot, lambda: app.model.condition is Condition.LIVE)
        await service.engine.pick("task1", TESTER)
        await until(pilot, lambda: (row := app.model.mirror("task1")) and row.using == 1)
        assert app.model.prefix is not None
        assert app.model.prefix.prefix == "2001:db8:0:1::/64"
        await until(pilot, lambda: app.model.events)


async def test_keys_spawn_and_flush_for_real(service: Service) -> None:
    async with on_engine(str(service.path)) as (app, pilot):
        await until(pilot, lambda: app.model.condition is Condition.LIVE)
        before = service.engine.stats().total_addrs
        await pilot.press("s", *"3", "enter")
        await until(pilot, lambda: service.engine.stats().total_addrs >= before + 3)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await service.engine.pick("task1", TESTER)
        await until(pilot, lambda: app.page.query_one(MirrorsPane).grid.cursor_key == "task1")
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("down", "enter")
        await until(
            pilot, lambda: isinstance(app.screen, PlanDialog) and not app.screen.query_one("#go", Button).disabled
        )
        await pilot.press("tab", "enter")
        await until(pilot, lambda: (row := app.model.mirror("task1")) is None or row.using == 0)


async def test_a_set_that_changes_behind_a_real_plan_is_planned_again(service: Service) -> None:
    await service.engine.pick("task1", TESTER)
    async with on_engine(str(service.path)) as (app, pilot):
        await until(pilot, lambda: app.page.query_one(MirrorsPane).grid.cursor_key == "task1")
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, PlanDialog) and app.screen.query_one("#word", Input).display)
        await until(pilot, lambda: app.screen.query_one("#cancel", Button).has_focus)
        await service.engine.spawn(2, TESTER)
        app.screen.query_one("#word", Input).focus()
        await pilot.press(*"flush", "enter", "enter")
        await until(pilot, lambda: not app.screen.query_one("#word", Input).value)
        assert service.engine.stats().total_addrs > 0
        await pilot.press("escape")


async def test_a_plan_that_is_not_there_is_refused_as_outdated(service: Service) -> None:
    link = Link(str(service.path))
    with pytest.raises(Refused) as caught:
        await link.apply(ApplyRequest(plan="nothing"))
    assert caught.value.outdated
    assert caught.value.next
    await link.close()


async def test_an_engine_that_goes_is_lost_with_a_reason_and_comes_back(tmp_path: Path) -> None:
    link = Link(str(tmp_path / "engine.sock"))
    frames = link.frames()
    first = await anext(frames)
    assert isinstance(first, Lost)
    assert first.kind is LossKind.UNREACHABLE
    assert "ipv6console serve" in first.next
    await frames.aclose()
    await link.close()
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        link = Link(str(service.path))
        frames = link.frames()
        async with asyncio.timeout(DEADLINE):
            assert isinstance(await anext(frames), Joined)
            assert isinstance(await anext(frames), StateFrame)
            service.stop.set()
            while not isinstance(await anext(frames), Lost):
                pass
    await frames.aclose()
    await link.close()


async def test_a_socket_one_may_not_open_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "closed.sock"
    path.touch()
    monkeypatch.setattr("os.access", lambda *_: False)
    link = Link(str(path))
    frames = link.frames()
    lost = await anext(frames)
    assert isinstance(lost, Lost)
    assert lost.kind is LossKind.DENIED
    assert "group" in lost.next
    await frames.aclose()
    await link.close()


async def test_acts_over_loopback_are_refused_with_what_to_do(service: Service) -> None:
    link = Link(f"http://127.0.0.1:{service.ports[0]}")
    with pytest.raises(Refused) as caught:
        await link.drain_mirror("task1", draining=True)
    assert caught.value.kind == "forbidden"
    assert caught.value.next
    await link.close()
