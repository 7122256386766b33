"""No path by which a scraper could send from the host's own address, for each of the three sessions.

The site listens on every address over IPv4 and IPv6, so that it would see whoever got past a lease.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import requests

from ipv6console.client import AsyncIPv6Session, IPv6ConsoleError, IPv6Session, LeaseLost, NoIPv6Address, PoolEmpty
from ipv6console.client.requests import IPv6Session as RequestsSession
from tests.client.conftest import ADDRS, POOL, SITE, Site, StubEngine, run_ip

pytestmark = pytest.mark.privileged

FIRST = ADDRS[0]
FAILED = (IPv6ConsoleError, httpx.TransportError, requests.exceptions.RequestException)


class Scraper(Protocol):
    """What a scraper does, whatever its library."""

    def get(self, url: str) -> str: ...
    def begin(self, url: str) -> Callable[[], object]:
        """Begin to stream, read the first part, return what reads the next."""
        ...

    def adapt(self) -> object: ...
    def renew(self) -> object: ...
    def close(self) -> None: ...


class Httpx:
    def __init__(self, path: str, **options: Any) -> None:
        self._session = IPv6Session(socket=path, timeout=0.5, adapt_max_retries=0, follow_redirects=True, **options)
        self._session.__enter__()

    def get(self, url: str) -> str:
        return self._session.get(url).text

    def begin(self, url: str) -> Callable[[], object]:
        parts = self._session.send(self._session.build_request("GET", url), stream=True).iter_raw()
        next(parts)
        return lambda: next(parts)

    def adapt(self) -> object:
        return self._session.adapt()

    def renew(self) -> object:
        return self._session.renew()

    def close(self) -> None:
        self._session.close()


class AsyncHttpx:
    def __init__(self, path: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._session = AsyncIPv6Session(
            socket=path, timeout=0.5, adapt_max_retries=0, follow_redirects=True, **options
        )
        self._runner.run(self._session.__aenter__())

    def get(self, url: str) -> str:
        return self._runner.run(self._session.get(url)).text

    def begin(self, url: str) -> Callable[[], object]:
        request = self._session.build_request("GET", url)
        parts = self._runner.run(self._session.send(request, stream=True)).aiter_raw()

        async def read() -> bytes:
            return await anext(parts)

        self._runner.run(read())
        return lambda: self._runner.run(read())

    def adapt(self) -> object:
        return self._runner.run(self._session.adapt())

    def renew(self) -> object:
        return self._runner.run(self._session.renew())

    def close(self) -> None:
        self._runner.run(self._session.aclose())
        self._runner.close()


class Requests:
    def __init__(self, path: str, **options: Any) -> None:
        self._session = RequestsSession(socket=path, adapt_max_retries=0, **options)

    def get(self, url: str) -> str:
        return self._session.get(url, timeout=0.5).text

    def begin(self, url: str) -> Callable[[], object]:
        parts = self._session.get(url, stream=True, timeout=0.5).iter_content(3)
        next(parts)
        return lambda: next(parts)

    def adapt(self) -> object:
        return self._session.adapt()

    def renew(self) -> object:
        return self._session.renew()

    def close(self) -> None:
        self._session.close()


@pytest.fixture(params=[Httpx, AsyncHttpx, Requests], ids=["httpx", "httpx-async", "requests"])
def make(request: pytest.FixtureRequest, engine: StubEngine, site: Site) -> Iterator[Callable[[], Scraper]]:
    made: list[Scraper] = []

    def scraper() -> Scraper:
        made.append(request.param(engine.path))
        return made[-1]

    yield scraper
    for one in made:
        one.close()
    assert set(site.peers) <= set(ADDRS)


def test_without_a_lease_nothing_is_sent(make: Callable[[], Scraper], engine: StubEngine, site: Site) -> None:
    scraper = make()
    engine.forget_leases()
    engine.pool.idle.clear()
    with pytest.raises(PoolEmpty):
        scraper.adapt()
    with pytest.raises(PoolEmpty):
        scraper.get(f"{site.url}/ip")
    assert site.asks == []


def test_a_pool_that_empties_while_something_is_streamed_stops_all_traffic(
    make: Callable[[], Scraper], engine: StubEngine, site: Site
) -> None:
    scraper = make()
    read_on = scraper.begin(f"{site.url}/hanging")
    engine.pool.idle.clear()
    engine.forget_leases()
    with pytest.raises(LeaseLost):
        scraper.renew()
    with pytest.raises(FAILED):
        scraper.get(f"{site.url}/ip")
    with pytest.raises(PoolEmpty):
        scraper.adapt()
    with pytest.raises(FAILED):
        read_on()
    with pytest.raises(PoolEmpty):
        scraper.get(f"{site.url}/ip")
    assert [(ask.path, ask.peer) for ask in site.asks] == [("/hanging", FIRST)]


def test_when_the_prefix_vanishes_nothing_leaves_from_another_address(
    make: Callable[[], Scraper], engine: StubEngine, site: Site
) -> None:
    scraper = make()
    assert scraper.get(f"{site.url}/ip") == FIRST
    run_ip("route", "del", "local", POOL, "dev", "lo")
    with pytest.raises(FAILED):
        scraper.get(f"{site.url}/ip")
    with pytest.raises(FAILED):
        scraper.get(f"http://[{SITE}]:{site.port}/other")
    engine.forget_leases()
    with pytest.raises(LeaseLost):
        scraper.renew()
    with pytest.raises(LeaseLost):
        scraper.get(f"{site.url}/ip")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.0.0.1", "[::ffff:7f00:1]"],
)
def test_an_ipv4_address_is_refused_in_every_spelling(make: Callable[[], Scraper], site: Site, host: str) -> None:
    scraper = make()
    with pytest.raises(NoIPv6Address):
        scraper.get(f"http://{host}:{site.port}/ip")
    with pytest.raises(NoIPv6Address):
        scraper.get(f"{site.url}/redirect?to=http://{host}:{site.port}/ip")
    assert [ask.path for ask in site.asks] == ["/redirect"]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"])
def test_proxies_of_the_environment_get_nothing(
    make: Callable[[], Scraper], site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"http://127.0.0.1:{site.port}")
    scraper = make()
    assert scraper.get(f"{site.url}/ip") == FIRST
    assert site.peers == [FIRST]


_VISIT = """
import asyncio, sys
from ipv6console.client import AsyncIPv6Session, IPv6Session, NoIPv6Address
kind, path, url = sys.argv[1:]
async def visit():
    async with AsyncIPv6Session(socket=path) as session:
        await session.get(url, follow_redirects=True)
