"""Sessions that change their address by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ipv6console.client import EngineUnreachable, IPv6Session, LeaseLost, NoIPv6Address, PoolEmpty
from ipv6console.client.hold import Ending
from ipv6console.client.rotation import harmless, rotation_from
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
        assert session.addr == THIRD
    assert engine.pool.verdicts == [_verdict(addr, lease) for lease, addr in enumerate(ADDRS[:3], 1)]


def test_with_a_number_an_address_serves_so_many_requests(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate=2) as session:
        assert [session.get(f"{site.url}/ip").text for _ in range(5)] == [FIRST, FIRST, SECOND, SECOND, THIRD]


def test_a_redirect_is_part_of_its_request(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="request", follow_redirects=True) as session:
        assert session.get(f"{site.url}/redirect", params={"to": "/ip"}).text == FIRST
        assert session.get(f"{site.url}/redirect", params={"to": "/ip"}).text == SECOND
    assert [ask.peer for ask in site.asks] == [FIRST, FIRST, SECOND, SECOND]


def test_a_pool_of_one_address_serves_a_rotating_session_too(engine: StubEngine, site: Site) -> None:
    del engine.pool.idle[1:]
    with IPv6Session(socket=engine.path, rotate="request", adapt_max_retries=0) as session:
        assert [session.get(f"{site.url}/ip").text for _ in range(2)] == [FIRST, FIRST]


def test_a_blocking_status_ends_the_lease_with_host_and_reason_and_the_next_request_moves(
    engine: StubEngine, site: Site
) -> None:
    site.banned = {FIRST}
    with IPv6Session(socket=engine.path, rotate="blocked") as session:
        assert session.get(f"{site.url}/ban").status_code == 403
        assert engine.pool.verdicts == [_bad(FIRST, 1, "HTTP 403")]
        with pytest.raises(LeaseLost):
            _ = session.addr
        assert session.get(f"{site.url}/ban").text == SECOND
        assert session.get(f"{site.url}/ban").text == SECOND


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
    assert engine.pool.verdicts[:2] == [_bad(FIRST, 1, "HTTP 403"), _bad(SECOND, 2, "HTTP 403")]


def test_when_the_retries_are_used_up_the_answer_is_the_callers(engine: StubEngine, site: Site) -> None:
    site.banned = set(ADDRS)
    with IPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
        assert session.get(f"{site.url}/ban").text == SECOND
    assert site.peers == [FIRST, SECOND]


def test_a_pool_that_has_run_empty_by_bans_says_so(engine: StubEngine, site: Site) -> None:
    site.banned = set(ADDRS)
    with (
        IPv6Session(socket=engine.path, rotate="blocked", retries=99, adapt_max_retries=0) as session,
        pytest.raises(PoolEmpty),
    ):
        session.get(f"{site.url}/ban")
    assert site.peers == list(ADDRS)


def test_a_body_in_memory_is_sent_again_when_the_site_declined_it(engine: StubEngine, site: Site) -> None:
    site.banned = {FIRST}
    with IPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
        assert session.post(f"{site.url}/ban", json={"a": 1}).text == SECOND
    assert [ask.json() for ask in site.asks] == [{"a": 1}] * 2


def test_a_body_that_cannot_be_had_again_is_not(engine: StubEngine, site: Site) -> None:
    def body() -> Iterator[bytes]:
        yield b"once"

    site.banned = {FIRST}
    with IPv6Session(socket=engine.path, rotate="blocked", retries=1) as session:
        assert session.put(f"{site.url}/ban", content=body()).status_code == 403
        assert session.get(f"{site.url}/ban").text == SECOND


def test_a_post_that_the_site_may_have_done_is_not_sent_again(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate_on_status={503}, retries=1) as session:
        assert session.post(f"{site.url}/status?code=503", content=b"x").status_code == 503
        assert session.put(f"{site.url}/status?code=503", content=b"x").status_code == 503
    assert [ask.method for ask in site.asks] == ["POST", "PUT", "PUT"]


def test_an_exception_that_was_named_ends_the_lease_and_is_the_callers(
    engine: StubEngine, site: Site, closed_port: int
) -> None:
    with IPv6Session(socket=engine.path, rotate_on=(httpx.ConnectError,)) as session:
        with pytest.raises(httpx.ConnectError):
            session.get(f"http://[{SITE}]:{closed_port}/")
        assert session.get(f"{site.url}/ip").text == SECOND
    assert engine.pool.verdicts[0] == _bad(FIRST, 1, "ConnectError [Errno 111] Connection refused")


def test_with_retries_a_request_that_met_an_exception_is_sent_again_if_that_is_harmless(
    engine: StubEngine, site: Site
) -> None:
    with IPv6Session(socket=engine.path, rotate_on=(httpx.RemoteProtocolError,), retries=2) as session:
        with pytest.raises(httpx.RemoteProtocolError):
            session.get(f"{site.url}/drop")
        with pytest.raises(httpx.RemoteProtocolError):
            session.post(f"{site.url}/drop", content=b"x")
    assert [(ask.method, ask.peer) for ask in site.asks] == [
        *(("GET", addr) for addr in ADDRS[:3]),
        ("POST", ADDRS[3]),
    ]


def test_what_the_session_itself_refuses_is_nobodys_ban(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate_on=(httpx.ConnectError,), retries=3) as session:
        with pytest.raises(NoIPv6Address):
            session.get("http://192.0.2.1/")
        assert session.addr == FIRST
    assert engine.pool.verdicts == [_verdict(FIRST, 1)]


def test_a_hook_that_raises_for_status_moves_it_too(engine: StubEngine, site: Site) -> None:
    site.banned = {FIRST}
    hooks: dict[str, Any] = {"response": [httpx.Response.raise_for_status]}
    with IPv6Session(socket=engine.path, rotate="blocked", retries=1, event_hooks=hooks) as session:
        assert session.get(f"{site.url}/ban").text == SECOND


def test_a_response_that_is_being_streamed_keeps_connection_and_address_until_it_is_closed(
    engine: StubEngine, site: Site
) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        with session.stream("GET", f"{site.url}/parts") as response:
            parts = response.iter_raw()
            assert next(parts) == b"one"
            assert session.get(f"{site.url}/ip").text == SECOND
            assert engine.pool.leases["token-1"] == FIRST
            assert b"".join(parts) == b"twothree"
        assert "token-1" not in engine.pool.leases
    assert engine.pool.leases == {}


def test_a_ban_seen_by_one_thread_does_not_cut_another(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="blocked") as session:
        with session.stream("GET", f"{site.url}/hanging") as response:
            parts = response.iter_raw()
            assert next(parts) == b"one"
            site.banned = {FIRST}
            assert session.get(f"{site.url}/ban").status_code == 403
            assert session.get(f"{site.url}/ban").text == SECOND
            assert engine.pool.verdicts == []
        assert engine.pool.verdicts == [_bad(FIRST, 1, "HTTP 403")]


def test_closing_the_session_cuts_open_streams_and_gives_everything_back(engine: StubEngine, site: Site) -> None:
    with IPv6Session(socket=engine.path, rotate="request") as session:
        response = session.send(session.build_request("GET", f"{site.url}/hanging"), stream=True)
        session.get(f"{site.url}/ip")
        assert len(engine.pool.leases) == 2
    assert engine.pool.leases == {}
    with pytest.raises(httpx.TransportError):
        list(response.iter_raw())


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
        response = session.send(session.build_request("GET", f"{site.url}/ban"), stream=True)
        engine.silent = True
        response.close()
        with pytest.raises(EngineUnreachable):
            session.get(f"{site.url}/ban")
        engine.silent = False
        assert session.get(f"{site.url}/ban").text == SECOND
    assert engine.pool.verdicts == [_bad(FIRST, 1, "HTTP 403"), _verdict(SECOND, 2)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rotate": "often"}, "'often'"),
        ({"rotate": True}, "True"),
        ({"rotate": 0}, "at least one"),
        ({"rotate": -1}, "at least one"),
        ({"retries": -1, "rotate": "blocked"}, "negative"),
        ({"retries": 1}, "rotate_on_status or rotate_on"),
        ({"retries": 1, "rotate": "request"}, "rotate_on_status or rotate_on"),
    ],
)
def test_rotations_that_mean_nothing_are_refused(engine: StubEngine, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        IPv6Session(socket=engine.path, **options)
    assert engine.asks == []


def test_blocked_means_403_and_429_if_nothing_else_is_said() -> None:
    assert rotation_from("blocked", None, (), 0).statuses == {403, 429}
    assert rotation_from("blocked", {503}, (), 0).statuses == {503}
    assert rotation_from("blocked", None, (httpx.ReadTimeout,), 0).statuses == set()
    assert rotation_from(None, None, (), 0).statuses == set()


def test_a_reason_is_one_short_line() -> None:
    ending = rotation_from(None, None, (OSError,), 0).of_error(OSError("a\nb " + 500 * "c"), "shop.example")
    assert ending == Ending(status="bad", target="shop.example", reason=("OSError a b " + 500 * "c")[:120])


@pytest.mark.parametrize(
    ("method", "declined", "replayable", "expected"),
    [
        ("GET", False, True, True),
        ("get", False, True, True),
        ("GET", False, False, False),
        ("POST", False, True, False),
        ("POST", True, True, True),
        ("POST", True, False, False),
        ("PATCH", False, True, False),
    ],
)
def test_a_request_is_repeated_only_if_doing_it_twice_changes_nothing(
    *, method: str, declined: bool, replayable: bool, expected: bool
) -> None:
    assert harmless(method, declined=declined, replayable=replayable) is expected
