"""Sessions that are closed, or cannot go on, in the middle of something: no lease is forgotten by them."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import requests

from ipv6console.client import AsyncIPv6Session, AsyncLeasedTransport, IPv6Session, LeasedTransport, LeaseLost
from ipv6console.client.requests import IPv6Session as RequestsSession
from tests.client.conftest import ADDRS, Site, StubEngine

pytestmark = pytest.mark.privileged

FIRST, SECOND = ADDRS[:2]


class Boom(Exception):
    pass


def test_a_session_that_is_closed_ends_the_wait_of_another_thread(engine: StubEngine) -> None:
    engine.pool.idle.clear()
    session = IPv6Session(socket=engine.path, adapt_retry_interval=0.01, adapt_max_retries=None)
    waiting, closing = ThreadPoolExecutor(1), threading.Thread(target=session.close)
    try:
        waited = waiting.submit(session.adapt)
        assert engine.asks.wait_for("/pick")
        closing.start()
        with pytest.raises(LeaseLost, match="the session is closed; make another session"):
            waited.result(30)
    finally:
        engine.pool.idle.append(FIRST)
        closing.join(30)
        waiting.shutdown()


def test_a_lease_that_nothing_can_be_sent_through_is_given_back(engine: StubEngine) -> None:
    with pytest.raises(AttributeError), IPv6Session(socket=engine.path, limits=5):
        pytest.fail("these are no limits")
    assert (engine.pool.picked, engine.pool.leases) == (1, {})

    async def enter() -> None:
        async with AsyncIPv6Session(socket=engine.path, limits=5):
            pytest.fail("these are no limits")

    with pytest.raises(AttributeError):
        asyncio.run(enter())
    assert (engine.pool.picked, engine.pool.leases) == (2, {})


def test_a_lease_whose_connections_do_not_close_is_given_back_all_the_same(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = LeasedTransport.close

    def fail(_: LeasedTransport) -> None:
        monkeypatch.setattr(LeasedTransport, "close", kept)
        raise Boom

    with IPv6Session(socket=engine.path) as session:
        monkeypatch.setattr(LeasedTransport, "close", fail)
        with pytest.raises(Boom):
            session.adapt()
        with pytest.raises(LeaseLost):
            _ = session.addr
    assert (engine.pool.picked, engine.pool.leases) == (1, {})


def test_a_lease_whose_connections_do_not_close_is_given_back_by_an_async_session_too(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = AsyncLeasedTransport.aclose

    async def fail(_: AsyncLeasedTransport) -> None:
        monkeypatch.setattr(AsyncLeasedTransport, "aclose", kept)
        raise Boom

    async def visit() -> None:
        async with AsyncIPv6Session(socket=engine.path) as session:
            monkeypatch.setattr(AsyncLeasedTransport, "aclose", fail)
            with pytest.raises(Boom):
                await session.adapt()

    asyncio.run(visit())
    assert (engine.pool.picked, engine.pool.leases) == (1, {})


def test_a_lease_that_another_thread_is_giving_back_survives_the_sessions_end(
    engine: StubEngine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    giving, closed = threading.Event(), threading.Event()
    close = LeasedTransport.close

    def slow(transport: LeasedTransport) -> None:
        if transport.source == FIRST:
            giving.set()
            assert closed.wait(30)
        close(transport)

    monkeypatch.setattr(LeasedTransport, "close", slow)
    session = IPv6Session(socket=engine.path, rotate="request")
    response = session.send(session.build_request("GET", f"{site.url}/parts"), stream=True)
    assert session.get(f"{site.url}/ip").text == SECOND
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(response.close)
        assert giving.wait(30)
        session.close()
        closed.set()
        read.result(30)
    assert engine.pool.leases == {}


def test_of_two_threads_that_find_a_forgotten_response_one_ends_it(engine: StubEngine, site: Site) -> None:
    class Found(deque[Any]):
        """Something another thread takes out in the very moment in which this one has seen it."""

        def __bool__(self) -> bool:
            found = len(self) > 0
            if found:
                session._tenancy.leave(*self.pop())
            return found

    with IPv6Session(socket=engine.path, rotate="request") as session:
        found = session._tenancy._forgotten = Found()
        response: httpx.Response | None = session.send(session.build_request("GET", f"{site.url}/parts"), stream=True)
        del response
        gc.collect()
        assert len(found) == 1
        assert session.get(f"{site.url}/ip").text == SECOND
    assert engine.pool.leases == {}


def test_an_answer_that_cannot_be_closed_before_the_next_try_keeps_no_lease(
    engine: StubEngine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.banned = {FIRST}
    close = httpx.Response.close

    def fail(response: httpx.Response) -> None:
        monkeypatch.setattr(httpx.Response, "close", close)
        close(response)
        raise Boom

    with IPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
        request = session.build_request("GET", f"{site.url}/ban")
        monkeypatch.setattr(httpx.Response, "close", fail)
        with pytest.raises(Boom):
            session.send(request, stream=True)
        assert engine.pool.leases == {}
        assert session.get(f"{site.url}/ban").text == SECOND
    assert [verdict["status"] for verdict in engine.pool.verdicts] == ["bad", "idle"]


def test_an_answer_that_cannot_be_closed_before_the_next_try_keeps_no_lease_of_requests(
    engine: StubEngine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.banned = {FIRST}
    close = requests.Response.close

    def fail(response: requests.Response) -> None:
        monkeypatch.setattr(requests.Response, "close", close)
        close(response)
        raise Boom

    with RequestsSession(socket=engine.path, rotate="blocked", retries=1) as session:
        monkeypatch.setattr(requests.Response, "close", fail)
        with pytest.raises(Boom):
            session.get(f"{site.url}/ban", stream=True)
        assert engine.pool.leases == {}
        assert session.get(f"{site.url}/ban").text == SECOND


def test_an_answer_that_cannot_be_closed_before_the_next_try_keeps_no_lease_of_an_async_session(
    engine: StubEngine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.banned = {FIRST}
    close = httpx.Response.aclose

    async def fail(response: httpx.Response) -> None:
        monkeypatch.setattr(httpx.Response, "aclose", close)
        await close(response)
        raise Boom

    async def visit() -> None:
        async with AsyncIPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
            request = session.build_request("GET", f"{site.url}/ban")
            monkeypatch.setattr(httpx.Response, "aclose", fail)
            with pytest.raises(Boom):
                await session.send(request, stream=True)
            assert engine.pool.leases == {}

    asyncio.run(visit())
