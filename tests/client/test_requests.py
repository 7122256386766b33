"""The session for requests, with the older system's names."""

from __future__ import annotations

import gc
import logging
import pickle
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import connection as urllib3_connection

from ipv6console.client import EngineUnreachable, LeaseLost, NoIPv6Address, PoolEmpty
from ipv6console.client.adapter import leased_adapter
from ipv6console.client.requests import AddrStatus, IPv6Session, IPv6SessionAdapter
from tests.client.conftest import ADDRS, SITE, SOON, Site, StubEngine

pytestmark = pytest.mark.privileged

FIRST, SECOND = ADDRS[:2]


@pytest.fixture
def session(engine: StubEngine) -> Iterator[IPv6Session]:
    with IPv6Session("task1", socket=engine.path) as session:
        yield session


def test_a_session_leases_when_it_is_made_and_sends_from_that_address(session: IPv6Session, site: Site) -> None:
    assert session.get(f"{site.url}/ip").text == FIRST
    assert (session.ip, session.addr) == (FIRST, FIRST)
    assert site.peers == [FIRST]


def test_the_older_constructor_still_works(engine: StubEngine) -> None:
    engine.listen(host="127.0.0.1", port=0)
    with IPv6Session(
        dbname="task1",
        server_url=f"http://127.0.0.1:{engine.port}",
        adapt_retry_interval=5,
        adapt_max_retries=15,
        headers={"User-Agent": "mine"},
        verbose=False,
    ) as session:
        assert session.ip == FIRST
        assert session.headers["User-Agent"] == "mine"
    assert engine.asks[0].query["dbname"] == "task1"


def test_the_lease_is_asked_for_with_the_host_it_is_to_visit(engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path, target="shop.example"):
        assert engine.asks[0].query["target"] == "shop.example"


def test_adapt_gives_back_and_takes_another_whose_connections_are_new(
    session: IPv6Session, engine: StubEngine, site: Site
) -> None:
    session.get(f"{site.url}/ip")
    assert session.adapt() is True
    assert [session.get(f"{site.url}/ip").text for _ in range(2)] == [SECOND, SECOND]
    assert site.peers == [FIRST, SECOND]
    assert engine.pool.leases == {"token-2": SECOND}


def test_verdicts_have_the_older_names(session: IPv6Session, engine: StubEngine) -> None:
    session.report(AddrStatus.USING)
    session.report_bad(target="shop.example", reason="captcha")
    session.adapt()
    session.report_idle()
    assert [(verdict["addr"], verdict["status"]) for verdict in engine.pool.verdicts] == [
        (FIRST, "using"),
        (FIRST, "bad"),
        (SECOND, "idle"),
    ]


def test_the_lease_is_given_back_by_close_and_nothing_is_sent_after(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path) as session:
        pass
    assert engine.pool.leases == {}
    with pytest.raises(LeaseLost, match="closed"):
        session.get(f"{site.url}/ip")
    assert site.asks == []


def test_a_session_that_is_forgotten_gives_its_lease_back(engine: StubEngine) -> None:
    session = IPv6Session(socket=engine.path)
    assert engine.pool.leases == {"token-1": FIRST}
    del session
    gc.collect()
    assert engine.pool.leases == {}


@pytest.mark.usefixtures("promptly")
def test_it_renews_its_lease_by_itself(engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path, ttl=SOON) as session:
        assert engine.renewed.acquire(timeout=30)
        assert session.ip == FIRST


def test_an_engine_that_is_down_and_a_pool_that_is_empty_are_two_exceptions(engine: StubEngine, tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable):
        IPv6Session(socket=tmp_path / "none")
    engine.pool.idle.clear()
    with pytest.raises(PoolEmpty):
        IPv6Session(socket=engine.path, adapt_max_retries=0)


def test_a_ttl_that_is_no_time_leaves_nothing_behind(engine: StubEngine) -> None:
    with pytest.raises(ValueError, match="ttl"):
        IPv6Session(socket=engine.path, ttl=0)
    assert engine.asks == []


