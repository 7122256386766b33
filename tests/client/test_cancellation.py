"""Tasks that asyncio itself cancels, as wait_for, TaskGroup and Ctrl+C do: no lease is forgotten by them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from ipv6console.client import AsyncIPv6Client, AsyncIPv6Session, AsyncLeasedTransport, LeaseLost
from ipv6console.client.shield import shielded
from tests.client.conftest import Answer, Ask, Site, StubEngine

pytestmark = [pytest.mark.privileged, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Held:
    """An engine that answers what is asked at a path only when told to."""

    def __init__(self, engine: StubEngine) -> None:
        self.path: str | None = None
        self.may_answer = threading.Event()
        self._engine = engine
        self._answer = engine.answer

    def answer(self, ask: Ask) -> Answer | None:
        answer = self._answer(ask)
        if ask.path == self.path:
            assert self.may_answer.wait(30)
        return answer

    async def cancel(self, task: asyncio.Task[object], path: str) -> None:
        """Cancel `task`, which has not begun, while it waits for the answer to what it asks at `path`; it gets that then."""
        self.path = path
        assert await asyncio.to_thread(self._engine.asks.wait_for, path)
        task.cancel()
        await asyncio.sleep(0)
        self.may_answer.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        self.path = None


@pytest.fixture
def held(engine: StubEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(engine)
    monkeypatch.setattr(engine, "answer", held.answer)
    yield held
    held.may_answer.set()


async def test_a_lease_that_comes_after_the_cancellation_is_given_back(engine: StubEngine, held: Held) -> None:
    async def enter() -> None:
        async with AsyncIPv6Session(socket=engine.path):
            pytest.fail("it was cancelled before")

    await held.cancel(asyncio.create_task(enter()), "/pick")
    assert (engine.pool.picked, engine.pool.leases) == (1, {})


async def test_a_lease_of_a_client_that_comes_after_the_cancellation_is_given_back(
    engine: StubEngine, held: Held
) -> None:
    async def lease() -> None:
        async with AsyncIPv6Client(socket=engine.path) as client, client.lease():
            pytest.fail("it was cancelled before")

    await held.cancel(asyncio.create_task(lease()), "/pick")
    assert (engine.pool.picked, engine.pool.leases) == (1, {})


class Doors:
    """Connections to sites that close only when told to."""

    def __init__(self, close: Callable[[AsyncLeasedTransport], Awaitable[None]]) -> None:
        self._close = close
        self._closing, self._may_close = asyncio.Event(), asyncio.Event()

    async def close(self, transport: AsyncLeasedTransport) -> None:
        self._closing.set()
        await self._may_close.wait()
        await self._close(transport)

    async def cancel(self, task: asyncio.Task[object]) -> None:
        """Cancel `task` while it waits for connections to close, which they do then."""
        await self._closing.wait()
        task.cancel()
        await asyncio.sleep(0)
        self._may_close.set()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
async def doors(monkeypatch: pytest.MonkeyPatch) -> Doors:
    doors = Doors(AsyncLeasedTransport.aclose)

    async def close(transport: AsyncLeasedTransport) -> None:
        await doors.close(transport)

    monkeypatch.setattr(AsyncLeasedTransport, "aclose", close)
    return doors


async def test_giving_back_is_not_cut_by_a_cancellation(engine: StubEngine, site: Site, doors: Doors) -> None:
    async with AsyncIPv6Session(socket=engine.path, rotate="request") as session:
        await session.get(f"{site.url}/ip")
        await doors.cancel(asyncio.create_task(session.get(f"{site.url}/ip")))
        assert "token-1" not in engine.pool.leases
    assert engine.pool.leases == {}


async def test_leaving_is_not_cut_by_a_cancellation(engine: StubEngine, doors: Doors) -> None:
    async def visit() -> None:
        async with AsyncIPv6Session(socket=engine.path):
            pass

    await doors.cancel(asyncio.create_task(visit()))
    assert engine.pool.leases == {}


async def test_a_session_that_is_closed_ends_the_wait_of_another_task(engine: StubEngine) -> None:
    engine.pool.idle.clear()
    session = AsyncIPv6Session(socket=engine.path, adapt_retry_interval=0.01, adapt_max_retries=None)
    waiting = asyncio.create_task(session.adapt())
    assert await asyncio.to_thread(engine.asks.wait_for, "/pick")
    async with asyncio.timeout(30):
        await session.aclose()
        with pytest.raises(LeaseLost, match="the session is closed; make another session"):
            await waiting


@pytest.mark.parametrize("fails", [False, True])
async def test_work_is_ended_before_its_cancellation_is_told(*, fails: bool) -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        ended.set()
        if fails:
            raise KeyError

    task = asyncio.create_task(shielded(work()))
    await begun.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_work_that_nobody_cancels_returns_or_raises() -> None:
    async def answer(question: Callable[[], int]) -> int:
        return question()

    assert await shielded(answer(lambda: 42)) == 42
    with pytest.raises(ZeroDivisionError):
        await shielded(answer(lambda: 1 // 0))
