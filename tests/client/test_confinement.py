"""No path by which a scraper could send from the host's own address, for each of the three sessions.

The site listens on every address over IPv4 and IPv6, so that it would see whoever got past a lease.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests

from ipv6console.client import (
    AsyncIPv6Session,
    AsyncLeasedTransport,
    EngineUnreachable,
    IPv6Session,
    LeasedTransport,
    LeaseLost,
    NoIPv6Address,
    PoolEmpty,
)
from ipv6console.client.requests import IPv6Session as RequestsSession
from tests.client.conftest import ADDRS, OWN, POOL, SITE, Answer, Ask, Site, StubEngine, run_ip
from tests.client.scraper import FAILED, AsyncHttpx, Httpx, Make, Requests, Scraper

pytestmark = pytest.mark.privileged

FIRST = ADDRS[0]


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
        scraper.get(f"{site.url}/ip", timeout=0.5)
    with pytest.raises(FAILED):
        scraper.get(f"http://[{SITE}]:{site.port}/other", timeout=0.5)
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
    read_on = scraper.begin(f"{site.url}/hanging", timeout=1.0)
    run_ip("route", "del", "local", POOL, "dev", "lo")
    with pytest.raises(FAILED):
        read_on()
    with pytest.raises(FAILED):
        scraper.get(f"{site.url}/ip", timeout=0.5)
    assert [ask.path for ask in site.asks] == ["/hanging"]


def test_a_connection_that_is_kept_alive_is_not_used_past_the_lease(
    make: Make, engine: StubEngine, site: Site, eventually: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    scraper = make(ttl=60.0)
    assert scraper.get(f"{site.url}/ip") == FIRST
    engine.silent = True
    clock, began = time.clock_gettime, time.clock_gettime(time.CLOCK_BOOTTIME)
    monkeypatch.setattr(time, "clock_gettime", lambda kind: clock(kind) + 200 * (clock(kind) - began))
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
    read_on = scraper.begin(f"{site.url}/hanging", timeout=1.0)
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


def test_a_rotating_session_that_runs_out_of_addresses_sends_nothing_more(engine: StubEngine, site: Site) -> None:
    site.banned = set(ADDRS)
    with IPv6Session(socket=engine.path, rotate="blocked", adapt_max_retries=0) as session:
        for _ in ADDRS:
            assert session.get(f"{site.url}/ban").status_code == 403
        with pytest.raises(PoolEmpty):
            session.get(f"{site.url}/ban")
    assert site.peers == list(ADDRS)
