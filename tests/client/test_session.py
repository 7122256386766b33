from __future__ import annotations

import logging
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipv6console.client import EngineRefused, EngineUnreachable, IPv6Session, LeaseLost, NoIPv6Address, PoolEmpty
from tests.client.conftest import ADDRS, SITE, Answer, Ask, FakeClock, Refusal, Site, StubEngine

pytestmark = pytest.mark.privileged

FIRST, SECOND = ADDRS[:2]


@pytest.fixture
def session(engine: StubEngine, clock: FakeClock) -> Iterator[IPv6Session]:
    with IPv6Session("task1", socket=engine.path, ttl=60.0, clock=clock, holder="test") as session:
        yield session


def test_a_session_leases_on_entry_and_its_requests_leave_from_that_address(session: IPv6Session, site: Site) -> None:
    assert session.addr == FIRST
    assert session.get(f"{site.url}/ip").text == FIRST
    assert site.peers == [FIRST]


def test_the_lease_is_asked_for_with_mirror_ttl_and_holder(session: IPv6Session, engine: StubEngine) -> None:
    assert engine.asks[0].query == {"dbname": "task1", "ttl": "60.0", "holder": "test", "wait": "5.0"}


def test_every_lease_is_asked_for_with_the_host_it_is_to_visit(engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path, target="shop.example") as session:
        session.adapt()
    assert [ask.query.get("target") for ask in engine.asks if ask.path == "/pick"] == ["shop.example"] * 2


def test_the_lease_is_given_back_on_exit_with_its_token(engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path):
        assert engine.pool.leases == {"token-1": FIRST}
    assert engine.pool.leases == {}
    assert engine.pool.verdicts == [{"addr": FIRST, "status": "idle", "lease": "token-1"}]


def test_the_lease_is_given_back_when_the_body_raises(engine: StubEngine) -> None:
    with pytest.raises(KeyError), IPv6Session(socket=engine.path):
        raise KeyError
    assert engine.pool.leases == {}


def test_without_with_the_first_request_leases_and_close_gives_back(engine: StubEngine, site: Site) -> None:
    session = IPv6Session(socket=engine.path)
    assert engine.asks == []
    assert session.get(f"{site.url}/ip").text == FIRST
    session.close()
    assert engine.pool.leases == {}


def test_a_closed_session_sends_nothing_and_leases_nothing(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path) as session:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        session.get(f"{site.url}/ip")
    assert engine.pool.picked == 1
    assert site.asks == []


def test_adapt_gives_back_with_a_verdict_and_takes_another(session: IPv6Session, engine: StubEngine) -> None:
    assert session.adapt("bad", target="shop.example", reason="403") == SECOND
    assert session.addr == SECOND
    assert engine.pool.verdicts == [
        {"addr": FIRST, "status": "bad", "lease": "token-1", "target": "shop.example", "reason": "403"}
    ]


def test_a_connection_is_reused_within_a_lease_and_never_by_the_next(session: IPv6Session, site: Site) -> None:
    first = [session.get(f"{site.url}/ip").text for _ in range(3)]
    session.adapt()
    second = [session.get(f"{site.url}/ip").text for _ in range(3)]
    assert (first, second) == ([FIRST] * 3, [SECOND] * 3)
    assert site.peers == [FIRST, SECOND]


def test_a_bad_verdict_ends_the_lease_and_the_next_request_takes_another(
    session: IPv6Session, engine: StubEngine, site: Site
) -> None:
    session.report("bad", target="shop.example")
    with pytest.raises(LeaseLost, match="holds no lease"):
        _ = session.addr
    assert session.get(f"{site.url}/ip").text == SECOND
    assert engine.pool.leases == {"token-2": SECOND}


def test_reporting_using_keeps_the_lease(session: IPv6Session, engine: StubEngine, site: Site) -> None:
    session.report("using")
    assert session.get(f"{site.url}/ip").text == FIRST
    assert engine.pool.leases == {"token-1": FIRST}