def test_cookies_redirects_bodies_and_streams_work_as_in_requests(session: IPv6Session, site: Site) -> None:
    session.get(f"{site.url}/set-cookie")
    assert session.get(f"{site.url}/cookies").text == "flavour=oat"
    assert session.get(f"{site.url}/redirect", params={"to": "/ip"}).text == FIRST
    assert session.post(f"{site.url}/echo", data=b"body").content == b"body"
    with session.get(f"{site.url}/parts", stream=True) as response:
        assert b"".join(response.iter_content(4)) == b"onetwothree"
    assert set(site.peers) == {FIRST}


def test_tls_is_verified_as_in_requests(
    secure_site: Site, engine: StubEngine, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with IPv6Session(socket=engine.path) as session:
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"{secure_site.url}/ip")
        assert session.get(f"{secure_site.url}/ip", verify=str(certificate)).text == FIRST
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert session.get(f"{secure_site.url}/ip").text == FIRST
    assert set(secure_site.peers) == {FIRST}


def test_connection_errors_are_those_of_requests(session: IPv6Session, site: Site, closed_port: int) -> None:
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        session.get(f"http://[{SITE}]:{closed_port}/")
    with pytest.raises(requests.exceptions.RequestException, match="timed out"):
        session.get(f"{site.url}/hanging", timeout=(10, 0.1))
    with pytest.raises(requests.exceptions.ConnectionError, match="resolve"):
        session.get("http://no-such-host.invalid/")


def test_a_thread_that_is_reading_is_woken_when_the_session_moves_on(session: IPv6Session, site: Site) -> None:
    reading = threading.Event()

    def read() -> None:
        with session.get(f"{site.url}/hanging", stream=True) as response:
            parts = response.iter_content(3)
            next(parts)
            reading.set()
            next(parts)

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(read)
        assert reading.wait(10)
        session.adapt()
        with pytest.raises(requests.exceptions.RequestException):
            future.result(10)


def test_what_would_send_past_the_lease_is_refused(session: IPv6Session, site: Site) -> None:
    proxies = {"http": f"http://[{SITE}]:{site.port}"}
    with pytest.raises(TypeError, match="proxies"):
        session.get(f"{site.url}/ip", proxies=proxies)
    session.proxies = dict(proxies)
    with pytest.raises(TypeError, match="proxies"):
        session.get(f"{site.url}/ip")
    with pytest.raises(TypeError, match="max_retries"):
        session.mount("http://", HTTPAdapter())
    session.proxies = {}
    session.adapters["http://"] = HTTPAdapter()
    assert session.get(f"{site.url}/ip").text == FIRST
    with pytest.raises(requests.exceptions.InvalidSchema):
        session.get("ftp://shop.example/")
    with pytest.raises(TypeError, match="each process"):
        pickle.dumps(session)
    assert site.peers == [FIRST]


def test_retries_are_those_of_requests(engine: StubEngine, site: Site) -> None:
    with (
        IPv6Session(socket=engine.path, max_retries=2) as session,
        pytest.raises(requests.exceptions.ConnectionError),
    ):
        session.get(f"{site.url}/drop")
    assert site.peers == [FIRST] * 3


@pytest.mark.parametrize("verbose", [False, True])
def test_verbose_tells_each_address(engine: StubEngine, caplog: pytest.LogCaptureFixture, *, verbose: bool) -> None:
    with caplog.at_level(logging.WARNING, "ipv6console.client"), IPv6Session(socket=engine.path, verbose=verbose) as s:
        s.adapt()
    assert caplog.messages == ([f"leased {FIRST}", f"moved to {SECOND}"] if verbose else [])


def test_a_plain_session_is_bound_by_the_adapter_and_nothing_else_is(site: Site) -> None:
    family = urllib3_connection.allowed_gai_family
    with requests.Session() as session, requests.Session() as other:
        assert IPv6SessionAdapter.adapt(session, FIRST) is session
        assert session.get(f"{site.url}/ip").text == FIRST
        assert other.get(f"{site.url}/ip").text not in ADDRS
    assert urllib3_connection.allowed_gai_family is family


