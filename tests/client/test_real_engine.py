"""The sessions and clients against the real engine, store and server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ipv6console.api.limits import LIMITS
from ipv6console.client import (
    AsyncIPv6Client,
    AsyncIPv6Session,
    Connected,
    EngineRefused,
    EngineUnreachable,
    IPv6Client,
    IPv6Session,
    LeaseLost,
)
from ipv6console.wire.event import EventLevel
from ipv6console.wire.frame import DeltaFrame, EventsFrame, StateFrame
from ipv6console.wire.importing import ImportedAddress, ImportRequest
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from ipv6console.wire.state import State
from tests.api.service import Service, serving, settings_in

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncIPv6Client]:
    async with AsyncIPv6Client(socket=service.path) as client:
        yield client


async def test_every_endpoint_answers_with_its_document(client: AsyncIPv6Client) -> None:
    picked = await client.pick("a", ttl=60.0, holder="test")
    assert picked.addr is not None
    assert picked.lease is not None
    assert "a" in (await client.stats()).mirrors
    assert (await client.mirror_stats("a")).using == 1
    assert (await client.mirror("a")) == await client.mirror_stats("a")
    [row] = (await client.leases("a")).leases
    assert row.holder == "test"
    assert str(row.process).startswith("pid ")
    assert (await client.renew(picked.lease, 120.0)).ttl == pytest.approx(120.0, abs=1)
    assert (await client.report(picked.addr, "using", "a", lease=picked.lease)).success
    assert (await client.release(picked.lease, "bad")).addr == picked.addr
    assert (await client.mirror("a")).bad == 1
    assert (await client.reset(picked.addr, "a")).success
    assert (await client.resets([picked.addr], "a")).total_count == 1
    assert (await client.reset_all("a")).total_count is None
    assert len((await client.picks(2, "a")).addrs) == 2
    assert (await client.spawn()).success
    assert (await client.spawns(2)).spawned_count == 2
    assert (await client.check(picked.addr)).usable
    assert (await client.checks([picked.addr])).results == {picked.addr: True}
    assert (await client.save()).success
    assert isinstance(await client.state(), State)
    assert (await client.health()).prefix is not None
    assert (await client.events(0, 10)).last > 0
    assert (await client.doctor()).verdict == "routed"
    assert (await client.drain_mirror("a")).draining
    assert not (await client.drain_mirror("a", draining=False)).draining
    prefix = (await client.state()).prefixes[0].prefix
    assert (await client.drain_prefix(prefix)).state == "draining"
    await client.drain_prefix(prefix, draining=False)
    plan = await client.plan(PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname="a"))
    assert (await client.apply(ApplyRequest(plan=plan.id))).action is PlanAction.FLUSH_MIRROR
    assert (await client.flush("a")).dbname == "a"


async def test_records_settings_and_tokens_answer_with_their_documents(client: AsyncIPv6Client) -> None:
    picked = await client.pick("a", ttl=60.0, holder="test")
    assert picked.addr is not None
    assert picked.lease is not None
    await client.report(picked.addr, "bad", "a", lease=picked.lease, target="shop.example", reason="HTTP 403")
    entries = (await client.history(picked.addr, dbname="a")).entries
    assert [(row.holder, row.verdict, row.target) for row in entries] == [("test", "bad", "shop.example")]
    assert [(row.target, row.bans) for row in (await client.targets("a")).targets] == [("shop.example", 1)]
    assert [row.addr for row in (await client.addresses(dbname="a", state="bad")).addresses] == [picked.addr]
    settings = MirrorSettings(usable_num=3, lease_ttl=120.0)
    assert await client.set_mirror("a", settings) == settings == await client.mirror_settings("a")
    created = await client.create_token("ci", "scrape")
    assert [(row.name, row.scope) for row in (await client.tokens()).tokens] == [("ci", "scrape")]
    assert created.token
    assert (await client.revoke_token("ci")).name == "ci"
    report = await client.import_pool(
        ImportRequest(addresses=(ImportedAddress(addr="2001:db8:99::1", created_at=1.0),))
    )
    assert list(report.skipped) == ["2001:db8:99::1"]


async def test_a_token_opens_what_it_is_for_and_nothing_more(service: Service, client: AsyncIPv6Client) -> None:
    created = await client.create_token("reader", "read")
    async with AsyncIPv6Client(f"http://127.0.0.1:{service.ports[0]}", token=created.token) as reader:
        assert (await reader.stats()).prefix
        async with reader.stream() as frames:
            assert isinstance(await anext(frames), StateFrame)
        with pytest.raises(EngineRefused) as caught:
            await reader.pick("a")
        assert caught.value.status == 403
    async with AsyncIPv6Client(f"http://127.0.0.1:{service.ports[0]}", token="none-of-ours") as stranger:
        with pytest.raises(EngineRefused) as caught:
            await stranger.stats()
        assert caught.value.status == 401


async def test_a_session_that_rotates_reports_and_gives_back(service: Service, client: AsyncIPv6Client) -> None:
    async with AsyncIPv6Session(
        "task1", socket=service.path, rotate_on=(httpx.ConnectError, httpx.ConnectTimeout), timeout=1.0
    ) as session:
        first = session.addr
        with pytest.raises(httpx.TransportError):
            await session.get("http://[::1]:9/")
    rows = (await client.history(first, dbname="task1")).entries
    assert [(row.verdict, row.target) for row in rows] == [("bad", "::1")]


async def test_an_address_that_one_host_bans_is_leased_to_those_who_name_another(
    service: Service, client: AsyncIPv6Client
) -> None:
    async with client.lease("a", target="shop.example") as lease:
        banned = lease.addr
        lease.bad(target="shop.example")
    for target, found in ((None, False), ("shop.example", False), ("news.example", True)):
        picked = (await client.picks(100, "a", target=target)).addrs
        assert (banned in picked) is found, target
        assert (await client.resets(picked, "a")).reset_count == len(picked)

    def pick() -> str | None:
        with IPv6Client(socket=service.path) as same:
            return same.pick("a", target="news.example").addr

    assert await anyio.to_thread.run_sync(pick)


async def test_the_engine_is_reached_at_either_loopback_and_by_name(service: Service) -> None:
    for host, port in (("127.0.0.1", service.ports[0]), ("[::1]", service.ports[1]), ("localhost", service.ports[0])):
        async with AsyncIPv6Client(f"http://{host}:{port}") as client:
            assert (await client.stats()).prefix, host
    async with AsyncIPv6Client("http://[::1]:9") as nobody:
        with pytest.raises(EngineUnreachable, match="refused"):
            await nobody.stats()


async def test_bad_input_is_refused_with_what_to_do(client: AsyncIPv6Client) -> None:
    with pytest.raises(EngineRefused) as caught:
        await client.pick("../x")
    assert caught.value.status == 422
    assert caught.value.next


async def test_a_session_leases_adapts_and_gives_back(service: Service, client: AsyncIPv6Client) -> None:
    async with AsyncIPv6Session("task1", socket=service.path) as session:
        first = session.addr
        assert (await client.mirror("task1")).using == 1
        assert await session.adapt("bad", target="shop.example", reason="403") != first
        assert await session.renew() == pytest.approx(3_600.0, abs=1)
        stats = await client.mirror("task1")
        assert (stats.using, stats.bad) == (1, 1)
    stats = await client.mirror("task1")
    assert (stats.using, stats.bad) == (0, 1)


async def test_a_session_in_a_thread_does_the_same(service: Service, client: AsyncIPv6Client) -> None:
    def work() -> None:
        with IPv6Session("task1", socket=service.path) as session:
            session.adapt()
            session.report("bad")

    await anyio.to_thread.run_sync(work)
    stats = await client.mirror("task1")
    assert (stats.using, stats.bad) == (0, 1)


async def test_a_session_whose_mirror_was_flushed_is_told(service: Service, client: AsyncIPv6Client) -> None:
    async with AsyncIPv6Session("task1", socket=service.path) as session:
        await client.flush("task1")
        with pytest.raises(LeaseLost):
            await session.renew()
        with pytest.raises(LeaseLost):
            _ = session.addr
        await session.adapt()
        assert session.addr


async def test_the_stream_brings_the_document_and_then_what_changes(client: AsyncIPv6Client) -> None:
    async with client.stream() as frames:
        first = await anext(frames)
        assert isinstance(first, StateFrame)
        await client.pick("fresh", ttl=60.0)
        with anyio.fail_after(10):
            async for frame in frames:
                assert isinstance(frame, DeltaFrame)
                if any(row.name == "fresh" and row.using for row in frame.delta.mirrors):
                    break


async def test_events_are_followed_from_the_first_kept_one(client: AsyncIPv6Client) -> None:
    async with aclosing(client.follow_events(0)) as news:
        with anyio.fail_after(10):
            assert await anext(news) == Connected()
            frame = await anext(news)
    assert isinstance(frame, EventsFrame)
    assert frame.events[0].level in set(EventLevel)
