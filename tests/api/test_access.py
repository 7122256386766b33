"""Who may do what, from where."""

from __future__ import annotations

import grp
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ipv6console.api.access import Access, Unauthenticated
from ipv6console.api.limits import LIMITS
from ipv6console.api.peer import Peer
from ipv6console.config import EngineSettings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.errors import Forbidden
from tests.api.service import OURSELVES, Service, serving, settings_in

pytestmark = pytest.mark.anyio

OPERATORS_ACTS = [
    ("POST", "/flush", None),
    ("POST", "/flush?dbname=task1", None),
    ("POST", "/plan", {"action": "flush-pool"}),
    ("POST", "/apply", {"plan": "p"}),
    ("POST", "/mirrors/task1/drain", {"draining": True}),
    ("POST", "/prefixes/drain", {"prefix": "2001:db8:0:1::/64"}),
]
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def refused(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 403, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == "forbidden"
    assert document["next"]
    return document


@pytest.mark.parametrize(("method", "path", "body"), OPERATORS_ACTS)
async def test_over_loopback_an_operators_act_is_refused_and_the_open_way_named(
    shared_service: Service, method: str, path: str, body: dict[str, Any] | None
) -> None:
    for over in (shared_service.over_ipv4, shared_service.over_ipv6):
        async with over() as client:
            document = refused(await client.request(method, path, json=body))
        assert str(shared_service.path) in document["next"]
        assert "ipv6console " in document["next"]


async def test_over_loopback_scraping_and_reading_are_allowed(shared_service: Service) -> None:
    for over in (shared_service.over_ipv4, shared_service.over_ipv6):
        async with over() as client:
            assert (await client.get("/state")).status_code == 200
            assert (await client.get("/pick")).json()["success"] is True


async def test_the_setting_lets_loopback_operate(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, loopback_scope="operate")
    async with serving(settings, tmp_path, LIMITS) as service, service.over_ipv4() as client:
        assert (await client.post("/flush")).status_code == 200


async def test_a_caller_is_named_by_its_listener(shared_service: Service) -> None:
    async with shared_service.over_ipv4() as four, shared_service.over_ipv6() as six, shared_service.over_unix() as own:
        for client in (four, six, own):
            await client.get("/pick?dbname=names")
        holders = [row["holder"] for row in (await own.get("/leases?dbname=names")).json()["leases"]]
    assert sorted(holders) == ["tcp 127.0.0.1", "tcp ::1", f"unix {OURSELVES}"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:16000", "192.0.2.1", "localhost.evil.example", "[::2]:1"]
)
@pytest.mark.parametrize("path", ["/pick", "/docs", "/openapi.json", "/nothing"])
async def test_a_foreign_host_is_refused(shared_service: Service, host: str, path: str) -> None:
    async with shared_service.over_ipv4(Host=host) as client:
        assert "localhost" in refused(await client.get(path))["next"]


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "LOCALHOST:80", "127.0.0.1:9", "[::1]", "[0:0::1]:16000"])
async def test_every_name_of_loopback_is_taken(shared_service: Service, host: str) -> None:
    async with shared_service.over_ipv4(Host=host) as client:
        assert (await client.get("/health")).status_code == 200


async def test_a_request_without_a_host_is_refused(shared_service: Service) -> None:
    with shared_service.raw() as client:
        client.sendall(b"GET /pick HTTP/1.0\r\n\r\n")
        answer = await anyio.to_thread.run_sync(client.recv, 65536)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"The Host header is missing" in answer


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://localhost", "http://localhost:3000", "null", "file://"]
)
async def test_a_page_of_another_site_is_refused(shared_service: Service, origin: str) -> None:
    for over in (shared_service.over_ipv4, shared_service.over_unix):
        async with over(Origin=origin) as client:
            refused(await client.get("/pick"))
            refused(await client.get("/stream", headers=WEBSOCKET))


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_an_image_or_link_on_another_page_is_refused(shared_service: Service, site: str) -> None:
    async with shared_service.over_ipv4(Sec_Fetch_Site=site) as client:
        refused(await client.get("/pick"))


