"""No path by which a scraper could send from the host's own address, for each of the three sessions.

The site listens on every address over IPv4 and IPv6, so that it would see whoever got past a lease.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import requests

from ipv6console.client import (
    AsyncIPv6Session,
    AsyncLeasedTransport,
    EngineUnreachable,
    IPv6ConsoleError,
    IPv6Session,
    LeasedTransport,
    LeaseLost,
    NoIPv6Address,
    PoolEmpty,
)
from ipv6console.client.requests import IPv6Session as RequestsSession
from tests.client.conftest import ADDRS, OWN, POOL, SITE, Answer, Ask, Site, StubEngine, run_ip

pytestmark = pytest.mark.privileged

FIRST = ADDRS[0]
FAILED = (IPv6ConsoleError, httpx.TransportError, requests.exceptions.RequestException)


class Scraper(Protocol):
    """What a scraper does, whatever its library."""

    def get(self, url: str, **options: Any) -> str: ...
    def begin(self, url: str) -> Callable[[], object]:
        """Begin to stream, read the first part, return what reads the next."""
        ...

    def adapt(self) -> object: ...
    def addr(self) -> str: ...
    def renew(self) -> object: ...
    def close(self) -> None: ...


class Httpx:
    def __init__(self, path: str, **options: Any) -> None:
        self._session = IPv6Session(socket=path, timeout=0.5, adapt_max_retries=0, follow_redirects=True, **options)
        self._session.__enter__()

    def get(self, url: str, **options: Any) -> str:
        return self._session.get(url, **options).text

    def begin(self, url: str) -> Callable[[], object]:
        parts = self._session.send(self._session.build_request("GET", url), stream=True).iter_raw()
        next(parts)
        return lambda: next(parts)

    def adapt(self) -> object:
        return self._session.adapt()

    def addr(self) -> str:
        return self._session.addr

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

    def get(self, url: str, **options: Any) -> str:
        return self._runner.run(self._session.get(url, **options)).text

    def begin(self, url: str) -> Callable[[], object]:
        request = self._session.build_request("GET", url)
        parts = self._runner.run(self._session.send(request, stream=True)).aiter_raw()

        async def read() -> bytes:
            return await anext(parts)

        self._runner.run(read())
        return lambda: self._runner.run(read())

    def adapt(self) -> object:
        return self._runner.run(self._session.adapt())

    def addr(self) -> str:
        return self._session.addr

    def renew(self) -> object:
        return self._runner.run(self._session.renew())

    def close(self) -> None:
        self._runner.run(self._session.aclose())
        self._runner.close()


class Requests:
    def __init__(self, path: str, **options: Any) -> None:
        self._session = RequestsSession(socket=path, adapt_max_retries=0, **options)

    def get(self, url: str, **options: Any) -> str:
        return self._session.get(url, timeout=0.5, **options).text

    def begin(self, url: str) -> Callable[[], object]:
        parts = self._session.get(url, stream=True, timeout=0.5).iter_content(3)
        next(parts)
        return lambda: next(parts)

    def adapt(self) -> object:
        return self._session.adapt()

    def addr(self) -> str:
        return self._session.addr

    def renew(self) -> object:
        return self._session.renew()

    def close(self) -> None:
        self._session.close()


Make = Callable[..., Scraper]


@pytest.fixture(params=[Httpx, AsyncHttpx, Requests], ids=["httpx", "httpx-async", "requests"])
def make(request: pytest.FixtureRequest, engine: StubEngine, site: Site) -> Iterator[Make]:
    made: list[Scraper] = []

    def scraper(**options: Any) -> Scraper:
        made.append(request.param(engine.path, **options))
        return made[-1]

    yield scraper
    for one in made:
        one.close()
    assert set(site.peers) <= set(ADDRS)


def test_whoever_binds_nothing_is_seen_with_the_hosts_own_address(site: Site) -> None:
    """What the tests below would see if a session leaked."""
    with httpx.Client(trust_env=False) as plain:
        assert plain.get(f"{site.url}/ip").text == OWN


def test_without_a_lease_nothing_is_sent(make: Make, engine: StubEngine, site: Site) -> None:
    scraper = make()
    engine.forget_leases()
    engine.pool.idle.clear()
    with pytest.raises(PoolEmpty):
        scraper.adapt()
    with pytest.raises(PoolEmpty):
        scraper.get(f"{site.url}/ip")
    assert site.asks == []


def test_a_pool_that_empties_while_something_is_streamed_stops_all_traffic(
    make: Make, engine: StubEngine, site: Site
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
    make: Make, engine: StubEngine, site: Site
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
def test_an_ipv4_address_is_refused_in_every_spelling(make: Make, site: Site, host: str) -> None:
    scraper = make()
    with pytest.raises(NoIPv6Address):
        scraper.get(f"http://{host}:{site.port}/ip")
    with pytest.raises(NoIPv6Address):
        scraper.get(f"{site.url}/redirect?to=http://{host}:{site.port}/ip")
    assert [ask.path for ask in site.asks] == ["/redirect"]


@pytest.mark.parametrize(
    "host", ["user@127.0.0.1", "127.0.0.1.", "0177.0.0.1", "127\N{IDEOGRAPHIC FULL STOP}0.0.1", "[::127.0.0.1]"]
)
def test_an_ipv4_address_in_disguise_reaches_nobody(make: Make, site: Site, host: str) -> None:
    with pytest.raises((*FAILED, httpx.InvalidURL)):
        make().get(f"http://{host}:{site.port}/ip")
    assert site.peers == []


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"])
def test_proxies_of_the_environment_get_nothing(
    make: Make, site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"http://127.0.0.1:{site.port}")
    scraper = make()
    assert scraper.get(f"{site.url}/ip") == FIRST
    assert site.peers == [FIRST]


def test_a_prefix_that_vanishes_while_something_is_streamed_moves_nothing_to_another_address(
    make: Make, engine: StubEngine, site: Site
) -> None:
    scraper = make()
    read_on = scraper.begin(f"{site.url}/hanging")
    run_ip("route", "del", "local", POOL, "dev", "lo")
    with pytest.raises(FAILED):
        read_on()
    with pytest.raises(FAILED):
        scraper.get(f"{site.url}/ip")
    assert [ask.path for ask in site.asks] == ["/hanging"]


def test_a_connection_that_is_kept_alive_is_not_used_past_the_lease(
    make: Make, engine: StubEngine, site: Site, eventually: Callable[..., None]
) -> None:
    scraper = make(ttl=0.5)
    assert scraper.get(f"{site.url}/ip") == FIRST
    engine.silent = True
    eventually(lambda: _is_lost(scraper), "the lease has run out", 10)
    with pytest.raises(LeaseLost):
        scraper.get(f"{site.url}/ip")
    assert (site.peers, len(site.asks)) == ([FIRST], 1)
    engine.silent = False


def test_after_a_suspend_that_outlived_the_lease_nothing_is_sent(
    make: Make, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the machine sleeps no thread wakes and no timer runs; CLOCK_BOOTTIME alone goes on."""
    scraper = make()
    assert scraper.get(f"{site.url}/ip") == FIRST
    read_on = scraper.begin(f"{site.url}/hanging")
    awake = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda clock: awake(clock) + 7_200 * (clock == time.CLOCK_BOOTTIME))
    with pytest.raises(LeaseLost):
        scraper.get(f"{site.url}/ip")
    with pytest.raises(LeaseLost):
        scraper.addr()
    with pytest.raises(FAILED):
        read_on()
    assert [ask.path for ask in site.asks] == ["/ip", "/hanging"]