try:
    if kind == "httpx":
        with IPv6Session(socket=path) as session:
            session.get(url, follow_redirects=True)
    elif kind == "httpx-async":
        asyncio.run(visit())
    else:
        from ipv6console.client.requests import IPv6Session as RequestsSession
        with RequestsSession(socket=path) as session:
            session.get(url)
except NoIPv6Address as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "requests"])
def test_a_redirect_to_a_host_with_only_an_ipv4_address_is_refused(
    kind: str, engine: StubEngine, site: Site, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 ipv4only.example\n")
    visit = [
        *(sys.executable, "-W", "error", "-c", _VISIT),
        *(kind, engine.path, f"{site.url}/redirect?to=http://ipv4only.example:{site.port}/ip"),
    ]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh", *visit],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stderr == ""
    assert done.stdout == "ipv4only.example has no IPv6 address (only 127.0.0.1); this session speaks IPv6 only\n"
    assert [(ask.path, ask.peer) for ask in site.asks] == [("/redirect", FIRST)]


def test_a_rotating_session_that_runs_out_of_addresses_sends_nothing_more(engine: StubEngine, site: Site) -> None:
    site.banned = set(ADDRS)
    with IPv6Session(socket=engine.path, rotate="blocked", adapt_max_retries=0) as session:
        for _ in ADDRS:
            assert session.get(f"{site.url}/ban").status_code == 403
        with pytest.raises(PoolEmpty):
            session.get(f"{site.url}/ban")
    assert site.peers == list(ADDRS)
