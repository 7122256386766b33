from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, unix_serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ipv6console.client import AsyncIPv6Client, Connected, Disconnected, EngineRefused, EngineUnreachable
from ipv6console.client.place import Place
from ipv6console.client.stream import Follower, parse_frame
from ipv6console.wire.codec import WireError, encode
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.frame import EventsFrame, MissedFrame

pytestmark = pytest.mark.anyio

Script = Callable[[ServerConnection], Awaitable[None]]


def _event(number: int) -> Event:
    return Event(id=number, at=1.0, level=EventLevel.INFO, kind="test", text=f"event {number}")


def _frame(*numbers: int) -> EventsFrame:
    return EventsFrame(events=tuple(_event(number) for number in numbers))


class Streams:
    """A WebSocket server that plays one script for each connection, the last one again and again."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.scripts: list[Script] = []
        self.asked: list[str] = []
        self.refusal: Response | None = None
        self._server: Server | None = None

    async def start(self) -> None:
        self._server = await unix_serve(self._play, self.path, process_request=self._admit, compression=None)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _admit(self, _: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request.path)
        return self.refusal

    async def _play(self, connection: ServerConnection) -> None:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        await script(connection)


def _sends(*frames: object, ends: bool = True) -> Script:
    async def play(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(json.dumps(encode(frame)))
        if not ends:
            await connection.wait_closed()

    return play


@pytest.fixture
async def streams(own_home: Path) -> AsyncIterator[Streams]:
    server = Streams(own_home / "s")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(streams: Streams) -> AsyncIterator[AsyncIPv6Client]:
    async with AsyncIPv6Client(socket=streams.path) as client:
        yield client


async def _take(news: Any, count: int) -> list[Any]:
    async with aclosing(news), asyncio.timeout(10):
        return [await anext(news) for _ in range(count)]


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _read_to_the_end(source: AsyncIterator[object], seen: list[object]) -> None:
    async for item in source:
        seen.append(item)  # noqa: PERF401 - what came before the end counts too


async def test_a_stream_yields_wire_frames_and_says_when_it_ends(client: AsyncIPv6Client, streams: Streams) -> None:
    streams.scripts = [_sends(_frame(1), {"type": "novelty", "x": 1}, MissedFrame(count=3))]
    seen: list[object] = []
    async with client.stream() as frames:
        with pytest.raises(EngineUnreachable, match="the stream ended"):
            await _read_to_the_end(frames, seen)
    assert seen == [_frame(1), MissedFrame(count=3)]
    assert streams.asked == ["/stream"]


async def test_a_stream_cancelled_while_it_says_goodbye_lets_its_socket_go(
    client: AsyncIPv6Client, streams: Streams
) -> None:
    cancelled, lost = asyncio.Event(), asyncio.Event()

    async def deaf(connection: ServerConnection) -> None:
        await connection.send(json.dumps(encode(_frame(1))))
        connection.transport.pause_reading()
        await cancelled.wait()
        connection.transport.resume_reading()
        await connection.wait_closed()
        lost.set()

    watching = asyncio.Event()

    async def watch() -> None:
        async with client.stream() as frames:
            await anext(frames)
            watching.set()
            await anext(frames)

    streams.scripts = [deaf]
    before = _descriptors()
    watcher = asyncio.create_task(watch())
    async with asyncio.timeout(5):
        await watching.wait()
        watcher.cancel()
        await asyncio.sleep(0)
        assert not watcher.done()
        watcher.cancel()
        await asyncio.wait({watcher})
        await asyncio.sleep(0)
        assert _descriptors() == before + 1, "only the server's side is open"
        cancelled.set()
        await lost.wait()
    assert watcher.cancelled()


async def test_an_event_stream_asks_for_what_came_since(client: AsyncIPv6Client, streams: Streams) -> None:
    streams.scripts = [_sends(_frame(8), ends=False)]
    async with client.event_stream(7) as frames:
        assert await anext(frames) == _frame(8)
    async with client.event_stream() as frames:
        await anext(frames)
    assert streams.asked == ["/events?since=7", "/events"]


async def test_a_declined_stream_is_the_engines_refusal(client: AsyncIPv6Client, streams: Streams) -> None:
    problem = {"type": "forbidden", "title": "Not allowed", "status": 403, "detail": "no", "next": "ask root"}
    streams.refusal = Response(HTTPStatus.FORBIDDEN, "Forbidden", Headers(), json.dumps(problem).encode())
    with pytest.raises(EngineRefused, match="ask root"):
        async with client.stream():
            pytest.fail("it was declined")


async def test_following_tells_of_the_loss_and_of_the_return_and_resumes(streams: Streams) -> None:
    streams.scripts = [_sends(_frame(1, 2)), _sends(_frame(3), ends=False)]
    pauses: list[float] = []
    follower = Follower(Place("http://localhost", streams.path), 5.0, attempts=10, interval=3.0, sleep=_noting(pauses))
    news = await _take(follower.events(0), 5)
    lost = news.pop(2)
    assert news == [Connected(), _frame(1, 2), Connected(), _frame(3)]
    assert isinstance(lost, Disconnected)
    assert (lost.attempt, [lost.retry_in]) == (1, pauses)
    assert 2.4 <= lost.retry_in <= 3.6
    assert streams.asked == ["/events?since=0", "/events?since=2"]


async def test_a_gap_in_the_events_is_filled_by_asking_again_without_a_loss(streams: Streams) -> None:
    streams.scripts = [
        _sends(_frame(1), MissedFrame(count=9), _frame(11), ends=False),
        _sends(_frame(2, 3), ends=False),
    ]
    follower = Follower(Place("http://localhost", streams.path), 5.0, attempts=10, interval=3.0)
    assert await _take(follower.events(0), 4) == [Connected(), _frame(1), Connected(), _frame(2, 3)]
    assert streams.asked == ["/events?since=0", "/events?since=1"]


async def test_following_the_state_passes_a_gap_on(client: AsyncIPv6Client, streams: Streams) -> None:
    streams.scripts = [_sends(MissedFrame(count=9), ends=False)]
    assert await _take(client.follow_state(), 2) == [Connected(), MissedFrame(count=9)]


async def test_following_gives_up_after_that_many_failures_in_a_row(own_home: Path) -> None:
    pauses: list[float] = []
    follower = Follower(
        Place("http://localhost", str(own_home / "none")), 5.0, attempts=10, interval=3.0, sleep=_noting(pauses)
    )
    news: list[object] = []
    with pytest.raises(EngineUnreachable, match="ipv6console serve"):
        await _read_to_the_end(follower.state(), news)
    assert [item.attempt for item in news if isinstance(item, Disconnected)] == list(range(1, 11))
    assert len(pauses) == 10


async def test_following_without_a_limit_never_gives_up_and_comes_back_with_the_engine(own_home: Path) -> None:
    streams = Streams(own_home / "s")
    streams.scripts = [_sends(_frame(1), ends=False)]
    failures = 0

    async def sleep(_: float) -> None:
        nonlocal failures
        failures += 1
        if failures == 50:
            await streams.start()

    follower = Follower(Place("http://localhost", streams.path), 5.0, attempts=None, interval=3.0, sleep=sleep)
    news = await _take(follower.events(None), 52)
    await streams.stop()
    assert news[-2:] == [Connected(), _frame(1)]


async def test_a_connection_that_worked_starts_the_count_of_failures_anew(streams: Streams) -> None:
    streams.scripts = [_sends(_frame(1))]
    follower = Follower(Place("http://localhost", streams.path), 5.0, attempts=1, interval=3.0, sleep=_noting([]))
    news = await _take(follower.state(), 9)
    assert [item.attempt for item in news if isinstance(item, Disconnected)] == [1, 1, 1]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"type": "missed"}', '{"type": "missed", "count": "x"}'])
async def test_what_is_no_frame_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        parse_frame(text)


def _noting(pauses: list[float]) -> Callable[[float], Awaitable[None]]:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return sleep


async def test_an_engine_that_cannot_just_now_is_asked_again(streams: Streams) -> None:
    problem = {"type": "unavailable", "title": "Not now", "status": 503, "detail": "it is stopping", "next": "wait"}
    streams.refusal = Response(HTTPStatus.SERVICE_UNAVAILABLE, "Not now", Headers(), json.dumps(problem).encode())
    streams.scripts = [_sends(_frame(1), ends=False)]

    async def sleep(_: float) -> None:
        streams.refusal = None

    follower = Follower(Place("http://localhost", streams.path), 10.0, attempts=1, interval=3.0, sleep=sleep)
    lost, *more = await _take(follower.events(None), 3)
    assert isinstance(lost, Disconnected)
    assert (lost.cause, more) == ("it is stopping", [Connected(), _frame(1)])


async def test_an_engine_that_never_can_is_given_up_with_its_own_words(streams: Streams) -> None:
    problem = {"type": "unavailable", "title": "Not now", "status": 503, "detail": "it is stopping", "next": "wait"}
    streams.refusal = Response(HTTPStatus.SERVICE_UNAVAILABLE, "Not now", Headers(), json.dumps(problem).encode())
    follower = Follower(Place("http://localhost", streams.path), 10.0, attempts=0, interval=3.0)
    with pytest.raises(EngineRefused, match="it is stopping"):
        await _take(follower.events(None), 1)
