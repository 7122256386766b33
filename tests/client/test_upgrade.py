"""What is said over HTTP/2, after an upgrade and through a tunnel is held to the lease too."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from ipv6console.client import (
    AsyncIPv6Session,
    IPv6Session,
    LeaseLost,
)
from tests.client.conftest import ADDRS, Site, StubEngine

pytestmark = pytest.mark.privileged

FIRST = ADDRS[0]


def test_over_http2_nothing_is_sent_past_the_lease_either(engine: StubEngine, secure_site: Site) -> None:
    with IPv6Session(socket=engine.path, http2=True) as session:
        assert session.get(f"{secure_site.url}/ip").http_version == "HTTP/2"
        engine.forget_leases()
        with pytest.raises(LeaseLost):
            session.renew()
        with pytest.raises(LeaseLost):
            session.get(f"{secure_site.url}/ip")
        session.adapt()
        assert session.get(f"{secure_site.url}/ip").text == ADDRS[1]
    assert secure_site.peers == [FIRST, ADDRS[1]]
    assert [(ask.version, ask.peer) for ask in secure_site.asks] == [("2", FIRST), ("2", ADDRS[1])]


def test_over_http2_an_async_session_sends_nothing_past_the_lease_either(engine: StubEngine, secure_site: Site) -> None:
    async def visit() -> None:
        async with AsyncIPv6Session(socket=engine.path, http2=True) as session:
            assert (await session.get(f"{secure_site.url}/ip")).http_version == "HTTP/2"
            engine.forget_leases()
            with pytest.raises(LeaseLost):
                await session.renew()
            with pytest.raises(LeaseLost):
                await session.get(f"{secure_site.url}/ip")

    asyncio.run(visit())
    assert [(ask.version, ask.peer) for ask in secure_site.asks] == [("2", FIRST)]


def test_what_is_said_after_an_upgrade_is_held_to_the_lease_too(engine: StubEngine, site: Site) -> None:
    upgrade = {"connection": "upgrade", "upgrade": "echo"}
    with (
        IPv6Session(socket=engine.path) as session,
        session.stream("GET", f"{site.url}/socket", headers=upgrade) as response,
    ):
        assert response.status_code == 101
        wire = response.extensions["network_stream"]
        wire.write(b"one")
        assert wire.read(16, timeout=10) == b"one"
        engine.forget_leases()
        with pytest.raises(LeaseLost):
            session.renew()
        with pytest.raises(LeaseLost):
            wire.write(b"two")
    assert site.said == [(FIRST, b"one")]


def test_what_is_said_after_an_upgrade_of_an_async_session_is_held_to_the_lease_too(
    engine: StubEngine, site: Site
) -> None:
    async def visit() -> None:
        async with (
            AsyncIPv6Session(socket=engine.path) as session,
            session.stream(
                "GET", f"{site.url}/socket", headers={"connection": "upgrade", "upgrade": "echo"}
            ) as response,
        ):
            wire = response.extensions["network_stream"]
            await wire.write(b"one")
            assert await wire.read(16, timeout=10) == b"one"
            engine.forget_leases()
            with pytest.raises(LeaseLost):
                await session.renew()
            with pytest.raises(LeaseLost):
                await wire.write(b"two")

    asyncio.run(visit())
    assert site.said == [(FIRST, b"one")]


def test_what_is_said_through_a_tunnel_is_held_to_the_lease_too(engine: StubEngine, site: Site) -> None:
    """A site that is asked to CONNECT is asked from the lease, and so is all that follows."""
    with (
        IPv6Session(socket=engine.path) as session,
        session.stream("CONNECT", site.url, extensions={"target": b"shop.example:443"}) as response,
    ):
        wire = response.extensions["network_stream"]
        wire.write(b"one")
        assert wire.read(16, timeout=10) == b"one"
        engine.forget_leases()
        with pytest.raises(LeaseLost):
            session.renew()
        with pytest.raises(LeaseLost):
            wire.write(b"two")
        with pytest.raises(LeaseLost):
            wire.start_tls(ssl.create_default_context(), "shop.example")
    assert [(ask.method, ask.peer) for ask in site.asks] == [("CONNECT", FIRST)]
    assert site.said == [(FIRST, b"one")]


def test_what_is_said_through_a_tunnel_of_an_async_session_is_held_to_the_lease_too(
    engine: StubEngine, site: Site
) -> None:
    async def visit() -> None:
        async with (
            AsyncIPv6Session(socket=engine.path) as session,
            session.stream("CONNECT", site.url, extensions={"target": b"shop.example:443"}) as response,
        ):
            wire = response.extensions["network_stream"]
            await wire.write(b"one")
            assert await wire.read(16, timeout=10) == b"one"
            engine.forget_leases()
            with pytest.raises(LeaseLost):
                await session.renew()
            with pytest.raises(LeaseLost):
                await wire.write(b"two")
            with pytest.raises(LeaseLost):
                await wire.start_tls(ssl.create_default_context(), "shop.example")

    asyncio.run(visit())
    assert [(ask.method, ask.peer) for ask in site.asks] == [("CONNECT", FIRST)]
    assert site.said == [(FIRST, b"one")]
