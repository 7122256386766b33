"""Bearer tokens."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from ipv6console.api.access import Access
from ipv6console.api.limits import LIMITS
from ipv6console.api.peer import Peer
from ipv6console.config import EngineSettings
from ipv6console.engine.caller import Caller, Grant, Scope
from tests.api.service import TESTER, Service, serving, settings_in

pytestmark = pytest.mark.anyio


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def made(service: Service, name: str, scope: str) -> str:
    async with service.over_unix() as client:
        answer = await client.post("/tokens", json={"name": name, "scope": scope})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    secret: str = answer.json()["token"]
    return secret


@asynccontextmanager
async def watching(service: Service, secret: str, path: str = "/events") -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{service.ports[0]}{path}"
    async with connect(url, compression=None, proxy=None, additional_headers=bearer(secret)) as watcher:
        yield watcher


async def drained(watcher: ClientConnection) -> None:
    while True:
        await watcher.recv()


async def test_a_token_lets_loopback_do_what_it_says(service: Service) -> None:
    secret = await made(service, "ops", "operate")
    async with service.over_ipv4() as client:
        assert (await client.post("/flush")).status_code == 403
        assert (await client.post("/flush", headers=bearer(secret))).status_code == 200


async def test_who_shows_a_token_may_do_no_more_than_it_says(service: Service) -> None:
    secret = await made(service, "grafana", "read")
    for over in (service.over_ipv4, service.over_unix):
        async with over() as client:
            assert (await client.get("/state", headers=bearer(secret))).status_code == 200
            answer = await client.get("/pick", headers=bearer(secret))
        assert answer.status_code == 403
        assert "grafana" in answer.json()["detail"]
        assert "token create" in answer.json()["next"]


async def test_a_token_names_the_holder_of_what_it_picks(service: Service) -> None:
    secret = await made(service, "scraper-1", "scrape")
    async with service.over_ipv4() as client:
        await client.get("/pick", headers=bearer(secret))
        await client.get("/pick?holder=root", headers=bearer(secret))
        await client.get("/pick?holder=unix+pid+1+uid+0")
        rows = (await client.get("/leases")).json()["leases"]
    token = "token scraper-1 from 127.0.0.1"
    assert [(row["holder"], row["process"]) for row in rows] == [
        (token, token),
        ("root", token),
        ("unix pid 1 uid 0", None),
    ]


async def test_tokens_are_listed_and_revoked_by_name_without_their_secret(service: Service) -> None:
    secret = await made(service, "laptop", "read")
    async with service.over_unix() as client:
        await client.get("/stats", headers=bearer(secret))
        listed = await client.get("/tokens")
        [row] = listed.json()["tokens"]
        assert (row["name"], row["scope"]) == ("laptop", "read")
        assert row["created_by"].startswith("unix pid ")
        assert row["last_used_at"] >= row["created_at"]
        revoked = await client.delete("/tokens/laptop")
        assert revoked.json()["name"] == "laptop"
        assert secret not in listed.text + revoked.text
        assert (await client.get("/tokens")).json()["tokens"] == []
        assert (await client.delete("/tokens/laptop")).status_code == 404
        assert (await client.get("/stats", headers=bearer(secret))).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scope": "read"},
        {"name": "a b", "scope": "read"},
        {"name": "x" * 65, "scope": "read"},
        {"name": "a", "scope": "root"},
        {"scope": "read"},
    ],
)
async def test_a_careless_token_is_refused_and_not_made(shared_service: Service, body: dict[str, Any]) -> None:
    async with shared_service.over_unix() as client:
        answer = await client.post("/tokens", json=body)
        assert answer.status_code == 422
        assert answer.json()["next"]
        assert (await client.get("/tokens")).json()["tokens"] == []


@pytest.mark.parametrize(
    "shown",
    ["Bearer mistyped", "Bearer", "Basic dXNlcjpwYXNz", "ipv6c_mistyped", "Bearer \xe4", "Bearer " + "x" * 5000],
)
async def test_a_wrong_token_is_a_401_that_says_what_to_do(shared_service: Service, shown: str) -> None:
    for over in (shared_service.over_ipv4, shared_service.over_unix):
        async with over() as client:
            answer = await client.get("/stats", headers={b"Authorization": shown.encode("latin-1")})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="ipv6console", error="invalid_token"'
        assert answer.headers["content-type"] == "application/problem+json"
        assert "ipv6console token create" in answer.json()["next"]
        assert "mistyped" not in answer.text


async def test_a_websocket_is_opened_by_a_token_and_refused_with_a_wrong_one(service: Service) -> None:
    secret = await made(service, "watcher", "read")
    async with watching(service, secret, "/stream") as watcher:
        assert json.loads(await watcher.recv())["type"] == "state"
    with pytest.raises(InvalidStatus) as refusal:
        async with watching(service, "wrong"):
            pass
    assert refusal.value.response.status_code == 401
    assert "Bearer" in refusal.value.response.headers["www-authenticate"]


async def test_revoking_a_token_ends_what_it_watches_and_nothing_else(service: Service) -> None:
    first, second = await made(service, "first", "read"), await made(service, "second", "read")
    async with watching(service, first) as sent_away, watching(service, second) as staying:
        await service.register.reaches(2)
        async with service.over_unix() as client:
            await client.delete("/tokens/first")
        with pytest.raises(ConnectionClosedError) as closed, anyio.fail_after(5):
            await drained(sent_away)
        await service.register.reaches(1)
        with anyio.fail_after(5):
            while "token.revoked" not in str(await staying.recv()):
                pass
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_token_is_in_no_log_state_event_or_problem(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "ipv6console")
    secret = await made(service, "secret-keeper", "read")
    async with service.over_ipv4(**bearer(secret)) as client:
        texts = [
            (await client.get(path)).text
            for path in ("/state", "/health", "/events?limit=1000", "/pick", "/tokens", "/nothing", "/stats?dbname=..")
        ]
    async with watching(service, secret, "/stream") as watcher:
        texts.append(str(await watcher.recv()))
    async with service.over_unix() as client:
        await client.delete("/tokens/secret-keeper")
        texts.append((await client.get("/stats", headers=bearer(secret))).text)
    assert "secret-keeper" in "".join(texts)
    assert secret not in "".join(texts)
    assert secret not in caplog.text


async def test_the_page_of_another_site_is_refused_also_with_a_token(service: Service) -> None:
    secret = await made(service, "laptop", "operate")
    async with service.over_ipv4(Origin="http://evil.example", **bearer(secret)) as client:
        assert (await client.get("/stats")).status_code == 403


async def test_with_a_token_the_host_may_have_any_name(service: Service) -> None:
    secret = await made(service, "laptop", "read")
    async with service.over_ipv4(Host="edge1.example:16000", **bearer(secret)) as client:
        assert (await client.get("/stats")).status_code == 200


async def test_tokens_survive_a_restart(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        secret = await made(service, "laptop", "read")
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service, service.over_ipv4() as client:
        assert (await client.get("/stats", headers=bearer(secret))).status_code == 200


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_the_engine_keeps_the_digest_of_a_token_and_the_token_nowhere(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        secret = await made(service, "laptop", "read")
        async with service.over_ipv4() as client:
            await client.get("/pick", headers=bearer(secret))
    kept = everything_in(tmp_path)
    digest = sha256(secret.encode())
    assert secret.encode() not in kept
    assert digest.digest() in kept or digest.hexdigest().encode() in kept


async def test_loopback_may_be_given_reading_alone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, loopback_scope="read")
    async with serving(settings, tmp_path, LIMITS) as service, service.over_ipv4() as client:
        assert (await client.get("/state")).status_code == 200
        answer: httpx.Response = await client.get("/pick")
    assert answer.status_code == 403
    assert 'loopback_scope = "scrape"' in answer.json()["next"]
    assert "Use the Unix socket: ipv6console pick, or curl" in answer.json()["next"]


def test_a_stranger_on_the_unix_socket_may_show_a_token() -> None:
    scopes = frozenset({Scope.READ})
    access = Access(
        EngineSettings(), owner=1000, find_token=lambda secret: Grant("guest", scopes) if secret == "s" else None
    )
    scope = {
        "headers": [(b"host", b"localhost"), (b"authorization", b"bearer s")],
        "state": {"peer": Peer(7, 4321, frozenset({4321}), "curl")},
        "client": None,
        "server": ("/run/engine.sock", None),
    }
    caller = access.admit(scope)
    assert caller == Caller("token guest from pid 7 uid 4321 curl", scopes, pid=7, uid=4321, token="guest")
    assert TESTER.token is None
