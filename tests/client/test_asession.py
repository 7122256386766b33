from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import anyio
import httpx
import pytest

from ipv6console.client import AsyncIPv6Session, EngineRefused, EngineUnreachable, LeaseLost, NoIPv6Address, PoolEmpty
from tests.client.conftest import ADDRS, SITE, FakeClock, Refusal, Site, StubEngine

pytestmark = [pytest.mark.privileged, pytest.mark.anyio]

FIRST, SECOND = ADDRS[:2]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def session(engine: StubEngine, clock: FakeClock) -> AsyncIterator[AsyncIPv6Session]:
    async with AsyncIPv6Session("task1", socket=engine.path, ttl=60.0, clock=clock) as session:
        yield session


async def test_a_session_leases_on_entry_and_its_requests_leave_from_that_address(
    session: AsyncIPv6Session, site: Site
) -> None:
    assert session.addr == FIRST
    assert [(await session.get(f"{site.url}/ip")).text for _ in range(3)] == [FIRST] * 3
    assert site.peers == [FIRST]


async def test_the_lease_is_asked_for_with_the_host_it_is_to_visit(engine: StubEngine) -> None:
    async with AsyncIPv6Session(socket=engine.path, target="shop.example"):
        assert engine.asks[0].query["target"] == "shop.example"


async def test_the_lease_is_given_back_on_exit_with_its_token(engine: StubEngine) -> None:
    async with AsyncIPv6Session(socket=engine.path):
        assert engine.pool.leases == {"token-1": FIRST}
    assert engine.pool.leases == {}
    assert engine.pool.verdicts == [{"addr": FIRST, "status": "idle", "lease": "token-1"}]


async def test_the_lease_is_given_back_when_the_task_is_cancelled(engine: StubEngine) -> None:
    with anyio.CancelScope() as scope:
        async with AsyncIPv6Session(socket=engine.path):
            scope.cancel()
            await anyio.sleep_forever()
    assert engine.pool.picked == 1
    assert engine.pool.leases == {}


async def test_without_with_the_first_request_leases_and_close_gives_back(engine: StubEngine, site: Site) -> None:
    session = AsyncIPv6Session(socket=engine.path)
    assert (await session.get(f"{site.url}/ip")).text == FIRST
    await session.aclose()
    assert engine.pool.leases == {}


async def test_adapt_takes_another_address_and_no_connection_of_the_old_one(
    session: AsyncIPv6Session, engine: StubEngine, site: Site
) -> None:
    await session.get(f"{site.url}/ip")
    assert await session.adapt("bad", target="shop.example") == SECOND
    assert (await session.get(f"{site.url}/ip")).text == SECOND
    assert site.peers == [FIRST, SECOND]
    assert engine.pool.verdicts[0]["status"] == "bad"


async def test_tasks_that_share_a_session_without_a_lease_take_one_together(engine: StubEngine, site: Site) -> None:
    async with AsyncIPv6Session(socket=engine.path) as session:
        await session.report("bad")
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(session.get, f"{site.url}/ip")
    assert engine.pool.picked == 2
    assert set(site.peers) == {SECOND}


async def test_reporting_using_keeps_the_lease(session: AsyncIPv6Session, engine: StubEngine) -> None:
    await session.report("using")
    assert engine.pool.leases == {"token-1": FIRST}


async def test_an_empty_pool_is_waited_for_and_then_is_an_error(engine: StubEngine, clock: FakeClock) -> None:
    engine.pool.idle.clear()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    with pytest.raises(PoolEmpty):
        async with AsyncIPv6Session(socket=engine.path, sleep=sleep, clock=clock):
            pytest.fail("there is no lease")
    assert pauses == [5.0] * 15


async def test_an_engine_that_is_down_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="ipv6console serve"):
        async with AsyncIPv6Session(socket=tmp_path / "none"):
            pytest.fail("there is no lease")


async def test_past_the_ttl_nothing_is_sent_until_adapt(
    session: AsyncIPv6Session, clock: FakeClock, site: Site
) -> None:
    await session.get(f"{site.url}/ip")
    clock.now += 60.0
    with pytest.raises(LeaseLost):
        await session.get(f"{site.url}/ip")
    assert len(site.asks) == 1
    await session.adapt()
    assert (await session.get(f"{site.url}/ip")).text == SECOND