def _is_lost(scraper: Scraper) -> bool:
    try:
        scraper.addr()
    except LeaseLost:
        return True
    return False


def test_a_redirect_to_another_scheme_is_followed_from_the_lease_or_not_at_all(make: Make, site: Site) -> None:
    scraper = make()
    for target in ("ftp://shop.example/", "file:///etc/passwd", "gopher://[::1]/"):
        with pytest.raises((httpx.UnsupportedProtocol, requests.exceptions.InvalidSchema)):
            scraper.get(f"{site.url}/redirect?to={target}")
    assert {(ask.path, ask.peer) for ask in site.asks} == {("/redirect", FIRST)}


def test_from_https_to_http_and_back_all_leaves_from_the_lease(
    make: Make, site: Site, secure_site: Site, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    scraper = make()
    assert scraper.get(f"{site.url}/redirect?to={secure_site.url}/ip") == FIRST
    assert scraper.get(f"{secure_site.url}/redirect?to={site.url}/ip") == FIRST
    assert set(secure_site.peers) | set(site.peers) == {FIRST}


def test_a_sign_in_that_turns_the_request_to_an_ipv4_host_sends_nothing(make: Make, site: Site) -> None:
    def turn(request: Any) -> Any:
        request.url = type(request.url)(f"http://127.0.0.1:{site.port}/ip")
        return request

    with pytest.raises(NoIPv6Address):
        make().get(f"{site.url}/ip", auth=turn)
    assert site.asks == []


def test_a_renewal_that_is_refused_stops_what_is_sent_over_open_connections(
    make: Make, engine: StubEngine, site: Site
) -> None:
    scraper = make()
    assert scraper.get(f"{site.url}/ip") == FIRST
    engine.forget_leases()
    with pytest.raises(LeaseLost):
        scraper.renew()
    with pytest.raises(LeaseLost):
        scraper.get(f"{site.url}/ip")
    assert len(site.asks) == 1


def test_an_engine_that_dies_changes_nothing_until_the_lease_ends(make: Make, engine: StubEngine, site: Site) -> None:
    scraper = make()
    engine.silent = True
    assert scraper.get(f"{site.url}/ip") == FIRST
    with pytest.raises(EngineUnreachable):
        scraper.adapt()
    with pytest.raises(FAILED):
        scraper.get(f"{site.url}/ip")
    assert [ask.peer for ask in site.asks] == [FIRST]
    engine.silent = False


@pytest.mark.parametrize(
    "option",
    [
        {"transport": httpx.HTTPTransport()},
        {"mounts": {"all://": httpx.HTTPTransport()}},
        {"proxy": "http://127.0.0.1:1"},
        {"trust_env": True},
    ],
    ids=["transport", "mounts", "proxy", "trust_env"],
)
@pytest.mark.parametrize("session", [IPv6Session, AsyncIPv6Session])
def test_options_of_httpx_that_lead_past_the_lease_are_refused(
    engine: StubEngine, session: type[Any], option: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match=next(iter(option))):
        session(socket=engine.path, **option)
    assert engine.asks == []


@pytest.mark.parametrize("option", ["local_address", "uds", "socket_options", "network_backend", "source_address"])
@pytest.mark.parametrize(
    "kind", [IPv6Session, AsyncIPv6Session, RequestsSession, LeasedTransport, AsyncLeasedTransport]
)
def test_no_option_chooses_another_source_or_socket(engine: StubEngine, kind: Callable[..., Any], option: str) -> None:
    place: dict[str, Any] = {"source": FIRST} if "Transport" in str(kind) else {"socket": engine.path}
    with pytest.raises(TypeError, match=option):
        kind(**place, **{option: OWN})
    assert engine.asks == []


def test_what_comes_past_the_session_has_no_lease_to_go_through(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path) as session:
        with pytest.raises(LeaseLost, match="did not come through the session"):
            session._transport.handle_request(session.build_request("GET", f"{site.url}/ip"))
        session._transport.close()
        with pytest.raises(LeaseLost):
            session.get(f"{site.url}/ip")
    assert site.asks == []


@pytest.mark.parametrize("kind", [Httpx, Requests], ids=["httpx", "requests"])
def test_threads_that_share_a_session_while_it_moves_and_runs_dry_send_from_leases_only(
    engine: StubEngine, site: Site, kind: Callable[..., Scraper]
) -> None:
    scraper, stop = kind(engine.path), threading.Event()

    def visit(_: int) -> set[str]:
        seen = set()
        while not stop.is_set():
            with suppress(*FAILED):
                seen.add(scraper.get(f"{site.url}/ip"))
        return seen

    try:
        with ThreadPoolExecutor(4) as threads:
            visits = threads.map(visit, range(4))
            try:
                for _ in range(10):
                    scraper.adapt()
                engine.pool.idle.clear()
                engine.forget_leases()
                with pytest.raises(LeaseLost):
                    scraper.renew()
            finally:
                stop.set()
        assert set().union(*visits) <= set(ADDRS)
    finally:
        scraper.close()
    assert set(site.peers) <= set(ADDRS)


_FORK = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from ipv6console.client import AsyncIPv6Session, IPv6Client, IPv6Session, LeaseLost
from ipv6console.client.requests import IPv6Session as RequestsSession
kind, path, url = sys.argv[1:]
def told(act):
    try:
        print(act())
    except LeaseLost as error:
        print(error.next)
def forked(*acts):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        return
    for act in acts:
        told(act)
    sys.stdout.flush()
    os._exit(0) if kind == "httpx-async" else sys.exit()  # a loop that was forked cannot be run to its end
async def visit():
    async with AsyncIPv6Session(socket=path) as session:
        await session.get(url)
        def run(call):
            try:
                call().send(None)
            except StopIteration as done:
                return done.value
        forked(*(lambda call=call: run(call) for call in (lambda: session.get(url), session.adapt, session.renew)))
        print((await session.get(url)).text)
if kind == "httpx-async":
    asyncio.run(visit())
elif kind == "lease":
    with IPv6Client(socket=path) as client, client.lease() as lease:
        forked(lambda: lease.addr, lease.socket, lambda: lease)
        print(lease)
else:
    with (IPv6Session if kind == "httpx" else RequestsSession)(socket=path) as session:
        session.get(url)
        forked(lambda: session.get(url), session.adapt, session.renew)
        print(session.get(url).text)
"""


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "requests", "lease"])
def test_a_fork_sends_nothing_and_takes_nothing_from_its_parent(engine: StubEngine, site: Site, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORK, kind, engine.path, f"{site.url}/ip"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.stderr, done.stdout) == ("", "make a session in each process\n" * 3 + f"{FIRST}\n")
    assert [ask.peer for ask in site.asks] == ([] if kind == "lease" else [FIRST] * 2)
    assert (engine.pool.picked, [verdict["status"] for verdict in engine.pool.verdicts]) == (1, ["idle"])


def test_hooks_of_httpx_that_turn_a_request_elsewhere_send_nothing_over_ipv4(engine: StubEngine, site: Site) -> None:
    def turn(request: httpx.Request) -> None:
        request.url = httpx.URL(f"http://127.0.0.1:{site.port}/ip")
        request.extensions = {}

    with (
        IPv6Session(socket=engine.path, event_hooks={"request": [turn]}) as session,
        pytest.raises(NoIPv6Address),
    ):
        session.get(f"{site.url}/ip")
    assert site.asks == []


def test_what_a_sign_in_asks_on_the_way_leaves_from_the_lease(engine: StubEngine, site: Site) -> None:
    class Ticket(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            ticket = yield httpx.Request("POST", f"{site.url}/echo", content=b"ticket")
            request.headers["authorization"] = ticket.text
            yield request

    async def visit() -> str:
        async with AsyncIPv6Session(socket=engine.path, rotate="request") as session:
            return (await session.get(f"{site.url}/ip", auth=Ticket())).text

    with IPv6Session(socket=engine.path, rotate="request") as session:
        assert session.get(f"{site.url}/ip", auth=Ticket()).text == FIRST
    assert asyncio.run(visit()) == ADDRS[1]
    assert [(ask.path, ask.peer) for ask in site.asks] == [
        ("/echo", FIRST),
        ("/ip", FIRST),
        ("/echo", ADDRS[1]),
        ("/ip", ADDRS[1]),
    ]


def test_trust_in_the_environment_that_is_turned_on_later_sends_nothing_to_its_proxies(
    engine: StubEngine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{site.port}")
    with RequestsSession(socket=engine.path) as session:
        session.trust_env = True
        with pytest.raises(TypeError, match="proxies"):
            session.get(f"{site.url}/ip")
    assert site.asks == []


def test_repeats_of_the_adapter_come_from_the_lease_and_end_with_it(engine: StubEngine, site: Site) -> None:
    def drop(_ask: Ask) -> Answer | None:
        if len(site.asks) == 3:
            session._tenancy.close()
        return None

    site.pages["/drop"] = drop
    with RequestsSession(socket=engine.path, max_retries=9) as session, pytest.raises(FAILED):
        session.get(f"{site.url}/drop")
    assert site.peers == [FIRST] * 3


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


_VISIT = """
import asyncio, sys
from ipv6console.client import AsyncIPv6Session, IPv6Session, NoIPv6Address
kind, path, url = sys.argv[1:]
async def visit():
    async with AsyncIPv6Session(socket=path) as session:
        return (await session.get(url, follow_redirects=True)).text
try:
    if kind == "httpx":
        with IPv6Session(socket=path) as session:
            print(session.get(url, follow_redirects=True).text)
    elif kind == "httpx-async":
        print(asyncio.run(visit()))
    else:
        from ipv6console.client.requests import IPv6Session as RequestsSession
        with RequestsSession(socket=path) as session:
            print(session.get(url).text)
except NoIPv6Address as error:
    print(error)
"""
_ONLY = "this session speaks IPv6 only\n"


@dataclass(frozen=True)
class Named:
    """A name as /etc/hosts has it, where a scraper asks for it, what the scraper says, and what the site is asked."""

    found: str
    target: str
    said: str
    paths: tuple[str, ...] = ()


_NAMES = {
    "A alone": Named(
        "127.0.0.1 shop.example",
        "http://shop.example:{port}/ip",
        f"shop.example has no IPv6 address (only 127.0.0.1); {_ONLY}",
    ),
    "redirect to A alone": Named(
        "127.0.0.1 shop.example",
        "{site}/redirect?to=http://shop.example:{port}/ip",
        f"shop.example has no IPv6 address (only 127.0.0.1); {_ONLY}",
        ("/redirect",),
    ),
    "AAAA that means IPv4": Named(
        "::ffff:127.0.0.1 shop.example",
        "http://shop.example:{port}/ip",
        f"shop.example has no IPv6 address (only ::ffff:127.0.0.1, which means IPv4); {_ONLY}",
    ),
    "all of them": Named(
        f"127.0.0.1 shop.example\n::ffff:127.0.0.1 shop.example\n{SITE} shop.example",
        "http://shop.example:{port}/ip",
        f"{FIRST}\n",
        ("/ip",),
    ),
}


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "requests"])
@pytest.mark.parametrize("named", _NAMES.values(), ids=_NAMES)
def test_a_name_is_followed_to_its_ipv6_addresses_only(
    engine: StubEngine, site: Site, tmp_path: Path, kind: str, named: Named
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{named.found}\n")
    url = named.target.format(site=site.url, port=site.port)
    done = subprocess.run(
        [
            *("unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"),
            *(sys.executable, "-W", "error", "-c", _VISIT, kind, engine.path, url),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.stderr, done.stdout) == ("", named.said)
    assert [(ask.path, ask.peer) for ask in site.asks] == [(path, FIRST) for path in named.paths]


def test_a_rotating_session_that_runs_out_of_addresses_sends_nothing_more(engine: StubEngine, site: Site) -> None:
    site.banned = set(ADDRS)
    with IPv6Session(socket=engine.path, rotate="blocked", adapt_max_retries=0) as session:
        for _ in ADDRS:
            assert session.get(f"{site.url}/ban").status_code == 403
        with pytest.raises(PoolEmpty):
            session.get(f"{site.url}/ban")
    assert site.peers == list(ADDRS)
