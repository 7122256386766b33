"""An engine that tells a real web server and runs a real command when something breaks, and when it is well again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ipv6console.config import Command, NotifySettings, Settings, Webhook
from ipv6console.engine import debounce
from ipv6console.engine.engine import Engine
from ipv6console.notify.carriers import carriers
from ipv6console.store.database import SqliteStore
from ipv6console.wire.status import Level
from tests.engine.conftest import HandClock, HandDoctor, HandEcho, HandReach, HandWatch, World, host_prefix
from tests.notify.conftest import OK, Site, status

pytestmark = pytest.mark.anyio


async def test_a_dead_daemon_is_told_and_so_is_that_it_is_back(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debounce, "GATHER", 0.0)
    told = tmp_path / "told"
    notify = NotifySettings(
        debounce=0.0,
        webhook=(Webhook(name="pager", url=site.url, level="error"),),
        command=(Command(name="siren", argv=("/bin/sh", "-c", f"cat >>{told}"), kinds=("reach.",)),),
    )
    site.answers = [status("503 Service Unavailable"), OK]
    settings, clock = Settings(notify=notify), HandClock()
    watch, reach = HandWatch(clock), HandReach(clock)
    store = await SqliteStore.open(tmp_path / "engine.db")
    engine = Engine(
        settings,
        store=store,
        watch=watch,
        reach=reach,
        doctor=HandDoctor(),
        clock=clock,
        echo=HandEcho(),
        carriers=carriers(notify),
    )
    watch.show(host_prefix("2001:db8:0:1::/64"))
    await engine.start()
    world = World(engine, store, clock, watch, reach, HandEcho())
    try:
        assert engine.state().engine.notifiers == 2
        await world.until(lambda: bool(engine.state().ndp))
        reach.turn(Level.FAIL)
        await _grown(lambda: len(site.requests) >= 2 and _lines(told) >= 1)
        reach.turn(Level.OK)
        await _grown(lambda: len(site.requests) >= 3 and _lines(told) >= 2)
    finally:
        await engine.stop()
        await store.close()
    heard = [json.loads(line) for line in told.read_text().splitlines()]
    for notices in ([request.json for request in site.requests[1:]], heard):
        assert [(notice["state"], notice["kind"]) for notice in notices if notice["kind"] == "reach.broken"] == [
            ("fault", "reach.broken"),
            ("recovered", "reach.broken"),
        ]
    assert site.requests[0].json == site.requests[1].json
    assert "is dead" in heard[0]["text"]


async def _grown(condition: Callable[[], bool]) -> None:
    """Wait for the server and the command, which are processes and sockets of the kernel."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - another process writes the file
            await asyncio.sleep(0.01)


def _lines(file: Path) -> int:
    return file.read_text().count("\n") if file.exists() else 0
