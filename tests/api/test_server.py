"""The server: listeners, log, stopping."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ipv6console.api import protocol
from ipv6console.api.limits import LIMITS, Limits
from ipv6console.listen import ListenError
from tests.api.service import Service, serving, settings_in
from tests.api.test_streams import flood, stuck

pytestmark = pytest.mark.anyio


async def test_every_listener_answers(service: Service) -> None:
    for over in (service.over_ipv4, service.over_ipv6, service.over_unix):
        async with over() as client:
            assert (await client.get("/health")).status_code == 200


async def test_the_dual_stack_form_shows_ipv4_callers_as_plain_ipv4(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, listen=("[::]:0",))
    async with serving(settings, tmp_path, LIMITS, tokens={"laptop": "read"}) as service:
        for host in ("127.0.0.1", "[::1]"):
            url = f"http://{host}:{service.ports[0]}"
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                assert (await client.get("/pick")).json()["success"] is True
        async with service.over_unix() as client:
            holders = [row["holder"] for row in (await client.get("/leases")).json()["leases"]]
    assert sorted(holders) == ["tcp 127.0.0.1", "tcp ::1"]


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
async def test_listening_beyond_loopback_is_refused_while_there_is_no_token(listen: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, listen=("127.0.0.1:0", listen))
    with pytest.raises(ListenError, match="no token") as refusal:
        async with serving(settings, tmp_path, LIMITS) as service:
            await service.task
    assert "ipv6console token create" in refusal.value.next
    assert not (tmp_path / "engine.sock").exists()


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": False})])
async def test_callers_are_known_on_the_standard_loop_too(
    anyio_backend: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        async with service.over_unix() as client:
            assert (await client.post("/flush")).status_code == 200
        async with service.over_ipv4() as client:
            assert (await client.post("/flush")).status_code == 403


async def test_each_listener_is_logged_with_its_keep_alive(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ipv6console.api")
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service, service.over_ipv4() as client:
        await client.get("/health")
        lines = [record.getMessage() for record in caplog.records if "listening on" in record.getMessage()]
        assert lines == [
            f"listening on {name}: keep-alive 75 s; WebSocket ping every 30 s, pong within 10 s, close within 10 s, "
            "32 frames queued a watcher"
            for name in (f"127.0.0.1:{service.ports[0]}", f"[::1]:{service.ports[1]}", f"unix:{service.path}")
        ]


async def test_requests_are_not_logged(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "uvicorn")
    caplog.set_level(logging.DEBUG, "ipv6console.api")
    caplog.clear()
    async with service.over_ipv4() as client:
        await client.get("/leases")
    assert not [record for record in caplog.records if "/leases" in record.getMessage() and "httpx" not in record.name]


async def test_a_connection_that_was_just_made_gets_its_first_answer_though_the_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_FIRST_REQUEST", 60.0)
    async with serving(settings_in(tmp_path), tmp_path, replace(LIMITS, grace=60)) as service:
        reading, writing = await asyncio.open_connection("127.0.0.1", service.ports[0])
        # This one is taken after the one before it; when it is closed, the server ends.
        second, answering = await asyncio.open_connection("127.0.0.1", service.ports[0])
        answering.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await second.readuntil(b"\r\n\r\n")
        service.stop.set()
        with anyio.fail_after(30):
            await second.read()
            writing.write(b"GET /pick HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = await reading.read()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        for writer in (writing, answering):
            writer.close()
        await service.task


async def test_signals_are_left_to_the_program(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service, service.over_ipv4() as client:
        await client.get("/health")
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_answers_do_not_name_the_server_software(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert "server" not in (await client.get("/health")).headers


async def test_stopping_says_goodbye_to_watchers(tmp_path: Path) -> None:
    async with (
        serving(settings_in(tmp_path), tmp_path, LIMITS) as service,
        connect(f"ws://127.0.0.1:{service.ports[0]}/events", compression=None, proxy=None) as watcher,
    ):
        await service.register.reaches(1)
        service.stop.set()
        with pytest.raises(ConnectionClosed) as closed, anyio.fail_after(5):
            await watcher.recv()
        with anyio.fail_after(5):
            await service.task
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_stopping_beside_a_stuck_watcher_ends_within_the_grace(tmp_path: Path) -> None:
    limits = Limits(grace=1)
    async with serving(settings_in(tmp_path), tmp_path, limits) as service, stuck(service, "/events"):
        for number in range(100):
            flood(service, number)
            await asyncio.sleep(0)
        started = time.monotonic()
        service.stop.set()
        with anyio.fail_after(10):
            await service.task
        assert time.monotonic() - started < 3


async def test_stopping_lets_a_running_request_finish(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service, service.over_ipv4() as client:
        proceed = asyncio.Event()
        asked = asyncio.Event()
        ask = service.echo.ask

        async def slow(url: str, source: int | None) -> int:
            asked.set()
            await proceed.wait()
            return await ask(url, source)

        addr = (await client.get("/pick")).json()["addr"]
        service.echo.ask = slow  # type: ignore[method-assign]  # the check URL takes its time
        request = asyncio.create_task(client.post("/check", json={"addr": addr}))
        await asked.wait()
        service.stop.set()
        proceed.set()
        with anyio.fail_after(5):
            assert (await request).json()["usable"] is True
            await service.task


@pytest.mark.parametrize("path", ["/spawns?num=2", "/spawn"])
async def test_whoever_is_still_waiting_when_the_grace_is_over_is_told_that_the_engine_stopped(
    path: str, tmp_path: Path
) -> None:
    async with serving(settings_in(tmp_path), tmp_path, Limits(grace=1)) as service, service.over_ipv4() as client:
        asked = asyncio.Event()

        async def silent(url: str, source: int | None) -> int:
            if source is not None:
                asked.set()
            never: asyncio.Future[int] = asyncio.Future()
            return await never

        service.echo.ask = silent  # type: ignore[method-assign]  # the check URL never answers
        request = asyncio.create_task(client.get(path))
        await asked.wait()
        service.stop.set()
        with anyio.fail_after(5):
            answer = await request
            await service.task
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["connection"] == "close"
    assert answer.json()["detail"] == "The engine stopped before it had answered."


async def test_a_request_that_is_given_up_is_done_with_the_engine_before_the_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(settings_in(tmp_path), tmp_path, Limits(grace=1)) as service, service.over_ipv4() as client:
        asked, put_away = asyncio.Event(), asyncio.Event()

        async def silent(_url: str, source: int | None) -> int:
            if source is not None:
                asked.set()
            never: asyncio.Future[int] = asyncio.Future()
            return await never

        async def stop_answering(_: object) -> None:
            for _step in range(50):
                await asyncio.sleep(0)
            put_away.set()

        monkeypatch.setattr(service.echo, "ask", silent)
        monkeypatch.setattr(service.engine._reach, "stop_answering", stop_answering)
        request = asyncio.create_task(client.get("/spawn"))
        await asked.wait()
        service.stop.set()
        with anyio.fail_after(10):
            await service.task
            assert put_away.is_set()
            assert (await request).status_code == 503


async def test_after_stopping_nobody_listens(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        service.stop.set()
        await service.task
        for over in (service.over_ipv4, service.over_ipv6, service.over_unix):
            async with over() as client:
                with pytest.raises(httpx.ConnectError):
                    await client.get("/health")


async def test_a_failure_inside_is_a_problem_that_points_to_the_log(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(service.engine, "health", broken)
    async with service.over_ipv4() as client:
        answer = await client.get("/health")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "log" in answer.json()["next"]
    assert "a bug" not in answer.text
    assert "a bug" in caplog.text


def test_whoever_works_on_an_answer_is_told_that_nobody_listens_before_the_connection_is_lost() -> None:
    """A write between the two is an exception of uvloop's, which no request can help."""
    connection = object.__new__(protocol.Http)
    under_way, sent_ahead, answered = (
        SimpleNamespace(response_complete=complete, disconnected=False, message_event=asyncio.Event())
        for complete in (False, False, True)
    )
    for running, newest in ((under_way, sent_ahead), (answered, answered)):
        for name, cycle in (("_running", running), ("cycle", newest)):
            setattr(connection, name, cycle)
        connection.eof_received()
    assert [cycle.disconnected for cycle in (under_way, sent_ahead, answered)] == [True, True, False]
    assert under_way.message_event.is_set()