def test_a_status_that_does_not_exist_is_refused_before_anything_is_given_up(session: IPv6Session) -> None:
    with pytest.raises(ValueError, match="'broken' is none of idle, bad"):
        session.adapt("broken")
    with pytest.raises(ValueError, match="'broken' is none of idle, bad, using"):
        session.report("broken")
    assert session.addr == FIRST


def test_a_report_the_engine_does_not_accept_is_a_lost_lease(session: IPv6Session, engine: StubEngine) -> None:
    engine.forget_leases()
    with pytest.raises(LeaseLost, match=f"{FIRST}: the lease has ended"):
        session.report("using")


def test_an_empty_pool_is_waited_for_and_then_is_an_error_and_nothing_is_sent(
    engine: StubEngine, site: Site, clock: FakeClock
) -> None:
    engine.pool.idle.clear()
    pauses: list[float] = []
    with (
        pytest.raises(PoolEmpty, match=r"mirror 'task1' after 16 tries \(all taken\)"),
        IPv6Session("task1", socket=engine.path, sleep=pauses.append, clock=clock) as session,
    ):
        session.get(f"{site.url}/ip")
    assert pauses == [5.0] * 15
    assert site.asks == []


def test_a_session_gets_the_address_that_appears_while_it_waits(engine: StubEngine) -> None:
    engine.pool.idle.clear()
    with IPv6Session(socket=engine.path, sleep=lambda _: engine.pool.idle.append(SECOND)) as session:
        assert session.addr == SECOND


def test_an_engine_that_is_down_is_named_with_the_command_that_starts_it(tmp_path: Path) -> None:
    with (
        pytest.raises(EngineUnreachable, match=r"no engine answers at socket .*/none: .*`ipv6console serve`"),
        IPv6Session(socket=tmp_path / "none"),
    ):
        pytest.fail("there is no lease")


def test_a_refusal_carries_what_the_engine_says_to_do(engine: StubEngine) -> None:
    engine.refusal = Refusal(503, "Not possible right now", "the disk is full", "free some space")
    with pytest.raises(EngineRefused, match="the disk is full") as caught, IPv6Session(socket=engine.path):
        pytest.fail("there is no lease")
    assert (caught.value.status, caught.value.next) == (503, "free some space")


def test_past_the_ttl_nothing_is_sent_until_adapt(session: IPv6Session, clock: FakeClock, site: Site) -> None:
    session.get(f"{site.url}/ip")
    clock.now += 60.0
    with pytest.raises(LeaseLost, match=f"{FIRST}: its lease has run out; take another address with adapt"):
        session.get(f"{site.url}/ip")
    with pytest.raises(LeaseLost):
        _ = session.addr
    assert len(site.asks) == 1
    session.adapt()
    assert session.get(f"{site.url}/ip").text == SECOND


