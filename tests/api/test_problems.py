"""Bad requests: each a problem document that says what to do, and nothing changed."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from ipv6console.api.limits import Limits
from tests.api.service import Service, serving, settings_in

pytestmark = pytest.mark.anyio

SLOW = 0.3
VALIDATION = {"type", "title", "status", "detail", "next", "errors"}


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("api")
    async with serving(settings_in(folder), folder, Limits(head_seconds=SLOW, body_seconds=SLOW)) as service:
        yield service


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "next"} <= set(document)
    assert document["status"] == status
    assert all(document[name] for name in ("type", "title", "detail", "next"))
    return document


@pytest.mark.parametrize(
    "dbname", ["../x", "..", ".hidden", "", "a" * 65, "a/b", "a b", "a\x00b", "ä", "task1\n", "a%2e"]
)
@pytest.mark.parametrize("path", ["/pick", "/picks", "/stats", "/leases", "/history", "/targets", "/addresses"])
async def test_a_careless_mirror_name_is_refused_and_no_mirror_is_made(
    service: Service, path: str, dbname: str
) -> None:
    async with service.over_ipv4() as client:
        before = (await client.get("/stats")).json()["mirrors"]
        document = problem(await client.get(path, params={"dbname": dbname}), 422)
        assert set(document) == VALIDATION
        assert "1 to 64" in document["next"]
        assert (await client.get("/stats")).json()["mirrors"] == before


@pytest.mark.parametrize("body", [{"dbname": "../x", "addr": "::1"}, {"dbname": 7, "addr": "::1"}])
async def test_a_careless_mirror_name_in_a_body_is_refused(service: Service, body: dict[str, Any]) -> None:
    async with service.over_ipv4() as client:
        assert "1 to 64" in problem(await client.post("/reset", json=body), 422)["next"]


@pytest.mark.parametrize("dbname", ["a", "-", "_", "A.b-c_9", "x" * 64])
async def test_every_mirror_name_within_the_rules_is_taken(service: Service, dbname: str) -> None:
    async with service.over_ipv4() as client:
        assert (await client.get("/pick", params={"dbname": dbname})).json()["dbname"] == dbname


@pytest.mark.parametrize("path", ["/picks", "/spawns"])
@pytest.mark.parametrize("num", ["0", "101", "-1", "text", "1e9", "", "1.5", "999999999999999999999"])
async def test_a_number_out_of_bounds_is_refused_with_the_bounds(service: Service, path: str, num: str) -> None:
    async with service.over_ipv4() as client:
        before = (await client.get("/stats")).json()["total_addrs"]
        document = problem(await client.get(path, params={"num": num}), 422)
        assert "from 1 to 100" in document["next"]
        assert document["errors"][0]["loc"] == ["query", "num"]
        assert (await client.get("/stats")).json()["total_addrs"] == before


@pytest.mark.parametrize("ttl", ["0", "-5", "nan", "inf", "soon"])
async def test_a_ttl_without_meaning_is_refused(service: Service, ttl: str) -> None:
    async with service.over_ipv4() as client:
        before = (await client.get("/leases")).json()["total"]
        problem(await client.get("/pick", params={"ttl": ttl}), 422)
        assert (await client.get("/leases")).json()["total"] == before


@pytest.mark.parametrize(
    "addr", ["nonsense", "192.0.2.7", "2001:db8::/64", "fe80::1%eth0", "", ":::", "2001:db8::1 ", "a" * 300]
)
@pytest.mark.parametrize("path", ["/check", "/checks", "/report", "/reports", "/reset", "/resets"])
async def test_what_is_no_ipv6_address_is_refused_everywhere(service: Service, path: str, addr: str) -> None:
    info = {"addr": addr, "status": "bad"}
    body = {"addr": addr, "addrs": [addr], "report_info": info, "report_infos": [info]}
    async with service.over_ipv4() as client:
        before = (await client.get("/stats?dbname=default")).json()
        problem(await client.post(path, json=body), 422)
        assert (await client.get("/stats?dbname=default")).json() == before


@pytest.mark.parametrize(
    ("addr", "kind"),
    [
        ("fe80::1", "link-local"),
        ("ff02::1", "multicast"),
        ("ff05::2", "multicast"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("fe80::1%eth0", "link-local"),
        ("2001:db8:0:1::1%eth0", "zone id"),
    ],
)
@pytest.mark.parametrize("path", ["/check", "/checks", "/report", "/reports", "/reset", "/resets"])
async def test_an_address_no_scraper_could_lease_is_called_what_it_is(
    service: Service, path: str, addr: str, kind: str
) -> None:
    info = {"addr": addr, "status": "bad"}
    body = {"addr": addr, "addrs": [addr], "report_info": info, "report_infos": [info]}
    async with service.over_ipv4() as client:
        before = (await client.get("/stats?dbname=default")).json()
        assert kind in problem(await client.post(path, json=body), 422)["detail"]
        assert (await client.get("/stats?dbname=default")).json() == before


async def test_an_ipv4_address_is_called_one(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert "IPv4" in problem(await client.post("/check", json={"addr": "192.0.2.7"}), 422)["detail"]


async def test_an_unknown_status_is_refused_with_those_there_are(service: Service) -> None:
    body = {"report_info": {"addr": "2001:db8:0:1::1", "status": "broken"}}
    async with service.over_ipv4() as client:
        assert "idle, using or bad" in problem(await client.post("/report", json=body), 422)["next"]


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{}", b"null", b'{"report_info": {}}'])
async def test_a_body_of_another_shape_is_refused_and_the_fields_are_named(service: Service, body: bytes) -> None:
    async with service.over_ipv4(content_type="application/json") as client:
        assert problem(await client.post("/report", content=body), 422)["errors"]


@pytest.mark.parametrize("body", [b'{"dbname": "task1", "report_', b"{", b"\xff\xfe", b'{"a": 1}}'])
async def test_truncated_json_is_refused_in_words(service: Service, body: bytes) -> None:
    async with service.over_ipv4(content_type="application/json") as client:
        answer = await client.post("/report", content=body)
    assert answer.status_code == 422
    document = problem(answer, answer.status_code)
    assert "JSON" in document["detail"] + document["next"] or "body" in document["detail"]


async def test_deeply_nested_json_is_refused(service: Service) -> None:
    async with service.over_ipv4(content_type="application/json") as client:
        answer = await client.post("/report", content=b"[" * 200_000)
    assert 400 <= answer.status_code < 500
    problem(answer, answer.status_code)


async def test_a_body_that_is_not_said_to_be_json_is_refused_with_the_header_to_send(service: Service) -> None:
    async with service.over_ipv4(content_type="application/x-www-form-urlencoded") as client:
        answer = await client.post("/check", content=b'{"addr": "2001:db8:0:1::1"}')
    assert "Content-Type: application/json" in problem(answer, 422)["next"]


@pytest.mark.parametrize(("path", "near"), [("/pik", "/pick"), ("/stat", "/stats"), ("/mirror/task1", "/mirrors")])
async def test_an_unknown_path_names_the_nearest(service: Service, path: str, near: str) -> None:
    async with service.over_ipv4() as client:
        assert near in problem(await client.get(path), 404)["next"]


async def test_a_path_unlike_any_points_to_the_docs(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert "/docs" in problem(await client.get("/zzzzzzzzzzzz"), 404)["next"]


async def test_another_method_is_refused_with_the_right_one(service: Service) -> None:
    async with service.over_ipv4() as client:
        answer = await client.get("/report")
    assert answer.headers["allow"] == "POST"
    assert "POST /report" in problem(answer, 405)["next"]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_bound_is_refused(shared_service: Service, *, declared: bool) -> None:
    async def chunks() -> Any:
        for _ in range(2048):
            yield b" " * 1024

    async with shared_service.over_ipv4(content_type="application/json") as client:
        answer = await client.post("/check", content=b" " * (2 << 20) if declared else chunks())
        assert "1 MiB" in problem(answer, 413)["next"]
        assert (await client.get("/health")).status_code == 200


async def received(client: socket.socket) -> bytes:
    def read() -> bytes:
        found = b""
        while chunk := client.recv(65536):
            found += chunk
        return found

    return await anyio.to_thread.run_sync(read)


def parsed(raw: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    return int(head.split(b" ")[1]), json.loads(body)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /stats HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /stats HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000,
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /stats HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(3000)) + b"\r\n",
        b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
    ],
    ids=["one long header", "a header without end", "a long path", "many headers", "a WebSocket's long header"],
)
async def test_headers_over_the_bound_are_refused(service: Service, head: bytes) -> None:
    with service.raw() as client:
        client.sendall(head)
        status, document = parsed(await received(client))
    assert status == document["status"] == 431
    assert "16 KiB" in document["next"]


async def test_what_is_not_http_is_refused(service: Service) -> None:
    with service.raw() as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        status, document = parsed(await received(client))
    assert status == 400
    assert "https" in document["next"]


@pytest.mark.parametrize(
    "start",
    [b"", b"GET /sta", b"\r\n", b"POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"],
    ids=["nothing", "half a request line", "an empty line", "half a body"],
)
async def test_a_sender_that_stops_midway_is_cut_off(service: Service, start: bytes) -> None:
    with service.raw() as client:
        client.sendall(start)
        with anyio.fail_after(5):
            answer = await received(client)
    status, document = parsed(answer)
    assert status == document["status"] == 408


async def test_a_connection_between_requests_is_not_cut_off_as_slow(service: Service) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with service.raw() as client:
        client.sendall(request)
        assert (await anyio.to_thread.run_sync(client.recv, 65536)).startswith(b"HTTP/1.1 200")
        with anyio.move_on_after(3 * SLOW):
            await anyio.Event().wait()
        client.sendall(request)
        assert (await anyio.to_thread.run_sync(client.recv, 65536)).startswith(b"HTTP/1.1 200")
