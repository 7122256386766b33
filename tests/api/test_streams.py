"""The WebSocket streams."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from ipv6console.api.limits import Limits
from ipv6console.engine.journal import Journal
from ipv6console.wire.codec import decode
from ipv6console.wire.delta import Delta, advance
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.state import State
from tests.api.service import TESTER, Service, serving, settings_in

pytestmark = pytest.mark.anyio

PATIENCE = 0.5


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(settings_in(tmp_path), tmp_path, Limits(send_seconds=PATIENCE)) as service:
        yield service


@asynccontextmanager
async def watching(service: Service, path: str, **more: Any) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{service.ports[0]}{path}"
    async with connect(url, compression=None, proxy=None, max_size=None, **more) as watcher:
        yield watcher


async def frame(watcher: ClientConnection) -> dict[str, Any]:
    with anyio.fail_after(10):
        found: dict[str, Any] = json.loads(await watcher.recv())
    return found


async def events_until(watcher: ClientConnection, kind: str) -> list[Event]:
    found: list[Event] = []
    while not any(event.kind == kind for event in found):
        document = await frame(watcher)
        assert document["type"] == "events"
        found += [decode(Event, event) for event in document["events"]]
    return found


def journal(service: Service) -> Journal:
    return service.engine._core.journal


async def test_a_stream_starts_with_the_document_and_deltas_lead_to_the_next(service: Service) -> None:
    async with watching(service, "/stream") as watcher, service.over_ipv4() as client:
        first = await frame(watcher)
        assert first["type"] == "state"
        state = decode(State, first["state"])
        await client.get("/pick?dbname=task1")
        while not any(row.name == "task1" and row.using == 1 for row in state.mirrors):
            document = await frame(watcher)
            assert document["type"] == "delta"
            state = advance(state, decode(Delta, document["delta"]))


async def test_a_stream_works_over_ipv6_and_the_unix_socket(service: Service) -> None:
    url = f"ws://[::1]:{service.ports[1]}/stream"
    async with connect(url, compression=None, proxy=None, max_size=None) as watcher:
        assert (await frame(watcher))["type"] == "state"
    async with unix_connect(str(service.path), "ws://localhost/stream", compression=None, max_size=None) as watcher:
        assert (await frame(watcher))["type"] == "state"


async def test_events_without_since_are_only_new_ones(service: Service) -> None:
    old = journal(service).write("test.old", "old")
    async with watching(service, "/events") as watcher:
        await service.register.reaches(1)
        news = journal(service).write("test.news", "news")
        found = await events_until(watcher, "test.news")
    assert news in found
    assert old not in found


async def test_events_are_resumed_without_a_gap_and_without_a_duplicate(service: Service) -> None:
    book = journal(service)
    for number in range(500):
        book.write("test.old", f"{number}")
    since = book.last - 450
    async with watching(service, f"/events?since={since}") as watcher:
        await service.register.reaches(1)
        for number in range(20):
            book.write("test.new", f"{number}")
        book.write("test.end", "end")
        found = await events_until(watcher, "test.end")
    assert [event.id for event in found] == list(range(since + 1, found[-1].id + 1))


async def test_events_written_during_the_replay_are_neither_lost_nor_repeated(service: Service) -> None:
    book = journal(service)
    for number in range(1_500):
        book.write("test.old", f"{number}")
    since = book.last - 1_500
    async with watching(service, f"/events?since={since}") as watcher:
        await service.register.reaches(1)
        # The oldest are being read from the store now, and this is more than a watcher's queue holds.
        for number in range(40):
            book.write("test.meanwhile", f"{number}")
        book.write("test.end", "end")
        found = await events_until(watcher, "test.end")
    assert [event.id for event in found] == list(range(since + 1, found[-1].id + 1))


async def test_a_since_from_another_life_of_the_database_still_gets_what_is_new(service: Service) -> None:
    async with watching(service, "/events?since=1000000") as watcher:
        await service.register.reaches(1)
        news = journal(service).write("test.news", "news")
        assert news in await events_until(watcher, "test.news")


async def test_events_that_come_together_share_a_frame(service: Service) -> None:
    async with watching(service, "/events") as watcher:
        await service.register.reaches(1)
        for number in range(10):
            journal(service).write("test.burst", f"{number}")
        document = await frame(watcher)
    burst = [event["text"] for event in document["events"] if event["kind"] == "test.burst"]
    assert burst == [str(number) for number in range(10)]


async def test_a_watcher_that_missed_events_is_told_how_many(service: Service) -> None:
    async with watching(service, "/events") as watcher:
        await service.register.reaches(1)
        for number in range(100):
            journal(service).write("test.flood", f"{number}")
        document = await frame(watcher)
        assert document["type"] == "missed"
        assert document["count"] >= 100
        journal(service).write("test.after", "after")
        assert await events_until(watcher, "test.after")


async def test_a_watcher_that_missed_deltas_gets_the_document_again(service: Service) -> None:
    async with watching(service, "/stream") as watcher:
        state = decode(State, (await frame(watcher))["state"])
        for number in range(100):
            service.engine.listening((f"listener {number}",))
            service.engine.state()
        kinds = []
        while "missed" not in kinds:
            document = await frame(watcher)
            kinds.append(document["type"])
        document = await frame(watcher)
        assert document["type"] == "state"
        assert decode(State, document["state"]).generation > state.generation


@asynccontextmanager
async def stuck(service: Service, path: str) -> AsyncIterator[socket.socket]:
    """Open a stream and read nothing of it, with buffers as small as they get."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(10)
        await anyio.to_thread.run_sync(client.connect, ("127.0.0.1", service.ports[0]))
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = await anyio.to_thread.run_sync(client.recv, 12)
        assert answer == b"HTTP/1.1 101"
        await service.register.reaches(1)
        yield client


