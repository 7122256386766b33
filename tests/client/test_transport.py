from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import anyio
import anyio.abc
import httpx
import pytest

from ipv6console.client import AsyncLeasedTransport, LeasedTransport, LeaseLost, NoIPv6Address
from ipv6console.client.network import AsyncLeasedStream
from tests.client.conftest import ADDRS, SITE, Site

pytestmark = pytest.mark.privileged

SOURCE = ADDRS[0]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def _sync_client(source: str = SOURCE, *, http2: bool = False) -> httpx.Client:
    return httpx.Client(transport=LeasedTransport(source, http2=http2))


def _async_client(source: str = SOURCE, *, http2: bool = False) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=AsyncLeasedTransport(source, http2=http2))


@pytest.mark.parametrize("http2", [False, True])
def test_the_site_sees_the_source_and_one_connection_over_plain_http(site: Site, http2: bool) -> None:
    with _sync_client(http2=http2) as client:
        assert [client.get(f"{site.url}/ip").text for _ in range(3)] == [SOURCE] * 3
    assert site.peers == [SOURCE]


@pytest.mark.parametrize(("http2", "version"), [(False, "1.1"), (True, "2")])
def test_the_site_sees_the_source_and_one_connection_over_tls(secure_site: Site, http2: bool, version: str) -> None:
    with _sync_client(http2=http2) as client:
        assert [client.get(f"{secure_site.url}/ip").text for _ in range(3)] == [SOURCE] * 3
    assert secure_site.peers == [SOURCE]
    assert {ask.version for ask in secure_site.asks} == {version}


@pytest.mark.anyio
@pytest.mark.parametrize("http2", [False, True])
async def test_the_site_sees_the_source_and_one_connection_over_plain_async_http(site: Site, http2: bool) -> None:
    async with _async_client(http2=http2) as client:
        assert [(await client.get(f"{site.url}/ip")).text for _ in range(3)] == [SOURCE] * 3
    assert site.peers == [SOURCE]


@pytest.mark.anyio
@pytest.mark.parametrize(("http2", "version"), [(False, "1.1"), (True, "2")])
async def test_the_site_sees_the_source_and_one_connection_over_async_tls(
    secure_site: Site, http2: bool, version: str
) -> None:
    async with _async_client(http2=http2) as client:
        assert [(await client.get(f"{secure_site.url}/ip")).text for _ in range(3)] == [SOURCE] * 3
    assert secure_site.peers == [SOURCE]
    assert {ask.version for ask in secure_site.asks} == {version}


def test_threads_with_different_sources_never_mix_them(secure_site: Site) -> None:
    def visit(source: str) -> set[str]:
        with _sync_client(source, http2=source > ADDRS[3]) as client:
            return {client.get(f"{secure_site.url}/ip").text for _ in range(10)}

    with ThreadPoolExecutor(len(ADDRS)) as threads:
        assert list(threads.map(visit, ADDRS)) == [{source} for source in ADDRS]
    assert sorted(secure_site.peers) == sorted(ADDRS)


@pytest.mark.anyio
async def test_tasks_with_different_sources_never_mix_them(secure_site: Site) -> None:
    seen: dict[str, set[str]] = {source: set() for source in ADDRS}

    async def visit(source: str) -> None:
        async with _async_client(source, http2=source > ADDRS[3]) as client:
            for _ in range(10):
                seen[source].add((await client.get(f"{secure_site.url}/ip")).text)

    async with anyio.create_task_group() as tasks:
        for source in ADDRS:
            tasks.start_soon(visit, source)
    assert seen == {source: {source} for source in ADDRS}
    assert sorted(secure_site.peers) == sorted(ADDRS)


@pytest.mark.anyio
async def test_many_requests_at_once_share_one_http2_connection(secure_site: Site) -> None:
    async with _async_client(http2=True) as client:
        await client.get(f"{secure_site.url}/ip")
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(client.get, f"{secure_site.url}/ip")
    assert len(secure_site.asks) == 21
    assert secure_site.peers == [SOURCE]


