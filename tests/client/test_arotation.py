"""Async sessions that change their address by themselves."""

from __future__ import annotations

import anyio
import httpx
import pytest

from ipv6console.client import AsyncIPv6Session, LeaseLost
from tests.client.conftest import ADDRS, SITE, Site, StubEngine

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

FIRST, SECOND, THIRD = ADDRS[:3]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


async def test_with_rotate_request_every_request_leaves_from_another_address(engine: StubEngine, site: Site) -> None:
    async with AsyncIPv6Session(socket=engine.path, rotate="request") as session:
        assert [(await session.get(f"{site.url}/ip")).text for _ in range(3)] == list(ADDRS[:3])
    assert engine.pool.leases == {}
    assert [verdict["status"] for verdict in engine.pool.verdicts] == ["idle"] * 3


async def test_a_blocked_request_is_sent_again_and_its_address_reported_with_host_and_reason(
    engine: StubEngine, site: Site
) -> None:
    site.banned = {FIRST}
    async with AsyncIPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
        assert (await session.get(f"{site.url}/ban")).text == SECOND
    assert engine.pool.verdicts[0] == {
        "addr": FIRST,
        "status": "bad",
        "lease": "token-1",
        "target": SITE,
        "reason": "HTTP 403",
    }


async def test_without_retries_the_answer_is_the_callers_and_the_next_request_moves(
    engine: StubEngine, site: Site
) -> None:
    site.banned = {FIRST}
    async with AsyncIPv6Session(socket=engine.path, rotate="blocked") as session:
        assert (await session.get(f"{site.url}/ban")).status_code == 403
        with pytest.raises(LeaseLost):
            _ = session.addr
        assert (await session.get(f"{site.url}/ban")).text == SECOND


async def test_an_exception_that_was_named_ends_the_lease(engine: StubEngine, site: Site, closed_port: int) -> None:
    async with AsyncIPv6Session(socket=engine.path, rotate_on=(httpx.ConnectError,)) as session:
        with pytest.raises(httpx.ConnectError):
            await session.get(f"http://[{SITE}]:{closed_port}/")
        assert (await session.get(f"{site.url}/ip")).text == SECOND
    assert engine.pool.verdicts[0]["status"] == "bad"


async def test_a_response_that_is_being_streamed_keeps_connection_and_address_until_it_is_closed(
    engine: StubEngine, site: Site
) -> None:
    async with AsyncIPv6Session(socket=engine.path, rotate="request") as session:
        async with session.stream("GET", f"{site.url}/parts") as response:
            assert (await session.get(f"{site.url}/ip")).text == SECOND
            assert engine.pool.leases["token-1"] == FIRST
            assert await response.aread() == b"onetwothree"
        assert "token-1" not in engine.pool.leases
    assert engine.pool.leases == {}


async def test_tasks_rotate_side_by_side_and_every_lease_is_given_back_once(engine: StubEngine, site: Site) -> None:
    seen: list[str] = []

    async def visit() -> None:
        seen.extend([(await session.get(f"{site.url}/ip")).text for _ in range(5)])

    async with AsyncIPv6Session(socket=engine.path, rotate="request") as session, anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(visit)
    assert len(seen) == 20
    assert set(site.peers) <= set(ADDRS)
    assert engine.pool.leases == {}
    assert (
        len({verdict["lease"] for verdict in engine.pool.verdicts}) == len(engine.pool.verdicts) == engine.pool.picked
    )


async def test_a_cancelled_request_of_a_rotating_session_leaves_no_lease_behind(engine: StubEngine, site: Site) -> None:
    async with AsyncIPv6Session(socket=engine.path, rotate="request") as session:
        for _ in range(3):
            with anyio.move_on_after(0.05):
                await session.get(f"{site.url}/hanging")
        assert (await session.get(f"{site.url}/ip")).text in ADDRS
    assert engine.pool.leases == {}


async def test_a_closed_session_sends_nothing(engine: StubEngine, site: Site) -> None:
    async with AsyncIPv6Session(socket=engine.path) as session:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await session.get(f"{site.url}/ip")
    assert site.asks == []