def flood(service: Service, number: int) -> None:
    """Publish a burst that a watcher's queue can hold and a connection's buffers cannot for long."""
    for _ in range(16):
        event = Event(
            id=1_000_000 + number, at=0.0, level=EventLevel.INFO, kind=f"test.flood-{number}", text="x" * 8_192
        )
        service.engine.news.publish(event)


async def test_a_watcher_that_reads_nothing_is_aborted(impatient: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ipv6console.api")
    async with stuck(impatient, "/events") as client:
        for number in range(100):
            flood(impatient, number)
            await asyncio.sleep(0)
        await impatient.register.reaches(0)

        def rest() -> int:
            size = 0
            while chunk := client.recv(1 << 20):
                size += len(chunk)
            return size

        assert await anyio.to_thread.run_sync(rest) < 100 * 16 * 8_192
    assert f"aborted after reading nothing for {PATIENCE:g} s, 0 watching" in caplog.text


async def test_a_stuck_watcher_slows_neither_the_engine_nor_another_watcher(impatient: Service) -> None:
    async with stuck(impatient, "/events"), watching(impatient, "/events") as healthy:
        await impatient.register.reaches(2)
        number = 0
        while impatient.register.count == 2:
            number += 1
            flood(impatient, number)
            assert await events_until(healthy, f"test.flood-{number}")
        assert (await impatient.engine.pick("task1", TESTER)).success


async def test_watchers_that_come_and_go_are_logged_with_the_count(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ipv6console.api")
    async with watching(service, "/stream"):
        await service.register.reaches(1)
        async with watching(service, "/events"):
            await service.register.reaches(2)
        await service.register.reaches(1)
    await service.register.reaches(0)
    lines = [record.getMessage() for record in caplog.records if "watcher" in record.getMessage()]
    assert lines == [
        "watcher came: /stream tcp 127.0.0.1, 1 watching",
        "watcher came: /events tcp 127.0.0.1, 2 watching",
        "watcher went: /events tcp 127.0.0.1, it left, 1 watching",
        "watcher went: /stream tcp 127.0.0.1, it left, 0 watching",
    ]


async def test_a_refused_websocket_is_answered_with_a_problem_and_logs_no_error(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for path, status in (("/nothing", 404), ("/events?since=-1", 422), ("/events?since=text", 422)):
        with pytest.raises(InvalidStatus) as refusal:
            async with watching(service, path):
                pass
        response = refusal.value.response
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert json.loads(response.body or b"")["next"]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_what_a_watcher_sends_is_ignored(service: Service) -> None:
    async with watching(service, "/events") as watcher:
        await service.register.reaches(1)
        await watcher.send("hello")
        await watcher.send(b"\x00" * 1_000)
        journal(service).write("test.news", "news")
        assert await events_until(watcher, "test.news")


async def test_a_message_over_the_bound_ends_the_watcher(service: Service) -> None:
    async with watching(service, "/events") as watcher:
        await service.register.reaches(1)
        await watcher.send("x" * (128 << 10))
        with pytest.raises(ConnectionClosedError) as closed, anyio.fail_after(10):
            await watcher.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_the_server_pings_and_cuts_off_who_does_not_answer(tmp_path: Path) -> None:
    limits = Limits(ping_interval=0.2, pong_timeout=0.2)
    async with serving(settings_in(tmp_path), tmp_path, limits) as service, stuck(service, "/events"):
        await service.register.reaches(0)


async def test_a_watcher_that_answers_pings_stays(tmp_path: Path) -> None:
    limits = Limits(ping_interval=0.1, pong_timeout=0.1)
    async with serving(settings_in(tmp_path), tmp_path, limits) as service, watching(service, "/events") as watcher:
        await service.register.reaches(1)
        with anyio.move_on_after(1):
            await watcher.recv()
        journal(service).write("test.news", "news")
        assert await events_until(watcher, "test.news")


async def test_a_watcher_is_shown_to_the_others_by_the_name_it_gave(service: Service) -> None:
    async with (
        watching(service, "/stream?name=op%40edge1&kind=console&read_only=true") as first,
        watching(service, "/stream") as second,
    ):
        await frame(first)
        rows = decode(State, (await frame(second))["state"]).engine.attached
        assert [(row.name, row.kind.value, row.read_only) for row in rows] == [
            ("op@edge1", "console", True),
            ("", "client", False),
        ]
        assert rows[0].transport == "tcp 127.0.0.1"