@pytest.mark.parametrize("host", ["192.0.2.1", "127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "0x7f000001"])
def test_every_spelling_of_an_ipv4_address_is_refused(network: None, host: str) -> None:
    with _sync_client() as client, pytest.raises(NoIPv6Address, match="no IPv6 address"):
        client.get(f"http://{host}:9/")


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["192.0.2.1", "[::ffff:127.0.0.1]", "127.1"])
async def test_every_spelling_of_an_ipv4_address_is_refused_by_the_async_one(network: None, host: str) -> None:
    async with _async_client() as client:
        with pytest.raises(NoIPv6Address, match="no IPv6 address"):
            await client.get(f"http://{host}:9/")


def test_a_name_that_does_not_resolve_is_a_connect_error_and_not_called_ipv4_only(network: None) -> None:
    with _sync_client() as client, pytest.raises(httpx.ConnectError) as caught:
        client.get("http://nowhere.invalid/")
    assert not isinstance(caught.value, NoIPv6Address)


def test_a_refused_connection_is_httpx_connect_error(closed_port: int) -> None:
    with _sync_client() as client, pytest.raises(httpx.ConnectError, match="refused"):
        client.get(f"http://[{SITE}]:{closed_port}/")


@pytest.mark.anyio
async def test_a_refused_connection_is_httpx_connect_error_in_async(closed_port: int) -> None:
    async with _async_client() as client:
        with pytest.raises(httpx.ConnectError, match="refused"):
            await client.get(f"http://[{SITE}]:{closed_port}/")


def test_a_source_this_host_has_no_route_for_is_told_as_a_connect_error_and_nothing_arrives(site: Site) -> None:
    with _sync_client("2001:db8:99::1") as client, pytest.raises(httpx.TransportError):
        client.get(f"{site.url}/ip", timeout=0.3)
    assert site.asks == []


def test_an_untrusted_certificate_is_httpx_connect_error(secure_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with _sync_client() as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(f"{secure_site.url}/ip")


@pytest.mark.anyio
async def test_an_untrusted_certificate_is_httpx_connect_error_in_async(
    secure_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with _async_client() as client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(f"{secure_site.url}/ip")


def test_a_context_of_the_callers_own_is_used(
    secure_site: Site, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(transport=LeasedTransport(SOURCE, verify=context)) as client:
        assert client.get(f"{secure_site.url}/ip").text == SOURCE


def test_a_silent_site_is_httpx_read_timeout(site: Site) -> None:
    with (
        _sync_client() as client,
        client.stream("GET", f"{site.url}/hanging", timeout=httpx.Timeout(10, read=1.0)) as response,
    ):
        parts = response.iter_bytes()
        assert next(parts) == b"one"
        with pytest.raises(httpx.ReadTimeout):
            next(parts)


@pytest.mark.anyio
async def test_a_silent_site_is_httpx_read_timeout_in_async(site: Site) -> None:
    async with (
        _async_client() as client,
        client.stream("GET", f"{site.url}/hanging", timeout=httpx.Timeout(10, read=1.0)) as response,
    ):
        parts = response.aiter_bytes()
        assert await anext(parts) == b"one"
        with pytest.raises(httpx.ReadTimeout):
            await anext(parts)


class _Gate:
    def __init__(self) -> None:
        self.shut = False

    def __call__(self) -> None:
        if self.shut:
            raise LeaseLost(SOURCE, "the gate is shut")


def test_a_shut_guard_stops_a_request_on_a_connection_that_is_open(site: Site) -> None:
    gate = _Gate()
    with httpx.Client(transport=LeasedTransport(SOURCE, guard=gate)) as client:
        client.get(f"{site.url}/ip")
        gate.shut = True
        with pytest.raises(LeaseLost):
            client.get(f"{site.url}/ip")
    assert len(site.asks) == 1


@pytest.mark.anyio
async def test_a_shut_guard_stops_a_request_on_an_async_connection_that_is_open(site: Site) -> None:
    gate = _Gate()
    async with httpx.AsyncClient(transport=AsyncLeasedTransport(SOURCE, guard=gate)) as client:
        await client.get(f"{site.url}/ip")
        gate.shut = True
        with pytest.raises(LeaseLost):
            await client.get(f"{site.url}/ip")
    assert len(site.asks) == 1


def test_a_guard_that_shuts_in_the_middle_of_an_upload_stops_it(site: Site) -> None:
    gate = _Gate()

    def body() -> Iterator[bytes]:
        yield b"first"
        gate.shut = True
        yield b"second"

    with (
        httpx.Client(transport=LeasedTransport(SOURCE, guard=gate)) as client,
        pytest.raises(LeaseLost),
    ):
        client.post(f"{site.url}/echo", content=body())
    assert site.asks == []


def test_a_transport_costs_next_to_nothing_once_the_tls_context_is_there(network: None) -> None:
    def seconds(make: Callable[[], object]) -> float:
        before = time.perf_counter()
        make()
        return time.perf_counter() - before

    LeasedTransport(SOURCE, http2=True)
    assert min(seconds(lambda: LeasedTransport(SOURCE, http2=True)) for _ in range(20)) < 0.002


@pytest.mark.parametrize(
    "source", ["", "::", "0::0", "::ffff:192.0.2.1", "192.0.2.1", "localhost", "ff02::1", "2001:db8::/64"]
)
@pytest.mark.parametrize("kind", [LeasedTransport, AsyncLeasedTransport])
def test_a_source_that_would_let_the_kernel_choose_one_is_refused(kind: Callable[[str], object], source: str) -> None:
    with pytest.raises(ValueError, match="to send from"):
        kind(source)


@pytest.mark.anyio
async def test_a_guard_that_shuts_while_much_is_written_at_once_stops_the_rest() -> None:
    gate, sent = _Gate(), []

    class Ours:
        async def send(self, data: bytes) -> None:
            sent.append(len(data))
            gate.shut = len(sent) == 2

    stream = AsyncLeasedStream(cast("anyio.abc.ByteStream", Ours()), gate)
    with pytest.raises(LeaseLost):
        await stream.write(bytes(10_000_000), 10.0)
    assert sum(sent) < 1_000_000


@pytest.fixture
def silent_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The site under a name whose first address drops every packet: its queue of connections is full."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, backlog=0) as listener:
        callers = [socket.socket(socket.AF_INET6) for _ in range(3)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex((SITE, listener.getsockname()[1]))
        found = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (SITE, port, 0, 0))
            for port in (listener.getsockname()[1], site.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        yield "http://shop.example/ip"
        for caller in callers:
            caller.close()


def test_an_address_that_is_silent_leaves_time_for_the_next(silent_first: str) -> None:
    with _sync_client() as client:
        assert client.get(silent_first, timeout=httpx.Timeout(30, connect=3.0)).text == SOURCE


@pytest.mark.anyio
async def test_an_address_that_is_silent_leaves_time_for_the_next_in_async(silent_first: str) -> None:
    async with _async_client() as client:
        assert (await client.get(silent_first, timeout=httpx.Timeout(30, connect=3.0))).text == SOURCE
