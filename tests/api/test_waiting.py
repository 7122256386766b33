"""Callers who wait for an address."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from starlette.requests import Request

from ipv6console.api.attendance import attend
from tests.api.service import TESTER, Service
from tests.conftest import poll

pytestmark = pytest.mark.anyio


@pytest.fixture
async def starving(service: Service) -> Service:
    """A service whose mirror task1 hands out nothing until it is told to."""
    await service.engine.mirror_stats("task1")
    await service.engine.drain_mirror("task1", draining=True, caller=TESTER)
    return service


async def until(condition: Callable[[], bool]) -> None:
    assert await anyio.to_thread.run_sync(poll, condition, 10.0)


def queue(service: Service) -> int:
    return len(service.engine.leasing.room._queues.get("task1", ()))


async def feed(service: Service) -> None:
    await service.engine.drain_mirror("task1", draining=False, caller=TESTER)


async def ask(service: Service, wait: float, holder: str) -> httpx.Response:
    async with service.over_ipv4() as client:
        return await client.get("/pick", params={"dbname": "task1", "wait": wait, "holder": holder})


def dial(service: Service, over: str, holder: str) -> socket.socket:
    """Send a waiting pick by hand and return the open socket."""
    if over == "unix":
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(service.path))
    else:
        client = service.raw()
    client.sendall(f"GET /pick?dbname=task1&wait=300&holder={holder} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


async def test_a_waiting_caller_gets_the_next_address(starving: Service) -> None:
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(ask(starving, 60, "patient"))
        await until(lambda: queue(starving) == 1)
        await feed(starving)
    assert asked.result().json()["success"] is True
    assert [row.holder for row in starving.engine.leases("task1", None, 10).leases] == ["patient"]


async def test_who_waited_in_vain_is_told_why(starving: Service) -> None:
    reply = (await ask(starving, 0.05, "hasty")).json()
    assert reply["success"] is False
    assert "draining" in reply["detail"]


async def test_a_caller_without_wait_is_answered_at_once(starving: Service) -> None:
    assert (await ask(starving, 0, "hasty")).json()["success"] is False


@pytest.mark.parametrize("over", ["tcp", "unix"])
async def test_who_hangs_up_leaves_the_queue_and_takes_no_address(starving: Service, over: str) -> None:
    with dial(starving, over, "gone"):
        await until(lambda: queue(starving) == 1)
    await until(lambda: queue(starving) == 0)
    await feed(starving)
    assert (await starving.engine.mirror_stats("task1")).using == 0


async def test_who_hangs_up_lets_the_next_in_line_move_up(starving: Service) -> None:
    async with asyncio.TaskGroup() as tasks:
        with dial(starving, "tcp", "gone"):
            await until(lambda: queue(starving) == 1)
            second = tasks.create_task(ask(starving, 60, "second"))
            await until(lambda: queue(starving) == 2)
        await until(lambda: queue(starving) == 1)
        await feed(starving)
    assert second.result().json()["success"] is True
    assert [row.holder for row in starving.engine.leases("task1", None, 10).leases] == ["second"]


async def test_a_stopping_engine_lets_nobody_wait_on(starving: Service) -> None:
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(ask(starving, 300, "patient"))
        await until(lambda: queue(starving) == 1)
        with anyio.fail_after(2):
            starving.stop.set()
            await starving.task
    assert asked.result().status_code == 503
    assert asked.result().headers["content-type"] == "application/problem+json"
    assert "stopping" in asked.result().json()["detail"]


@pytest.mark.parametrize("wait", ["-1", "300.5", "nan", "inf", "soon"])
async def test_a_wait_out_of_bounds_is_refused(shared_service: Service, wait: str) -> None:
    async with shared_service.over_ipv4() as client:
        answer = await client.get("/pick", params={"wait": wait})
    assert answer.status_code == 422
    assert "300" in answer.json()["next"]


async def test_what_was_done_for_a_caller_who_had_hung_up_is_undone() -> None:
    undone: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def work() -> str:
        return "an address"

    async def undo(result: str) -> None:
        undone.append(result)

    request = Request({"type": "http"}, receive)
    assert await attend(request, work(), undo, asyncio.Event()) is None
    assert undone == ["an address"]