class _Upload(httpx.AsyncByteStream):
    """Two parts, between which `meanwhile` happens."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._parts: list[Callable[[], None]] = [lambda: None, meanwhile]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._parts:
            raise StopAsyncIteration
        self._parts.pop(0)()
        return b"part"


async def test_an_upload_that_outlives_the_lease_stops(session: AsyncIPv6Session, clock: FakeClock, site: Site) -> None:
    upload = _Upload(lambda: setattr(clock, "now", clock.now + 60.0))
    with pytest.raises(LeaseLost):
        await session.send(
            httpx.Request(
                "POST", f"{site.url}/echo", stream=upload, headers={"host": "site", "transfer-encoding": "chunked"}
            )
        )
    assert site.asks == []


async def test_renewing_lets_the_session_send_past_its_first_ttl(
    session: AsyncIPv6Session, clock: FakeClock, site: Site
) -> None:
    assert await session.renew(120.0) == 120.0
    clock.now += 119.0
    assert (await session.get(f"{site.url}/ip")).text == FIRST


async def test_a_renewal_the_engine_does_not_know_stops_the_traffic(
    session: AsyncIPv6Session, engine: StubEngine, site: Site
) -> None:
    engine.forget_leases()
    with pytest.raises(LeaseLost):
        await session.renew()
    with pytest.raises(LeaseLost):
        await session.get(f"{site.url}/ip")
    assert site.asks == []


async def test_when_giving_back_fails_the_address_is_used_no_more_and_given_back_later(
    session: AsyncIPv6Session, engine: StubEngine, site: Site
) -> None:
    engine.refusal = Refusal(503)
    with pytest.raises(EngineRefused):
        await session.adapt()
    with pytest.raises(LeaseLost):
        await session.get(f"{site.url}/ip")
    engine.refusal = None
    assert await session.adapt() == SECOND
    assert engine.pool.leases == {"token-2": SECOND}


async def test_an_engine_that_dies_before_the_exit_is_logged_and_does_not_hide_the_work(
    engine: StubEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ipv6console.client"):
        async with AsyncIPv6Session(socket=engine.path):
            engine.stop()
    assert "runs until its TTL" in caplog.text


async def test_a_redirect_to_an_ipv4_address_is_an_error(session: AsyncIPv6Session, site: Site) -> None:
    with pytest.raises(NoIPv6Address, match="no IPv6 address"):
        await session.get(f"{site.url}/redirect", params={"to": "http://192.0.2.1/"}, follow_redirects=True)
    assert site.peers == [FIRST]


async def test_proxy_variables_are_ignored(
    monkeypatch: pytest.MonkeyPatch, engine: StubEngine, site: Site, closed_port: int
) -> None:
    monkeypatch.setenv("http_proxy", f"http://[{SITE}]:{closed_port}")
    async with AsyncIPv6Session(socket=engine.path) as session:
        assert (await session.get(f"{site.url}/ip")).text == FIRST


@pytest.mark.parametrize("option", [{"proxy": "http://[::1]:3128"}, {"mounts": {"a://": None}}, {"trust_env": True}])
async def test_options_that_lead_past_the_lease_are_refused(engine: StubEngine, option: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=rf"takes no {next(iter(option))}="):
        AsyncIPv6Session(socket=engine.path, **option)


async def test_http2_and_cookies_work_as_in_httpx(secure_site: Site, engine: StubEngine) -> None:
    async with AsyncIPv6Session(socket=engine.path, http2=True, base_url=secure_site.url) as session:
        response = await session.get("/ip")
        await session.get("/set-cookie")
        assert (await session.get("/cookies")).text == "flavour=oat"
    assert (response.text, response.http_version) == (FIRST, "HTTP/2")


async def test_streaming_works_as_in_httpx(session: AsyncIPv6Session, site: Site) -> None:
    async with session.stream("GET", f"{site.url}/parts") as response:
        assert b"".join([part async for part in response.aiter_bytes()]) == b"onetwothree"


async def test_a_stream_that_is_open_ends_when_the_session_moves_on(session: AsyncIPv6Session, site: Site) -> None:
    async with session.stream("GET", f"{site.url}/hanging") as response:
        parts = response.aiter_bytes()
        assert await anext(parts) == b"one"
        await session.adapt()
        with pytest.raises(httpx.TransportError):
            await anext(parts)


async def test_sessions_at_once_hold_different_addresses(engine: StubEngine, site: Site) -> None:
    seen: dict[str, set[str]] = {}

    async def visit() -> None:
        async with AsyncIPv6Session(socket=engine.path) as session:
            seen[session.addr] = {(await session.get(f"{site.url}/ip")).text for _ in range(5)}
            if len(seen) == len(ADDRS):
                everyone.set()
            await everyone.wait()

    everyone = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in ADDRS:
            tasks.start_soon(visit)
    assert seen == {addr: {addr} for addr in ADDRS}
    assert sorted(site.peers) == sorted(ADDRS)
