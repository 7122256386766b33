"""`client.lease()`: an address for other stacks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import anyio
import pytest

from ipv6console.client import AsyncIPv6Client, IPv6Client, LeaseLost, NoIPv6Address, PoolEmpty
from tests.client.conftest import ADDRS, SITE, SOON, Site, StubEngine

pytestmark = pytest.mark.privileged

FIRST = ADDRS[0]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


def test_a_lease_is_held_for_the_length_of_a_with(engine: StubEngine) -> None:
    with IPv6Client(socket=engine.path) as client, client.lease("task1", ttl=60.0, holder="me") as lease:
        assert (lease.addr, str(lease)) == (FIRST, FIRST)
        assert engine.pool.leases == {"token-1": FIRST}
    assert engine.pool.verdicts == [{"addr": FIRST, "status": "idle", "lease": "token-1"}]
    assert engine.asks[0].query == {"dbname": "task1", "ttl": "60.0", "holder": "me", "wait": "75.0"}
    assert [thread for thread in threading.enumerate() if thread.name == "ipv6console-renewer"] == []


def test_a_lease_that_was_banned_is_given_back_as_bad_also_when_the_body_raises(engine: StubEngine) -> None:
    def work() -> None:
        with IPv6Client(socket=engine.path) as client, client.lease() as lease:
            lease.bad("shop.example", "HTTP 403")
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert engine.pool.verdicts == [
        {"addr": FIRST, "status": "bad", "lease": "token-1", "target": "shop.example", "reason": "HTTP 403"}
    ]


def test_its_sockets_leave_from_the_address_without_ip_nonlocal_bind(engine: StubEngine, site: Site) -> None:
    with IPv6Client(socket=engine.path) as client, client.lease() as lease, lease.socket() as sock:
        sock.connect((SITE, site.port))
        assert sock.getsockname()[0] == FIRST
        sock.sendall(b"GET /ip HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n")
        assert FIRST.encode() in b"".join(iter(lambda: sock.recv(4_096), b""))


def test_it_makes_no_socket_towards_ipv4(engine: StubEngine, site: Site) -> None:
    with IPv6Client(socket=engine.path) as client, client.lease() as lease:
        for host, family in (("127.0.0.1", socket.AF_INET), ("::ffff:127.0.0.1", socket.AF_INET6)):
            found = socket.getaddrinfo(host, site.port, family, socket.SOCK_STREAM)[0]
            with pytest.raises(NoIPv6Address):
                lease.socket_for(found)
        found = socket.getaddrinfo(SITE, site.port, socket.AF_INET6, socket.SOCK_STREAM)[0]
        with lease.socket_for(found) as sock:
            assert sock.getsockname()[0] == FIRST


@pytest.mark.usefixtures("promptly")
def test_a_lease_is_renewed_and_tells_when_it_is_lost(engine: StubEngine) -> None:
    with IPv6Client(socket=engine.path) as client, client.lease(ttl=SOON) as lease:
        assert engine.renewed.acquire(timeout=30)
        assert lease.addr == FIRST
    with pytest.raises(LeaseLost):
        _ = lease.addr


def test_an_empty_pool_is_an_error_when_nobody_wants_to_wait(engine: StubEngine) -> None:
    engine.pool.idle.clear()
    with IPv6Client(socket=engine.path) as client, pytest.raises(PoolEmpty), client.lease(wait=0):
        pytest.fail("there is no lease")


@pytest.mark.anyio
@pytest.mark.usefixtures("promptly")
async def test_an_async_lease_is_held_renewed_and_given_back(engine: StubEngine) -> None:
    async with AsyncIPv6Client(socket=engine.path) as client:
        async with client.lease(ttl=SOON) as lease:
            assert await anyio.to_thread.run_sync(lambda: engine.renewed.acquire(timeout=30))
            assert lease.addr == FIRST
            lease.bad(reason="captcha")
        assert engine.pool.verdicts == [{"addr": FIRST, "status": "bad", "lease": "token-1", "reason": "captcha"}]
        with pytest.raises(LeaseLost):
            _ = lease.addr


@pytest.mark.anyio
async def test_an_async_lease_waits_in_line_a_few_seconds_at_a_time(engine: StubEngine) -> None:
    async with AsyncIPv6Client(socket=engine.path) as client, client.lease(wait=12):
        assert engine.asks[0].query["wait"] == "4.0"


@pytest.mark.anyio
async def test_an_async_lease_is_given_back_when_its_task_is_cancelled(engine: StubEngine) -> None:
    async with AsyncIPv6Client(socket=engine.path) as client:
        with anyio.CancelScope() as scope:
            async with client.lease():
                scope.cancel()
                await anyio.sleep_forever()
        assert engine.pool.leases == {}


@pytest.mark.parametrize("wait", [-1.0, float("nan"), float("inf")])
def test_a_wait_that_is_no_time_is_refused(engine: StubEngine, wait: float) -> None:
    with IPv6Client(socket=engine.path) as client, pytest.raises(ValueError, match="wait is"), client.lease(wait=wait):
        pytest.fail("there is no such wait")
    assert engine.asks == []


_LOST = "is lost: this client has been closed"


@pytest.mark.usefixtures("promptly")
def test_a_lease_whose_client_was_closed_is_lost_when_it_is_to_be_renewed(
    engine: StubEngine, caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    told = False
    with suppress(RuntimeError), IPv6Client(socket=engine.path) as client, client.lease(ttl=SOON):
        client.close()
        eventually(lambda: _LOST in caplog.text, "the lease is lost")
        told = True
    assert told


@pytest.mark.anyio
@pytest.mark.usefixtures("promptly")
async def test_an_async_lease_whose_client_was_closed_is_lost_when_it_is_to_be_renewed(
    engine: StubEngine, caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    told = False
    with suppress(RuntimeError):
        async with AsyncIPv6Client(socket=engine.path) as client, client.lease(ttl=SOON):
            await client.aclose()
            await anyio.to_thread.run_sync(eventually, lambda: _LOST in caplog.text, "the lease is lost")
            told = True
    assert told