@pytest.mark.parametrize("ip", ["192.0.2.1", "shop.example", "", "2001:db8::/64", "::", "::ffff:192.0.2.1"])
def test_what_is_no_ipv6_address_is_refused(ip: str) -> None:
    with requests.Session() as session, pytest.raises(ValueError, match="to send from"):
        IPv6SessionAdapter.adapt(session, ip)


def test_an_adapter_that_was_there_for_some_urls_is_no_way_past_the_address(site: Site) -> None:
    with requests.Session() as session:
        session.mount(f"{site.url}/ip", requests.adapters.HTTPAdapter(max_retries=3))
        IPv6SessionAdapter.adapt(session, FIRST)
        assert session.get(f"{site.url}/ip").text == FIRST


def test_a_bound_plain_session_takes_no_proxy_and_no_ipv4(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.url)
    with requests.Session() as session:
        IPv6SessionAdapter.adapt(session, FIRST)
        assert session.get(f"{site.url}/ip").text == FIRST
        with pytest.raises(NoIPv6Address):
            session.get(f"http://127.0.0.1:{site.port}/ip")
        with pytest.raises(TypeError, match="proxies"):
            session.get(f"{site.url}/ip", proxies={"http": site.url})


def test_one_session_can_be_forced_to_one_family(site: Site) -> None:
    with requests.Session() as old, requests.Session() as new:
        old.trust_env = new.trust_env = False
        IPv6SessionAdapter.force_ipv4(old)
        IPv6SessionAdapter.force_ipv6(new)
        assert old.get(f"http://127.0.0.1:{site.port}/ip").text == "127.0.0.1"
        assert ":" in new.get(f"{site.url}/ip").text
        with pytest.raises(requests.exceptions.ConnectionError):
            old.get(f"{site.url}/ip")
        with pytest.raises(requests.exceptions.ConnectionError):
            new.get(f"http://127.0.0.1:{site.port}/ip")


def test_a_leased_session_cannot_be_forced_to_ipv4(session: IPv6Session) -> None:
    with pytest.raises(TypeError, match="past the lease"):
        IPv6SessionAdapter.force_ipv4(session)


def test_requests_is_loaded_by_those_who_import_this_module_only() -> None:
    def loaded(module: str) -> Any:
        script = f"import sys, {module}; print('requests' in sys.modules)"
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
        ).stdout.strip()

    assert loaded("ipv6console.client.requests") == "True"
    assert loaded("ipv6console.client.session, ipv6console.client.asession, ipv6console.client.lessor") == "False"


def test_a_lease_that_ends_while_it_is_connected_begins_no_tls(network: None) -> None:
    asked: list[None] = []

    def guard() -> None:
        if asked:
            raise LeaseLost(FIRST, "the gate is shut")
        asked.append(None)

    with socket.create_server(("::", 0), family=socket.AF_INET6) as listener, requests.Session() as session:
        session.trust_env = False
        session.mount("https://", leased_adapter(FIRST, guard))
        with pytest.raises(LeaseLost):
            session.get(f"https://[{SITE}]:{listener.getsockname()[1]}/", timeout=10)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(1) == b""


def test_connections_may_come_while_the_adapter_closes_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = leased_adapter(FIRST)
    pairs = [socket.socketpair() for _ in range(2)]
    late, ours = pairs[0][0], pairs[1][0]

    class Watched(weakref.WeakSet[socket.socket]):
        """To which another thread wants to add something while it is gone through."""

        def __iter__(self) -> Iterator[socket.socket]:
            for found in super().__iter__():
                threads.append(threading.Thread(target=adapter._note, args=(late,)))
                threads[-1].start()
                threads[-1].join(0.1)
                yield found

    threads: list[threading.Thread] = []
    monkeypatch.setattr(adapter, "_sockets", Watched([ours]))
    try:
        adapter.close()
        assert pairs[1][1].recv(1) == b""
    finally:
        for thread in threads:
            thread.join(10)
        for sock in (*pairs[0], *pairs[1]):
            sock.close()