def test_the_ttl_counts_from_before_the_lease_was_asked_for(
    engine: StubEngine, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = engine.answer

    def slow(ask: Ask) -> Answer | None:
        clock.now += 10.0
        return prompt(ask)

    monkeypatch.setattr(engine, "answer", slow)
    with IPv6Session(socket=engine.path, ttl=60.0, clock=clock) as session:
        clock.now += 49.0
        assert session.addr == FIRST
        clock.now += 1.0
        with pytest.raises(LeaseLost):
            _ = session.addr


def test_an_upload_that_outlives_the_lease_stops(session: IPv6Session, clock: FakeClock, site: Site) -> None:
    def body() -> Iterator[bytes]:
        yield b"before"
        clock.now += 60.0
        yield b"after"

    with pytest.raises(LeaseLost):
        session.post(f"{site.url}/echo", content=body())
    assert site.asks == []


def test_renewing_lets_the_session_send_past_its_first_ttl(session: IPv6Session, clock: FakeClock, site: Site) -> None:
    clock.now += 59.0
    assert session.renew(120.0) == 120.0
    clock.now += 119.0
    assert session.get(f"{site.url}/ip").text == FIRST
    clock.now += 1.0
    with pytest.raises(LeaseLost):
        session.get(f"{site.url}/ip")


def test_a_renewal_the_engine_does_not_know_stops_the_traffic(
    session: IPv6Session, engine: StubEngine, site: Site
) -> None:
    engine.forget_leases()
    with pytest.raises(LeaseLost, match="the lease has ended"):
        session.renew()
    with pytest.raises(LeaseLost):
        session.get(f"{site.url}/ip")
    assert site.asks == []


def test_when_giving_back_fails_the_address_is_used_no_more_and_given_back_later(
    session: IPv6Session, engine: StubEngine, site: Site
) -> None:
    engine.refusal = Refusal(503)
    with pytest.raises(EngineRefused):
        session.adapt()
    with pytest.raises(LeaseLost):
        session.get(f"{site.url}/ip")
    engine.refusal = None
    assert session.adapt() == SECOND
    assert engine.pool.leases == {"token-2": SECOND}


def test_an_engine_that_dies_before_the_exit_is_logged_and_does_not_hide_the_work(
    engine: StubEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ipv6console.client"), IPv6Session(socket=engine.path):
        engine.stop()
    assert "runs until its TTL" in caplog.text


@pytest.mark.parametrize("target", ["http://192.0.2.1/", "http://[::ffff:192.0.2.1]/"])
def test_a_redirect_to_an_ipv4_address_is_an_error(session: IPv6Session, site: Site, target: str) -> None:
    with pytest.raises(NoIPv6Address, match="no IPv6 address"):
        session.get(f"{site.url}/redirect", params={"to": target}, follow_redirects=True)
    assert site.peers == [FIRST]


def test_a_redirect_is_followed_from_the_leased_address(session: IPv6Session, site: Site) -> None:
    assert session.get(f"{site.url}/redirect", params={"to": "/ip"}, follow_redirects=True).text == FIRST


_VISIT = """
import sys
from ipv6console.client import IPv6Session, NoIPv6Address
with IPv6Session(socket=sys.argv[1]) as session:
    try:
        session.get(sys.argv[2], follow_redirects=True)
    except NoIPv6Address as error:
        print(error)
"""


def test_a_redirect_to_a_host_with_only_an_ipv4_address_says_so(engine: StubEngine, site: Site, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.7 ipv4only.example\n")
    command = f'mount --bind {hosts} /etc/hosts && exec "$@"'
    visit = [sys.executable, "-c", _VISIT, engine.path, f"{site.url}/redirect?to=http://ipv4only.example/"]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command, "sh", *visit],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stderr == ""
    assert done.stdout == ("ipv4only.example has no IPv6 address (only 192.0.2.7); this session speaks IPv6 only\n")


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"])
def test_proxy_variables_are_ignored(
    monkeypatch: pytest.MonkeyPatch, engine: StubEngine, site: Site, closed_port: int, name: str
) -> None:
    monkeypatch.setenv(name, f"http://[{SITE}]:{closed_port}")
    with IPv6Session(socket=engine.path) as session:
        assert session.get(f"{site.url}/ip").text == FIRST


@pytest.mark.parametrize(
    "option",
    [
        {"proxy": "http://[::1]:3128"},
        {"mounts": {"all://": httpx.HTTPTransport(verify=False)}},
        {"transport": httpx.HTTPTransport(verify=False)},
        {"trust_env": True},
    ],
    ids=lambda option: next(iter(option)),
)
def test_options_that_lead_past_the_lease_are_refused(engine: StubEngine, option: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=rf"takes no {next(iter(option))}="):
        IPv6Session(socket=engine.path, **option)
    assert engine.asks == []


def test_an_unknown_option_is_refused_as_httpx_does(engine: StubEngine) -> None:
    with pytest.raises(TypeError, match="colour"):
        IPv6Session(socket=engine.path, colour="red")


@pytest.mark.parametrize("ttl", [0.0, -1.0, float("nan")])
def test_a_ttl_that_is_no_time_is_refused(engine: StubEngine, ttl: float) -> None:
    with pytest.raises(ValueError, match="ttl"):
        IPv6Session(socket=engine.path, ttl=ttl)


def test_http2_cookies_headers_and_base_url_work_as_in_httpx(secure_site: Site, engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path, http2=True, base_url=secure_site.url, headers={"x-a": "b"}) as session:
        response = session.get("/ip")
        session.get("/set-cookie")
        assert session.get("/cookies").text == "flavour=oat"
    assert (response.text, response.http_version) == (FIRST, "HTTP/2")
    assert secure_site.asks[0].headers["x-a"] == "b"


def test_streaming_works_as_in_httpx(session: IPv6Session, site: Site) -> None:
    with session.stream("GET", f"{site.url}/parts") as response:
        assert b"".join(response.iter_bytes()) == b"onetwothree"


def test_a_stream_that_is_open_ends_when_the_session_moves_on(session: IPv6Session, site: Site) -> None:
    with session.stream("GET", f"{site.url}/hanging") as response:
        parts = response.iter_bytes()
        assert next(parts) == b"one"
        session.adapt()
        with pytest.raises(httpx.TransportError):
            next(parts)


def test_a_thread_that_is_reading_is_woken_when_the_session_moves_on(session: IPv6Session, site: Site) -> None:
    reading = threading.Event()

    def read() -> None:
        with session.stream("GET", f"{site.url}/hanging", timeout=None) as response:
            parts = response.iter_bytes()
            next(parts)
            reading.set()
            next(parts)

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(read)
        assert reading.wait(10)
        session.adapt()
        with pytest.raises(httpx.TransportError):
            future.result(10)


def test_timeouts_work_as_in_httpx(session: IPv6Session, site: Site) -> None:
    with pytest.raises(httpx.ReadTimeout):
        session.get(f"{site.url}/hanging", timeout=httpx.Timeout(10, read=0.1))


def test_threads_that_share_a_session_while_it_moves_send_from_leased_addresses_only(
    engine: StubEngine, site: Site
) -> None:
    with IPv6Session(socket=engine.path) as session:
        done = threading.Event()

        def visit() -> set[str]:
            seen = set()
            while not done.is_set():
                try:
                    seen.add(session.get(f"{site.url}/ip").text)
                except (httpx.TransportError, LeaseLost):
                    continue  # the session moved on under this request
            return seen

        with ThreadPoolExecutor(4) as threads:
            visits = [threads.submit(visit) for _ in range(4)]
            for _ in range(20):
                session.adapt()
            done.set()
            seen = set().union(*(future.result(10) for future in visits))
    assert seen <= set(ADDRS)
    assert set(site.peers) <= set(ADDRS)
    assert engine.pool.leases == {}


def test_sessions_at_once_hold_different_addresses(engine: StubEngine, site: Site) -> None:
    meeting = threading.Barrier(len(ADDRS))

    def visit(_: int) -> tuple[str, set[str]]:
        with IPv6Session(socket=engine.path) as session:
            meeting.wait(10)
            return session.addr, {session.get(f"{site.url}/ip").text for _ in range(5)}

    with ThreadPoolExecutor(len(ADDRS)) as threads:
        visits = list(threads.map(visit, range(len(ADDRS))))
    assert sorted(addr for addr, _ in visits) == sorted(ADDRS)
    assert all(seen == {addr} for addr, seen in visits)
    assert sorted(site.peers) == sorted(ADDRS)


@pytest.mark.parametrize("options", [{}, {"http2": True}, {"rotate": "request"}], ids=["http1", "http2", "rotating"])
def test_a_session_after_the_first_loads_no_authorities_and_does_not_connect_to_the_engine_again(
    engine: StubEngine, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What benchmarks/session.py times on the real engine."""
    with IPv6Session(socket=engine.path, **options):
        pass
    engine.asks.clear()
    monkeypatch.setattr(ssl, "create_default_context", None)
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", None)
    with IPv6Session(socket=engine.path, **options):
        assert [ask.path for ask in engine.asks] == ["/pick"]
    assert [(ask.path, ask.connection) for ask in engine.asks] == [("/pick", 1), ("/report", 1)]
