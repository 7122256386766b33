from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipv6console.client import AsyncIPv6Client, EngineRefused, EngineUnreachable, IPv6Client, Verdict, plain
from ipv6console.client import request as requests
from ipv6console.client import space as spaces
from ipv6console.client import subscriber as subscribers
from ipv6console.client.request import EngineRequest
from ipv6console.wire.event import EventFilter, EventLevel
from ipv6console.wire.importing import ImportedAddress, ImportRequest
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from ipv6console.wire.reply import PickReply
from ipv6console.wire.space import BindingRequest
from tests.client.conftest import ADDRS, Answer, Refusal, StubEngine

ADDR = ADDRS[0]

CALLS: list[tuple[EngineRequest[Any], str, dict[str, Any], Any]] = [
    (requests.stats(), "GET /stats", {}, None),
    (requests.mirror_stats("a"), "GET /stats", {"dbname": "a"}, None),
    (requests.spawn(), "GET /spawn", {}, None),
    (requests.spawns(3), "GET /spawns", {"num": 3}, None),
    (requests.pick(), "GET /pick", {"dbname": "default"}, None),
    (requests.pick("a", ttl=9.5, holder="me"), "GET /pick", {"dbname": "a", "ttl": 9.5, "holder": "me"}, None),
    (requests.pick(wait=7.5), "GET /pick", {"dbname": "default", "wait": 7.5}, None),
    (requests.pick(target="shop"), "GET /pick", {"dbname": "default", "target": "shop"}, None),
    (requests.picks(2, "a"), "GET /picks", {"dbname": "a", "num": 2}, None),
    (requests.picks(2, target="shop"), "GET /picks", {"dbname": "default", "num": 2, "target": "shop"}, None),
    (requests.check(ADDR), "POST /check", {}, {"addr": ADDR}),
    (requests.checks([ADDR]), "POST /checks", {}, {"addrs": [ADDR]}),
    (
        requests.report(ADDR, "bad", "a", lease="t", target="shop", reason="403"),
        "POST /report",
        {},
        {
            "dbname": "a",
            "report_info": {"addr": ADDR, "status": "bad", "lease": "t", "target": "shop", "reason": "403"},
        },
    ),
    (
        requests.reports([Verdict(addr=ADDR, status="idle")]),
        "POST /reports",
        {},
        {"dbname": "default", "report_infos": [{"addr": ADDR, "status": "idle"}]},
    ),
    (requests.reset(ADDR), "POST /reset", {}, {"dbname": "default", "addr": ADDR}),
    (requests.resets([ADDR], "a"), "POST /resets", {}, {"dbname": "a", "addrs": [ADDR]}),
    (requests.reset_all("a"), "POST /reset_all", {"dbname": "a"}, None),
    (requests.save(), "POST /save", {}, None),
    (requests.flush(), "POST /flush", {}, None),
    (requests.flush("a"), "POST /flush", {"dbname": "a"}, None),
    (requests.state(), "GET /state", {}, None),
    (requests.health(), "GET /health", {}, None),
    (requests.events(7, 5), "GET /events", {"since": 7, "limit": 5}, None),
    (
        requests.events(0, 5, EventFilter(level=EventLevel.WARNING, kind="prefix.", start=1.5), before=40),
        "GET /events",
        {"since": 0, "limit": 5, "before": 40, "level": "warning", "kind": "prefix.", "from": 1.5},
        None,
    ),
    (requests.address_changes(7), "GET /addresses/changes", {"since": 7}, None),
    (requests.prefix_story("2001:db8::/64", 5), "GET /prefixes/history", {"prefix": "2001:db8::/64", "limit": 5}, None),
    (requests.ndp_config("2001:db8::/64"), "GET /ndp/config", {"prefix": "2001:db8::/64"}, None),
    (requests.state_at(12.5), "GET /state", {"at": 12.5}, None),
    (requests.rewind(), "GET /rewind", {}, None),
    (requests.leases("a", cursor="c", limit=5), "GET /leases", {"dbname": "a", "cursor": "c", "limit": 5}, None),
    (requests.renew("t", 5.0), "POST /leases/t/renew", {}, {"ttl": 5.0}),
    (requests.release("t", "bad"), "DELETE /leases/t", {"status": "bad"}, None),
    (requests.mirror("a"), "GET /mirrors/a", {}, None),
    (requests.drain_mirror("a"), "POST /mirrors/a/drain", {}, {"draining": True}),
    (requests.drain_mirror("a", draining=False), "POST /mirrors/a/drain", {}, {"draining": False}),
    (requests.drain_prefix("2001:db8::/64"), "POST /prefixes/drain", {}, {"prefix": "2001:db8::/64", "draining": True}),
    (requests.mirror_settings("a"), "GET /mirrors/a/settings", {}, None),
    (
        requests.set_mirror("a", MirrorSettings(usable_num=5, check_urls=("https://echo.example",))),
        "PUT /mirrors/a/settings",
        {},
        {
            "usable_num": 5,
            "lease_ttl": None,
            "bad_cooldown": None,
            "max_leases_per_64": None,
            "check_urls": ["https://echo.example"],
        },
    ),
    (requests.addresses(), "GET /addresses", {"limit": 100}, None),
    (
        requests.addresses(prefix="2001:db8::/64", dbname="a", state="bad", cursor="c", limit=5),
        "GET /addresses",
        {"prefix": "2001:db8::/64", "dbname": "a", "state": "bad", "cursor": "c", "limit": 5},
        None,
    ),
    (requests.history(ADDR, at=12.5), "GET /history", {"addr": ADDR, "at": 12.5, "limit": 100}, None),
    (requests.targets("a", limit=5), "GET /targets", {"dbname": "a", "limit": 5}, None),
    (requests.tokens(), "GET /tokens", {}, None),
    (requests.create_token("ci", "scrape"), "POST /tokens", {}, {"name": "ci", "scope": "scrape"}),
    (
        requests.create_token("ci", "read", tenant="acme"),
        "POST /tokens",
        {},
        {"name": "ci", "scope": "read", "tenant": "acme"},
    ),
    (requests.revoke_token("ci"), "DELETE /tokens/ci", {}, None),
    (
        requests.import_pool(ImportRequest(addresses=(ImportedAddress(addr=ADDR, created_at=1.0),))),
        "POST /import",
        {},
        {"addresses": [{"addr": ADDR, "created_at": 1.0}], "mirrors": [], "prefix": ""},
    ),
    (
        requests.plan(PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(ADDR,))),
        "POST /plan",
        {},
        {"action": "revoke-addresses", "addrs": [ADDR], "radius": False, "release": True},
    ),
    (requests.apply(ApplyRequest(plan="p", reason="abuse")), "POST /apply", {}, {"plan": "p", "reason": "abuse"}),
    (requests.doctor("2001:db8::/64"), "GET /doctor", {"prefix": "2001:db8::/64"}, None),
    (requests.addresses(), "GET /addresses", {"limit": 100}, None),
    (
        requests.addresses(prefix="2001:db8::/64", dbname="a", state="bad", cursor="c", limit=5),
        "GET /addresses",
        {"prefix": "2001:db8::/64", "dbname": "a", "state": "bad", "cursor": "c", "limit": 5},
        None,
    ),
    (
        requests.history(ADDR, dbname="a", at=5.5, limit=7),
        "GET /history",
        {"addr": ADDR, "dbname": "a", "at": 5.5, "limit": 7},
        None,
    ),
    (requests.targets("a", cursor="5", limit=5), "GET /targets", {"dbname": "a", "cursor": "5", "limit": 5}, None),
    (requests.mirror_settings("a.b"), "GET /mirrors/a%2Eb/settings", {}, None),
    (
        requests.set_mirror("a", MirrorSettings(usable_num=5, check_urls=("http://c",))),
        "PUT /mirrors/a/settings",
        {},
        {
            "usable_num": 5,
            "lease_ttl": None,
            "bad_cooldown": None,
            "max_leases_per_64": None,
            "check_urls": ["http://c"],
        },
    ),
    (requests.tokens(), "GET /tokens", {}, None),
    (requests.create_token("ci", "scrape"), "POST /tokens", {}, {"name": "ci", "scope": "scrape"}),
    (requests.revoke_token("../ci"), "DELETE /tokens/%2E%2E%2Fci", {}, None),
    (
        requests.import_pool(
            ImportRequest(prefix="2001:db8::/64", addresses=(ImportedAddress(addr=ADDR, created_at=1.0),))
        ),
        "POST /import",
        {},
        {"prefix": "2001:db8::/64", "addresses": [{"addr": ADDR, "created_at": 1.0}], "mirrors": []},
    ),
    (spaces.spaces(), "GET /spaces", {}, None),
    (spaces.space("edge.1"), "GET /spaces/edge%2E1", {}, None),
    (
        spaces.create_space("edge", choice="first", quarantine=0.0),
        "POST /spaces",
        {},
        {"name": "edge", "choice": "first", "quarantine": 0.0, "description": ""},
    ),
    (spaces.remove_space("edge"), "DELETE /spaces/edge", {}, None),
    (spaces.ranges("edge"), "GET /ranges", {"space": "edge"}, None),
    (
        spaces.add_range("edge", "192.0.2.0/24"),
        "POST /ranges",
        {},
        {"space": "edge", "range": "192.0.2.0/24", "description": ""},
    ),
    (spaces.remove_range(4), "DELETE /ranges/4", {}, None),
    (spaces.reservations(), "GET /reservations", {}, None),
    (
        spaces.reserve("edge", "192.0.2.1", reason="gateway"),
        "POST /reservations",
        {},
        {"space": "edge", "range": "192.0.2.1", "reason": "gateway"},
    ),
    (spaces.unreserve(4), "DELETE /reservations/4", {}, None),
    (
        spaces.bind("edge", "rack1", "nic0", kind="mac", resource="02:00:00:00:00:01", tags=("a",), ttl=60.0),
        "POST /bindings",
        {},
        {
            "space": "edge",
            "instance": "rack1",
            "id": "nic0",
            "kind": "mac",
            "resource": "02:00:00:00:00:01",
            "tags": ["a"],
            "metadata": {},
            "ttl": 60.0,
        },
    ),
    (
        spaces.bind_all([BindingRequest(space="edge", instance="rack1", id="a", family=4)]),
        "POST /bindings/bulk",
        {},
        {
            "bindings": [
                {
                    "space": "edge",
                    "instance": "rack1",
                    "id": "a",
                    "kind": "custom:other",
                    "resource": "",
                    "family": 4,
                    "tags": [],
                    "metadata": {},
                }
            ]
        },
    ),
    (spaces.binding("edge", "2001:db8::1"), "GET /bindings/edge/2001%3Adb8%3A%3A1", {}, None),
    (
        spaces.bindings(tag="blue", cursor="c", limit=5),
        "GET /bindings",
        {"tag": "blue", "cursor": "c", "limit": 5},
        None,
    ),
    (spaces.release_binding("edge", "192.0.2.7"), "DELETE /bindings/edge/192%2E0%2E2%2E7", {}, None),
    (
        spaces.release_id("edge", "rack1", "a"),
        "DELETE /bindings",
        {"space": "edge", "instance": "rack1", "id": "a"},
        None,
    ),
    (
        spaces.binding_history("edge", instance="rack1", limit=5),
        "GET /bindings/history",
        {"space": "edge", "instance": "rack1", "limit": 5},
        None,
    ),
    (
        subscribers.subscribers(tenant="acme", state="active", text="2001:db8", cursor="c", limit=5),
        "GET /api/v1/network/subscribers",
        {"tenant": "acme", "state": "active", "text": "2001:db8", "cursor": "c", "limit": 5},
        None,
    ),
    (
        subscribers.create_subscriber("a@b", prefix_size=48, tenant="acme"),
        "POST /api/v1/network/subscribers",
        {},
        {"subscriber_id": "a@b", "assignment_mode": "pd", "prefix_size": 48, "tenant": "acme"},
    ),
    (subscribers.subscriber("a@b"), "GET /api/v1/network/subscribers/a%40b", {}, None),
    (
        subscribers.remove_subscriber("s1", tenant="acme"),
        "DELETE /api/v1/network/subscribers/s1",
        {"tenant": "acme"},
        None,
    ),
    (subscribers.subscriber_status("s1"), "GET /api/v1/network/subscribers/s1/ipv6/status", {}, None),
    (
        subscribers.subscriber_history("s1", limit=5),
        "GET /api/v1/network/subscribers/s1/ipv6/history",
        {"limit": 5},
        None,
    ),
    (subscribers.allocate_prefix("s1"), "POST /api/v1/network/subscribers/s1/ipv6/allocate", {}, {}),
    (
        subscribers.allocate_prefix("s1", prefix_size=48, netbox_pool_id=7, tenant="acme"),
        "POST /api/v1/network/subscribers/s1/ipv6/allocate",
        {"tenant": "acme"},
        {"prefix_size": 48, "netbox_pool_id": 7},
    ),
    (
        subscribers.activate_prefix("s1", username="joe", nas_ip="2001:db8::1", send_coa=True),
        "POST /api/v1/network/subscribers/s1/ipv6/activate",
        {},
        {"username": "joe", "nas_ip": "2001:db8::1", "send_coa": True},
    ),
    (subscribers.suspend_prefix("s1"), "POST /api/v1/network/subscribers/s1/ipv6/suspend", {}, None),
    (subscribers.resume_prefix("s1"), "POST /api/v1/network/subscribers/s1/ipv6/resume", {}, None),
    (
        subscribers.revoke_prefix("s1", send_disconnect=True, release_to_netbox=False),
        "POST /api/v1/network/subscribers/s1/ipv6/revoke",
        {},
        {"send_disconnect": True, "release_to_netbox": False},
    ),
    (subscribers.subscribers_report(tenant="acme"), "GET /api/v1/network/subscribers.csv", {"tenant": "acme"}, None),
    (subscribers.lifecycle_stats(tenant="acme"), "GET /api/v1/network/ipv6/stats", {"tenant": "acme"}, None),
    (
        subscribers.outbox(state="pending"),
        "GET /api/v1/network/outbox",
        {"state": "pending", "limit": 100},
        None,
    ),
    (
        subscribers.cancel_step("op-1", "the NAS is gone"),
        "POST /api/v1/network/outbox/op-1/cancel",
        {},
        {"reason": "the NAS is gone"},
    ),
    (subscribers.retry_step("op-1"), "POST /api/v1/network/outbox/op-1/retry", {}, None),
    (subscribers.leaks(), "GET /api/v1/network/leaks", {}, None),
]


