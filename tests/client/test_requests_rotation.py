"""The session for requests, when it changes its address by itself."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from requests.auth import HTTPDigestAuth
from requests.exceptions import ConnectionError as RequestsConnectionError

from ipv6console.client import EngineUnreachable, LeaseLost, NoIPv6Address, PoolEmpty
from ipv6console.client.requests import IPv6Session
from tests.client.conftest import ADDRS, SITE, Site, StubEngine

pytestmark = pytest.mark.privileged

FIRST, SECOND, THIRD = ADDRS[:3]


def _verdict(addr: str, lease: int, **more: str) -> dict[str, str]:
    return {"addr": addr, "status": "idle", "lease": f"token-{lease}", **more}


def _bad(addr: str, lease: int, reason: str) -> dict[str, str]:
    return _verdict(addr, lease, status="bad", target=SITE, reason=reason)


def test_with_rotate_request_every_request_leaves_from_another_address(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        assert [session.get(f"{site.url}/ip").text for _ in range(3)] == list(ADDRS[:3])
        assert session.ip == THIRD
    assert engine.pool.verdicts == [_verdict(addr, lease) for lease, addr in enumerate(ADDRS[:3], 1)]


def test_with_a_number_an_address_serves_so_many_requests(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate=2) as session:
        assert [session.get(f"{site.url}/ip").text for _ in range(5)] == [FIRST, FIRST, SECOND, SECOND, THIRD]


def test_without_rotation_the_address_stays(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path) as session:
        assert session.get(f"{site.url}/status?code=429").text == FIRST
        assert session.get(f"{site.url}/ip").text == FIRST


def test_a_redirect_is_part_of_its_request(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        assert session.get(f"{site.url}/redirect", params={"to": "/ip"}).text == FIRST
        assert session.get(f"{site.url}/redirect", params={"to": "/ip"}).text == SECOND
    assert [ask.peer for ask in site.asks] == [FIRST, FIRST, SECOND, SECOND]


def test_a_redirect_that_the_caller_follows_is_a_request_of_its_own(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        first = session.get(f"{site.url}/redirect", params={"to": "/ip"}, allow_redirects=False)
        assert first.next is not None
        assert session.send(first.next).text == SECOND


def test_a_sign_in_that_asks_twice_does_so_from_one_address(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        assert session.get(f"{site.url}/digest", auth=HTTPDigestAuth("me", "hush")).text == FIRST
        assert session.get(f"{site.url}/ip").text == SECOND
    assert [(ask.path, ask.peer) for ask in site.asks] == [("/digest", FIRST), ("/digest", FIRST), ("/ip", SECOND)]


def test_what_a_hook_asks_is_a_request_of_its_own(engine: StubEngine, site: Site) -> None:
    seen = []

    def ask(response: requests.Response, **_: Any) -> None:
        if response.request.path_url == "/ip":
            seen.append(session.get(f"{site.url}/ip/2").status_code)

    site.pages["/ip/2"] = site.pages["/ip"]
    with IPv6Session(socket=engine.path, rotate="request") as session:
        assert session.get(f"{site.url}/ip", hooks={"response": ask}).text == FIRST
    assert seen == [200]
    assert [ask.peer for ask in site.asks] == [FIRST, SECOND]
    assert engine.pool.leases == {}


def test_a_blocking_status_ends_the_lease_with_host_and_reason_and_the_next_request_moves(
    engine: StubEngine, site: Site
) -> None:
    site.banned = {FIRST}
    with IPv6Session(socket=engine.path, rotate="blocked") as session:
        assert session.get(f"{site.url}/ban").status_code == 403
        assert engine.pool.verdicts == [_bad(FIRST, 1, "HTTP 403")]
        with pytest.raises(LeaseLost):
            _ = session.ip
        assert [session.get(f"{site.url}/ban").text for _ in range(2)] == [SECOND, SECOND]


def test_only_the_statuses_that_were_named_move_it(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate_on_status={503}) as session:
        assert session.get(f"{site.url}/status?code=403").text == FIRST
        assert session.get(f"{site.url}/status?code=503").text == FIRST
        assert session.get(f"{site.url}/ip").text == SECOND


def test_with_retries_a_blocked_request_is_sent_again_from_another_address(engine: StubEngine, site: Site) -> None:
    site.banned = {FIRST, SECOND}
    with IPv6Session(socket=engine.path, rotate="blocked", retries=2) as session:
        response = session.get(f"{site.url}/ban")
        assert (response.status_code, response.text) == (200, THIRD)
        assert engine.pool.verdicts == [_bad(FIRST, 1, "HTTP 403"), _bad(SECOND, 2, "HTTP 403")]


def test_when_the_retries_are_used_up_the_answer_is_the_callers(engine: StubEngine, site: Site) -> None:
    site.banned = set(ADDRS)
    with IPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
        assert session.get(f"{site.url}/ban").text == SECOND
    assert site.peers == [FIRST, SECOND]


def test_a_pool_that_has_run_empty_by_bans_says_so_and_nothing_more_is_sent(engine: StubEngine, site: Site) -> None:
    site.banned = set(ADDRS)
    with (
        IPv6Session(socket=engine.path, rotate="blocked", retries=99, adapt_max_retries=0) as session,
        pytest.raises(PoolEmpty),
    ):
        session.get(f"{site.url}/ban")
    assert site.peers == list(ADDRS)


def test_a_body_in_memory_is_sent_again_when_the_site_declined_it_and_any_other_is_not(
    engine: StubEngine, site: Site
) -> None:
    def body() -> Iterator[bytes]:
        yield b"once"

    site.banned = {FIRST, THIRD}
    with IPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
        assert session.post(f"{site.url}/ban", json={"a": 1}).text == SECOND
        session.adapt()
        assert session.put(f"{site.url}/ban", data=body()).status_code == 403
    assert [ask.json() for ask in site.asks if ask.method == "POST"] == [{"a": 1}] * 2
    assert [ask.body for ask in site.asks if ask.method == "PUT"] == [b"once"]


def test_a_post_that_the_site_may_have_done_is_not_sent_again(engine: StubEngine, site: Site) -> None:
    with IPv6Session(
        socket=engine.path, rotate_on_status={503}, rotate_on=(RequestsConnectionError,), retries=1
    ) as session:
        assert session.post(f"{site.url}/status?code=503", data=b"x").status_code == 503
        assert session.put(f"{site.url}/status?code=503", data=b"x").status_code == 503
        with pytest.raises(RequestsConnectionError):
            session.post(f"{site.url}/drop", data=b"x")
    assert [ask.method for ask in site.asks] == ["POST", "PUT", "PUT", "POST"]


def test_a_post_that_was_never_sent_is_sent_again(engine: StubEngine, site: Site, closed_port: int) -> None:
    with (
        IPv6Session(socket=engine.path, rotate_on=(RequestsConnectionError,), retries=2) as session,
        pytest.raises(RequestsConnectionError, match="refused"),
    ):
        session.post(f"http://[{SITE}]:{closed_port}/", data=b"x")
    assert [verdict["status"] for verdict in engine.pool.verdicts] == ["bad"] * 3


def test_an_exception_that_was_named_ends_the_lease_and_is_the_callers(
    engine: StubEngine, site: Site, closed_port: int
) -> None:
    with IPv6Session(socket=engine.path, rotate_on=(RequestsConnectionError,)) as session:
        with pytest.raises(RequestsConnectionError):
            session.get(f"http://[{SITE}]:{closed_port}/")
        assert session.get(f"{site.url}/ip").text == SECOND
    first = engine.pool.verdicts[0]
    assert {**first, "reason": ""} == _bad(FIRST, 1, "")
    assert first["reason"].startswith("ConnectionError ")


def test_what_the_session_itself_refuses_is_nobodys_ban(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate_on=(Exception,), retries=3) as session:
        with pytest.raises(NoIPv6Address):
            session.get("http://192.0.2.1/")
        assert session.ip == FIRST
    assert engine.pool.verdicts == [_verdict(FIRST, 1)]


def test_a_hook_that_raises_for_status_moves_it_too(engine: StubEngine, site: Site) -> None:
    def strict(response: requests.Response, **_: Any) -> None:
        response.raise_for_status()

    site.banned = {FIRST}
    with IPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
        session.hooks["response"].append(strict)
        assert session.get(f"{site.url}/ban").text == SECOND


def test_a_response_that_is_being_streamed_keeps_connection_and_address_until_it_is_read(
    engine: StubEngine, site: Site
) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        response = session.get(f"{site.url}/parts", stream=True)
        parts = response.iter_content(3)
        assert next(parts) == b"one"
        assert session.get(f"{site.url}/ip").text == SECOND
        assert engine.pool.leases["token-1"] == FIRST
        assert b"".join(parts) == b"twothree"
        assert "token-1" not in engine.pool.leases
    assert engine.pool.leases == {}


@pytest.mark.parametrize("path", ["/parts", "/hanging"])
def test_a_response_that_is_closed_early_gives_its_address_back(engine: StubEngine, site: Site, path: str) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        with session.get(f"{site.url}{path}", stream=True):
            assert session.get(f"{site.url}/ip").text == SECOND
            assert engine.pool.leases["token-1"] == FIRST
        assert "token-1" not in engine.pool.leases


def test_a_response_without_a_body_keeps_nothing(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        kept = session.get(f"{site.url}/set-cookie", stream=True)
        assert session.get(f"{site.url}/ip").text == SECOND
        assert "token-1" not in engine.pool.leases
        assert kept.content == b""


def test_a_response_that_is_forgotten_gives_its_address_back_with_the_next_request(
    engine: StubEngine, site: Site
) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        session.get(f"{site.url}/hanging", stream=True)
        gc.collect()
        assert session.get(f"{site.url}/ip").text == SECOND
        assert "token-1" not in engine.pool.leases


def test_an_open_response_keeps_its_session_alive(engine: StubEngine, site: Site) -> None:
    response = IPv6Session(socket=engine.path).get(f"{site.url}/parts", stream=True)
    gc.collect()
    assert response.content == b"onetwothree"
    assert engine.pool.leases == {"token-1": FIRST}
    del response
    gc.collect()
    assert engine.pool.leases == {}


def test_a_ban_seen_by_one_request_does_not_cut_another(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="blocked") as session:
        with session.get(f"{site.url}/hanging", stream=True) as response:
            parts = response.iter_content(3)
            assert next(parts) == b"one"
            site.banned = {FIRST}
            assert session.get(f"{site.url}/ban").status_code == 403
            assert session.get(f"{site.url}/ban").text == SECOND
            assert engine.pool.verdicts == []
        assert engine.pool.verdicts == [_bad(FIRST, 1, "HTTP 403")]


def test_closing_the_session_cuts_open_streams_and_gives_everything_back(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        response = session.get(f"{site.url}/hanging", stream=True)
        session.get(f"{site.url}/ip")
        assert len(engine.pool.leases) == 2
    assert engine.pool.leases == {}
    with pytest.raises(requests.exceptions.RequestException):
        list(response.iter_content())


def test_threads_rotate_side_by_side_and_every_lease_is_given_back_once(engine: StubEngine, site: Site) -> None:
    meeting = threading.Barrier(4)

    def visit(session: IPv6Session) -> list[str]:
        meeting.wait(10)
        return [session.get(f"{site.url}/ip").text for _ in range(10)]

    with IPv6Session(socket=engine.path, rotate="request") as session, ThreadPoolExecutor(4) as threads:
        visits = [future.result(30) for future in [threads.submit(visit, session) for _ in range(4)]]
    assert sum(len(seen) for seen in visits) == 40
    assert set(site.peers) <= set(ADDRS)
    assert engine.pool.leases == {}
    assert (
        len({verdict["lease"] for verdict in engine.pool.verdicts}) == len(engine.pool.verdicts) == engine.pool.picked
    )


def test_an_address_that_cannot_be_given_back_is_given_back_with_its_verdict_later(
    engine: StubEngine, site: Site
) -> None:
    site.banned = {FIRST}
    with IPv6Session(socket=engine.path, rotate="blocked") as session:
        response = session.get(f"{site.url}/ban", stream=True)
        engine.silent = True
        response.close()
        with pytest.raises(EngineUnreachable):
            session.get(f"{site.url}/ban")
        engine.silent = False
        assert session.get(f"{site.url}/ban").text == SECOND
    assert engine.pool.verdicts == [_bad(FIRST, 1, "HTTP 403"), _verdict(SECOND, 2)]


def test_a_request_that_is_not_prepared_is_refused_as_by_requests(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path) as session, pytest.raises(ValueError, match="PreparedRequests"):
        session.send(requests.Request("GET", f"{site.url}/ip"))  # type: ignore[arg-type] # the mistake under test


def test_rotations_that_mean_nothing_are_refused(engine: StubEngine) -> None:
    meaningless: tuple[dict[str, Any], ...] = ({"rotate": "often"}, {"rotate": 0}, {"retries": 1})
    for options in meaningless:
        with pytest.raises(ValueError, match="rotat"):
            IPv6Session(socket=engine.path, **options)
    assert engine.asks == []
