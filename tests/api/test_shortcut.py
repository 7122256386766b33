"""Plain requests about one binding are answered with the bytes that the framework answers with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ipv6console.api.document import Document
from ipv6console.api.limits import LIMITS
from ipv6console.engine.spaces import Spaces
from tests.api.service import Service, serving, settings_in

pytestmark = pytest.mark.anyio

NIC = {"space": "edge", "instance": "rack1", "id": "nic0"}
FRAMEWORK = "?by=framework"
"""A query, which no plain request has, and which no endpoint minds."""


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("api")
    async with serving(settings_in(folder), folder, LIMITS, tokens={"reader": "read"}) as service:
        async with service.over_unix() as client:
            await client.post("/spaces", json={"name": "edge", "choice": "first", "quarantine": 0})
            await client.post("/ranges", json={"space": "edge", "range": "2001:db8:5::/64"})
            await client.post("/bindings", json={**NIC, "address": "2001:db8:5::17"})
        yield service


def said(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    headers = [(name, value) for name, value in answer.headers.items() if name != "date"]
    return answer.status_code, answer.content, headers


BODIES: list[Any] = [
    NIC,
    {**NIC, "kind": "pod", "resource": "web", "tags": ["a"], "metadata": {"a": "b"}, "ttl": 60, "family": 6},
    {**NIC, "address": None, "family": None, "ttl": None},
    {**NIC, "address": "2001:db8:5::18"},
    {**NIC, "id": ""},
    {**NIC, "id": "ä"},
    {**NIC, "id": "\ud800"},
    {**NIC, "space": "none"},
    {**NIC, "kind": "car", "id": "new"},
    {**NIC, "ttl": -1, "id": "new"},
    {**NIC, "ttl": "long", "id": "new"},
    {**NIC, "ttl": True, "id": ""},
    {**NIC, "family": 5, "id": "new"},
    {**NIC, "family": 6.0},
    {**NIC, "tags": "a"},
    {**NIC, "tags": [1]},
    {**NIC, "metadata": {"a": 1}},
    {**NIC, "metadata": None},
    {**NIC, "unknown": 1},
    {"space": "edge"},
    [NIC],
    None,
    "text",
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: json.dumps(body)[-60:])
async def test_a_binding_is_made_or_refused_alike_both_ways(service: Service, body: Any) -> None:
    content = json.dumps(body).encode()
    async with service.over_unix(content_type="application/json") as client:
        await client.post(f"/bindings{FRAMEWORK}", content=content)
        ways = [await client.post(path, content=content) for path in ("/bindings", f"/bindings{FRAMEWORK}")]
    assert said(ways[0]) == said(ways[1])


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"space": NaN}', b"\xff", b'{"ttl": 1e999, "space": "edge"}', b"[" * 9_999]
)
async def test_what_is_no_document_is_refused_alike(service: Service, content: bytes) -> None:
    async with service.over_unix(content_type="application/json") as client:
        ways = [await client.post(path, content=content) for path in ("/bindings", f"/bindings{FRAMEWORK}")]
    assert said(ways[0]) == said(ways[1])
    assert ways[0].status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/bindings/edge/2001:db8:5::17",
        "/bindings/edge/2001%3Adb8%3A5%3A%3A17",
        "/bindings/edge/2001:db8:5::99",
        "/bindings/none/2001:db8:5::17",
        "/bindings/edge/192.0.2.0%2F24",
        "/bindings/edge/%2001",
        "/bindings/edge/",
        "/bindings/edge/a/b",
        "/bindings/edge/" + "a" * 201,
        "/bindings//2001:db8:5::17",
        "/bindings/ä/2001:db8:5::17",
    ],
)
async def test_one_is_shown_alike_both_ways(service: Service, path: str) -> None:
    async with service.over_unix() as client:
        ways = [await client.get(path), await client.get(path + FRAMEWORK)]
        assert said(ways[0]) == said(ways[1])
        if ways[0].status_code != 200:
            ways = [await client.delete(path), await client.delete(path + FRAMEWORK)]
            assert said(ways[0]) == said(ways[1])


async def test_what_is_plain_takes_the_shortcut_and_one_released_is_gone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("ipv6console.api.shortcut.Document", noting(Document, asked))
    async with service.over_unix() as client:
        made = (await client.post("/bindings", json={**NIC, "id": "nic1", "tags": ["a"]})).json()["binding"]
        path = f"/bindings/edge/{made['address']}"
        assert (await client.get(path)).json() == made
        released = (await client.delete(path)).json()
        assert (released["count"], released["sample"]) == (1, [made])
        assert (await client.get(path)).status_code == 404
    assert asked == ["BindingReply", "BindingRow", "BindingReleased"]


def noting(document: Any, asked: list[str]) -> Any:
    def noted(content: Any) -> Any:
        asked.append(type(content).__name__)
        return document(content)

    return noted


async def test_who_may_only_read_is_refused_alike(service: Service) -> None:
    async with service.over_ipv4(authorization=f"Bearer {service.tokens['reader']}") as client:
        assert (await client.get("/bindings/edge/2001:db8:5::17")).status_code == 200
        for method, path in (("POST", "/bindings"), ("DELETE", "/bindings/edge/2001:db8:5::17")):
            ways = [await client.request(method, path + query, json=NIC) for query in ("", FRAMEWORK)]
            assert [way.status_code for way in ways] == [403, 403]
            assert said(ways[0]) == said(ways[1])


async def test_a_mistake_of_the_engine_is_answered_with_a_problem(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(service.engine.spaces, "binding", broken)
    assert isinstance(service.engine.spaces, Spaces)
    async with service.over_unix() as client:
        ways = [await client.get(f"/bindings/edge/2001:db8:5::17{query}") for query in ("", FRAMEWORK)]
    assert [way.status_code for way in ways] == [500, 500]
    assert said(ways[0]) == said(ways[1])