@pytest.mark.parametrize(("request_", "line", "params", "json"), CALLS, ids=lambda value: str(value)[:40])
def test_each_call_asks_what_the_contract_says(
    request_: EngineRequest[Any], line: str, params: dict[str, Any], json: Any
) -> None:
    assert f"{request_.method} {request_.path}" == line
    assert dict(request_.params) == params
    assert request_.json == json


def test_every_description_of_a_request_is_a_method_of_both_clients() -> None:
    described = {
        name
        for module in (requests, spaces, subscribers)
        for name, member in inspect.getmembers(module, inspect.isfunction)
        if member.__module__ == module.__name__ and not name.startswith("_")
    }
    for client in (IPv6Client, AsyncIPv6Client):
        assert described <= set(dir(client))


def test_a_pick_that_waits_is_waited_for() -> None:
    assert requests.pick(wait=7.5).wait == 7.5
    assert requests.pick().wait == 0.0


@pytest.fixture
def client(engine: StubEngine) -> Iterator[IPv6Client]:
    with IPv6Client(socket=engine.path) as client:
        yield client


def test_a_call_returns_the_wire_document(client: IPv6Client) -> None:
    assert client.pick("a", ttl=60.0) == PickReply(
        success=True, addr=ADDR, dbname="a", lease="token-1", expires_at=1e9 + 60, ttl=60.0
    )