async def test_the_engines_own_page_may_call_it(shared_service: Service) -> None:
    async with shared_service.over_ipv4() as client:
        headers = {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        assert (await client.get("/pick", headers=headers)).status_code == 200
        assert (await client.get("/docs", headers={"Sec-Fetch-Site": "none"})).status_code == 200


@pytest.mark.parametrize("path", ["/stream", "/events"])
async def test_a_websocket_with_a_foreign_host_is_refused(shared_service: Service, path: str) -> None:
    async with shared_service.over_ipv4(Host="evil.example") as client:
        refused(await client.get(path, headers=WEBSOCKET))


async def test_a_forwarded_address_is_not_believed(shared_service: Service) -> None:
    async with shared_service.over_ipv4(X_Forwarded_For="192.0.2.9", Forwarded="for=192.0.2.9") as client:
        await client.get("/pick?dbname=forwarded")
        holders = [row["holder"] for row in (await client.get("/leases?dbname=forwarded")).json()["leases"]]
    assert holders == ["tcp 127.0.0.1"]


async def curl_as(path: Path, *identity: str, url: str = "http://localhost/plan") -> tuple[int, dict[str, Any]]:
    """Return status and answer of a POST by another process with that identity (setpriv(1))."""
    body = ("-H", "content-type: application/json", "-d", '{"action": "flush-pool"}')
    command: Sequence[str] = (
        "setpriv", *identity, "curl", "-sS", "--max-time", "10", "-w", "\n%{http_code}", "--unix-socket", str(path), *body, url,
    )  # fmt: skip
    done = await anyio.run_process(command, check=False, cwd="/")
    text, _, status = done.stdout.decode().rpartition("\n")
    assert done.returncode == 0, done.stderr.decode()
    return int(status), json.loads(text)


@pytest.fixture
def doorway() -> Iterator[Path]:
    """Return a folder every user may enter, as /run/ipv6console is; pytest keeps its own to itself, at every start anew."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.privileged
async def test_another_uid_cannot_open_the_socket(doorway: Path) -> None:
    async with serving(settings_in(doorway), doorway, LIMITS) as service:
        command = (
            "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "curl", "-sS", "--unix-socket", str(service.path),
            "http://localhost/health",
        )  # fmt: skip
        done = await anyio.run_process(command, check=False, cwd="/", stderr=subprocess.PIPE)
    assert done.returncode == 7
    assert b"denied" in done.stderr.lower() or b"connect" in done.stderr.lower()


@pytest.mark.privileged
@pytest.mark.parametrize("uid", ["65534", "12345"])
async def test_another_uid_on_an_open_socket_is_told_apart_and_refused(doorway: Path, uid: str) -> None:
    async with serving(settings_in(doorway), doorway, LIMITS) as service:
        service.path.chmod(0o666)
        status, document = await curl_as(service.path, "--reuid", uid, "--regid", uid, "--clear-groups")
    assert status == 403
    assert f"uid {uid}" in document["detail"]
    assert "root" in document["next"]


@pytest.mark.privileged
async def test_a_member_of_the_configured_group_may_operate(doorway: Path) -> None:
    group = grp.getgrnam("games")
    async with serving(settings_in(doorway, group="games"), doorway, LIMITS) as service:
        assert service.path.stat().st_gid == group.gr_gid
        for identity in (("--groups", str(group.gr_gid)), ("--regid", str(group.gr_gid), "--clear-groups")):
            status, document = await curl_as(service.path, "--reuid", "12345", *identity)
            assert (status, document.get("action")) == (200, "flush-pool")


@pytest.mark.privileged
async def test_root_may_operate(doorway: Path) -> None:
    async with serving(settings_in(doorway), doorway, LIMITS) as service:
        status, _ = await curl_as(service.path, "--reuid", "0", "--clear-groups")
    assert status == 200


def scope(**over: Any) -> dict[str, Any]:
    return {
        "headers": [(b"host", b"localhost")],
        "state": {},
        "client": ("127.0.0.1", 4000),
        "server": ("127.0.0.1", 16000),
    } | over


@pytest.mark.parametrize("client", ["192.0.2.7", "2001:db8::7", "fe80::1", "::ffff:192.0.2.7"])
def test_a_caller_from_another_host_is_refused(client: str) -> None:
    with pytest.raises(Unauthenticated, match="need a token"):
        Access(EngineSettings()).admit(scope(client=(client, 4000)))


def test_an_unmapped_user_is_refused_even_as_owner() -> None:
    peer = Peer(1, 65534, frozenset({65534}))
    with pytest.raises(Forbidden, match="uid 65534"):
        Access(EngineSettings(), owner=65534).admit(scope(state={"peer": peer}, client=None))


def test_the_owner_of_the_socket_may_operate() -> None:
    caller = Access(EngineSettings(), owner=1000).admit(
        scope(state={"peer": Peer(7, 1000, frozenset({1000}))}, client=None, server=("/run/engine.sock", None))
    )
    assert caller == Caller("unix pid 7 uid 1000", frozenset(Scope), pid=7, uid=1000)


def test_a_listed_address_is_a_host_name_of_this_engine() -> None:
    access = Access(EngineSettings(listen=("127.0.0.2:16000",)))
    headers = [(b"host", b"127.0.0.2:16000")]
    assert access.admit(scope(headers=headers)).label == "tcp 127.0.0.1"


@pytest.mark.parametrize(
    ("act", "way"),
    [
        ("PUT /mirrors/task1/settings", "ipv6console mirror set, or curl"),
        ("POST /mirrors/task1/drain", "ipv6console drain, or curl"),
        ("POST /notify/test", "ipv6console notify test, or curl"),
        ("GET /stats?dbname=task1", "curl"),
        ("DELETE /leases/1-0-R", "curl"),
    ],
)
def test_a_refusal_names_the_command_that_does_the_act_if_there_is_one(act: str, way: str) -> None:
    with pytest.raises(Forbidden) as refused:
        Access(EngineSettings()).require(Caller("tcp 127.0.0.1", frozenset({Scope.READ})), Scope.OPERATE, act)
    assert refused.value.next.startswith(f"Use the Unix socket: {way} --unix-socket ")