@pytest.mark.anyio
async def test_the_async_client_returns_the_same_document(engine: StubEngine) -> None:
    async with AsyncIPv6Client(socket=engine.path) as client:
        reply = await client.pick("a", ttl=60.0)
    assert reply == PickReply(success=True, addr=ADDR, dbname="a", lease="token-1", expires_at=1e9 + 60, ttl=60.0)


def test_a_method_shows_the_signature_and_words_of_its_endpoint(client: IPv6Client) -> None:
    assert client.pick.__name__ == "pick"
    assert client.pick.__doc__ == requests.pick.__doc__
    assert inspect.signature(client.pick) == inspect.signature(requests.pick)


def test_a_name_that_looks_like_a_path_stays_one_segment(client: IPv6Client, engine: StubEngine) -> None:
    for name in ("..", ".", "a/b", "a?b", "a%2e"):
        with pytest.raises(EngineRefused):
            client.mirror(name)
    assert [ask.path for ask in engine.asks] == [
        "/mirrors/%2E%2E",
        "/mirrors/%2E",
        "/mirrors/a%2Fb",
        "/mirrors/a%3Fb",
        "/mirrors/a%252e",
    ]


def test_a_problem_document_is_an_exception_with_its_parts(client: IPv6Client, engine: StubEngine) -> None:
    engine.refusal = Refusal(409, "Changed", "the set has changed", "plan again")
    with pytest.raises(EngineRefused, match=r"Changed: the set has changed \(plan again\)") as caught:
        client.stats()
    assert caught.value.problem.type == "refused"
    assert (caught.value.status, caught.value.title) == (409, "Changed")
    assert (caught.value.detail, caught.value.next) == ("the set has changed", "plan again")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"<html>bad gateway</html>", 502), "HTTP 502 Bad Gateway: <html>bad gateway</html>"),
        (Answer(b"", 404), "HTTP 404 Not Found: no explanation was given"),
        (Answer(b"<html>welcome</html>"), "not understood: GET /health"),
        (Answer(b'{"level": "ok"}'), "not understood: GET /health: Health.at: missing"),
    ],
)
def test_an_answer_of_something_else_than_an_engine_is_refused(
    client: IPv6Client, engine: StubEngine, monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    monkeypatch.setattr(engine, "answer", lambda _: answer)
    with pytest.raises(EngineRefused, match=words) as caught:
        client.health()
    assert "check that the URL or socket belongs to an ipv6console engine" in str(caught.value)


def test_an_engine_that_drops_the_connection_is_unreachable(
    client: IPv6Client, engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "answer", lambda _: None)
    with pytest.raises(EngineUnreachable, match="disconnected"):
        client.stats()


def test_an_engine_that_hangs_is_unreachable_after_the_timeout(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "answer", lambda _: Answer(parts=(b"{",), ends=False))
    with (
        IPv6Client(socket=engine.path, timeout=0.1) as client,
        pytest.raises(EngineUnreachable, match=r"no answer within 0\.1 s"),
    ):
        client.stats()


@pytest.mark.parametrize("stale", [False, True])
def test_a_socket_nobody_listens_on_is_unreachable(tmp_path: Path, stale: bool) -> None:
    path = tmp_path / "s"
    if stale:
        path.touch()
    with IPv6Client(socket=path) as client, pytest.raises(EngineUnreachable, match=f"socket {path}: .*refused|No such"):
        client.stats()


@pytest.mark.anyio
async def test_a_socket_nobody_listens_on_is_unreachable_for_the_async_client(tmp_path: Path) -> None:
    async with AsyncIPv6Client(socket=tmp_path / "s") as client:
        with pytest.raises(EngineUnreachable, match="ipv6console serve"):
            await client.stats()


def test_a_url_nobody_listens_on_is_named() -> None:
    with (
        IPv6Client("http://127.0.0.1:1") as client,
        pytest.raises(
            EngineUnreachable, match=r"no engine answers at http://127\.0\.0\.1:1: .*refused; start one with"
        ),
    ):
        client.stats()


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
def test_calls_to_the_engine_ignore_proxy_variables(
    monkeypatch: pytest.MonkeyPatch, engine: StubEngine, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    with IPv6Client(socket=engine.path) as client:
        assert client.pick(ttl=1.0).success


def test_calls_share_one_connection(client: IPv6Client, engine: StubEngine) -> None:
    for _ in range(3):
        client.pick(ttl=1.0)
    assert [ask.connection for ask in engine.asks] == [1, 1, 1]


def test_only_requests_that_make_the_engine_use_the_network_may_take_longer() -> None:
    assert {request.path for request, *_ in CALLS if request.slow} == {
        "/spawn",
        "/spawns",
        "/check",
        "/checks",
        "/doctor",
        "/import",
        "/api/v1/network/leaks",
    }


@pytest.mark.parametrize(
    ("cause", "step"),
    [
        (PermissionError(13, "Permission denied"), "join the group"),
        (TimeoutError("timed out"), "hangs or is overloaded"),
        (ConnectionRefusedError(111, "Connection refused"), "start one"),
    ],
)
def test_an_engine_that_is_not_reached_is_told_with_the_step_that_helps(
    monkeypatch: pytest.MonkeyPatch, engine: StubEngine, cause: OSError, step: str
) -> None:
    def refuse(*_: object) -> None:
        raise cause

    monkeypatch.setattr(plain, "_reached", refuse)
    with IPv6Client(socket=engine.path) as client, pytest.raises(EngineUnreachable, match=step) as caught:
        client.stats()
    assert caught.value.next in str(caught.value)


def test_a_queue_that_is_full_for_the_timeout_is_told_with_the_seconds_that_passed(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(plain, "_reached", refuse)
    with (
        IPv6Client(socket=engine.path, timeout=3.0) as client,
        pytest.raises(EngineUnreachable, match=r"no answer within 3 s"),
    ):
        client.pick(wait=60.0)
