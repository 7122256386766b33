"""Who may do what: every operation for every kind of caller, in one table."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ipv6console.api.access import NETWORK
from ipv6console.api.limits import LIMITS
from tests.api.namespace import HERE4, HERE6, namespace
from tests.api.service import TESTER, Service, serving, settings_in

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

READ, SCRAPE, OPERATE = 1, 2, 3
ADDR = "2001:db8:0:1::1"
INFO = {"addr": ADDR, "status": "idle"}

TABLE: dict[str, tuple[int, Any]] = {
    "GET /addresses": (READ, None),
    "GET /addresses/changes": (READ, None),
    "GET /doctor": (SCRAPE, None),
    "GET /events": (READ, None),
    "GET /health": (READ, None),
    "GET /history": (READ, None),
    "GET /leases": (READ, None),
    "GET /mirrors/{dbname}": (READ, None),
    "GET /mirrors/{dbname}/settings": (READ, None),
    "GET /ndp/config": (READ, None),
    "GET /notify": (READ, None),
    "GET /pick": (SCRAPE, None),
    "GET /metrics": (READ, None),
    "GET /picks": (SCRAPE, None),
    "GET /prefixes/history": (READ, None),
    "GET /rewind": (READ, None),
    "GET /spawn": (SCRAPE, None),
    "GET /spawns": (SCRAPE, None),
    "GET /state": (READ, None),
    "GET /stats": (READ, None),
    "GET /targets": (READ, None),
    "GET /tokens": (OPERATE, None),
    "POST /apply": (OPERATE, {"plan": "nothing"}),
    "POST /check": (SCRAPE, {"addr": ADDR}),
    "POST /checks": (SCRAPE, {"addrs": [ADDR]}),
    "POST /flush": (OPERATE, None),
    "POST /import": (OPERATE, {"addresses": []}),
    "POST /leases/{token}/renew": (SCRAPE, {}),
    "POST /mirrors/{dbname}/drain": (OPERATE, {"draining": False}),
    "POST /notify/test": (OPERATE, {}),
    "POST /plan": (OPERATE, {"action": "flush-pool"}),
    "POST /prefixes/drain": (OPERATE, {"prefix": "2001:db8:0:1::/64", "draining": False}),
    "POST /report": (SCRAPE, {"report_info": INFO}),
    "POST /reports": (SCRAPE, {"report_infos": [INFO]}),
    "POST /reset": (SCRAPE, {"addr": ADDR}),
    "POST /reset_all": (SCRAPE, None),
    "POST /resets": (SCRAPE, {"addrs": [ADDR]}),
    "POST /save": (SCRAPE, None),
    "POST /tokens": (OPERATE, {"name": "not a name", "scope": "read"}),
    "PUT /mirrors/{dbname}/settings": (OPERATE, {}),
    "GET /spaces": (READ, None),
    "GET /spaces/{name}": (READ, None),
    "GET /ranges": (READ, None),
    "GET /reservations": (READ, None),
    "GET /bindings": (READ, None),
    "GET /bindings/history": (READ, None),
    "GET /bindings/{name}/{address}": (READ, None),
    "POST /spaces": (OPERATE, {"name": "../none"}),
    "POST /ranges": (OPERATE, {"space": "none", "range": "2001:db8:5::/64"}),
    "POST /reservations": (OPERATE, {"space": "none", "range": "2001:db8:5::1"}),
    "POST /bindings": (OPERATE, {"space": "none", "instance": "rack1", "id": "nic0"}),
    "POST /bindings/bulk": (OPERATE, {"bindings": []}),
    "DELETE /spaces/{name}": (OPERATE, None),
    "DELETE /ranges/{number}": (OPERATE, None),
    "DELETE /reservations/{number}": (OPERATE, None),
    "DELETE /bindings": (OPERATE, None),
    "DELETE /bindings/{name}/{address}": (OPERATE, None),
    f"GET {NETWORK}/subscribers": (READ, None),
    f"GET {NETWORK}/subscribers.csv": (READ, None),
    f"GET {NETWORK}/subscribers/{{subscriber_id}}": (READ, None),
    f"GET {NETWORK}/subscribers/{{subscriber_id}}/ipv6/status": (READ, None),
    f"GET {NETWORK}/subscribers/{{subscriber_id}}/ipv6/history": (READ, None),
    f"GET {NETWORK}/ipv6/stats": (READ, None),
    f"GET {NETWORK}/outbox": (READ, None),
    f"GET {NETWORK}/leaks": (READ, None),
    f"POST {NETWORK}/subscribers": (OPERATE, {"subscriber_id": "../none"}),
    f"POST {NETWORK}/subscribers/{{subscriber_id}}/ipv6/allocate": (OPERATE, {}),
    f"POST {NETWORK}/subscribers/{{subscriber_id}}/ipv6/activate": (OPERATE, {}),
    f"POST {NETWORK}/subscribers/{{subscriber_id}}/ipv6/suspend": (OPERATE, None),
    f"POST {NETWORK}/subscribers/{{subscriber_id}}/ipv6/resume": (OPERATE, None),
    f"POST {NETWORK}/subscribers/{{subscriber_id}}/ipv6/revoke": (OPERATE, {}),
    f"POST {NETWORK}/outbox/{{step}}/cancel": (OPERATE, {"reason": "test"}),
    f"POST {NETWORK}/outbox/{{step}}/retry": (OPERATE, None),
    f"DELETE {NETWORK}/subscribers/{{subscriber_id}}": (OPERATE, None),
    "DELETE /leases/{token}": (SCRAPE, None),
    "DELETE /tokens/{name}": (OPERATE, None),
}
"""The least right each operation needs, and a body it takes."""

PATHS = {
    "{number}": "1",
    "{address}": "2001:db8:5::17",
    "{dbname}": "default",
    "{token}": "nothing",
    "{name}": "nobody",
    "{subscriber_id}": "nobody",
    "{step}": "nothing",
}

CALLERS: dict[str, tuple[int, int | None]] = {
    "unix owner": (OPERATE, None),
    "unix stranger": (0, 403),
    "loopback": (SCRAPE, None),
    "loopback over IPv6": (SCRAPE, None),
    "remote": (0, 401),
    "remote over IPv6": (0, 401),
    "read token": (READ, None),
    "scrape token": (SCRAPE, None),
    "operate token": (OPERATE, None),
    "revoked token": (0, 401),
    "revoked token on loopback": (0, 401),
    "wrong token on the unix socket": (0, 401),
}
"""The right each caller has, and the status of its refusals when it is not even known."""

ANONYMOUS = frozenset({"loopback", "loopback over IPv6"})
"""Who has rights for being on this host, and none where subscribers are."""


@dataclass
class Site:
    """One engine and a client for each kind of caller."""

    service: Service
    clients: dict[str, httpx.AsyncClient]


@pytest.fixture(scope="module", autouse=True)
def elsewhere() -> Iterator[None]:
    with namespace():
        yield


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, elsewhere: None) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("api")
    settings = settings_in(folder, listen=("[::]:0",))
    tokens = {"reader": "read", "scraper": "scrape", "operator": "operate", "revoked": "read"}
    async with serving(settings, folder, LIMITS, tokens=tokens) as service:
        await service.engine.revoke_token("revoked", TESTER)
        await service.engine.mirror_stats("default")
        for parent in (folder, *folder.parents):
            if parent.stat().st_uid == os.geteuid() and parent.stat().st_mode & 0o055 != 0o055:
                parent.chmod(parent.stat().st_mode | 0o055)
        service.path.chmod(0o666)
        async with AsyncExitStack() as stack:
            clients = {name: await stack.enter_async_context(one) for name, one in _clients(service).items()}
            yield Site(service, clients)


def _clients(service: Service) -> dict[str, httpx.AsyncClient]:
    [port] = service.ports

    def over(host: str, token: str | None = None) -> httpx.AsyncClient:
        headers = {} if token is None else {"Authorization": f"Bearer {service.tokens.get(token, token)}"}
        return httpx.AsyncClient(base_url=f"http://{host}:{port}", headers=headers, trust_env=False, timeout=10)

    return {
        "unix owner": service.over_unix(),
        "loopback": over("127.0.0.1"),
        "loopback over IPv6": over("[::1]"),
        "remote": over(HERE4),
        "remote over IPv6": over(f"[{HERE6}]"),
        "read token": over(HERE4, "reader"),
        "scrape token": over(f"[{HERE6}]", "scraper"),
        "operate token": over(HERE4, "operator"),
        "revoked token": over(HERE4, "revoked"),
        "revoked token on loopback": over("127.0.0.1", "revoked"),
        "wrong token on the unix socket": service.over_unix(Authorization="Bearer wrong"),
    }


def _path(operation: str) -> tuple[str, str]:
    method, path = operation.split(" ")
    for name, value in PATHS.items():
        path = path.replace(name, value)
    return method, path


async def test_the_table_names_every_operation(site: Site) -> None:
    document = (await site.clients["loopback"].get("/openapi.json")).json()
    found = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert found == set(TABLE)


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize("caller", sorted(set(CALLERS) - {"unix stranger"}))
async def test_an_operation_is_open_to_those_with_the_right_and_to_nobody_else(
    site: Site, caller: str, operation: str
) -> None:
    needed, body = TABLE[operation]
    right, unknown = (0, 401) if caller in ANONYMOUS and NETWORK in operation else CALLERS[caller]
    answer = await site.clients[caller].request(*_path(operation), json=body)
    if right >= needed:
        assert answer.status_code not in (401, 403), answer.text
        return
    assert answer.status_code == (unknown or 403), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["next"]
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


async def test_a_stranger_on_the_unix_socket_may_do_nothing(site: Site) -> None:
    """Checked in one process of another uid: httpx cannot change who it is."""
    operations = [_path(operation) for operation in TABLE]
    script = _STRANGER.format(path=str(site.service.path), operations=operations)
    answers = await _as_stranger(script)
    assert answers == ["403"] * len(TABLE)


@pytest.mark.parametrize("path", ["/stream", "/events", "/docs", "/openapi.json"])
@pytest.mark.parametrize("caller", ["remote", "remote over IPv6", "revoked token"])
async def test_nothing_else_is_open_to_callers_from_elsewhere(site: Site, caller: str, path: str) -> None:
    answer = await site.clients[caller].get(path)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/stream", "/events"])
@pytest.mark.parametrize("host", [HERE4, f"[{HERE6}]"])
async def test_a_stream_is_open_from_elsewhere_to_a_token_only(site: Site, host: str, path: str) -> None:
    url = f"ws://{host}:{site.service.ports[0]}{path}"
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(url, compression=None, proxy=None):
            pass
    assert refusal.value.response.status_code == 401
    token = {"Authorization": f"Bearer {site.service.tokens['reader']}"}
    async with connect(url, compression=None, proxy=None, additional_headers=token, max_size=None):
        pass


async def test_callers_from_elsewhere_are_shown_by_plain_addresses(site: Site) -> None:
    for caller in ("scrape token", "operate token"):
        await site.clients[caller].get("/pick?dbname=named")
    rows = (await site.clients["read token"].get("/leases?dbname=named")).json()["leases"]
    assert sorted(row["holder"] for row in rows) == [
        f"token operator from {HERE4}",
        f"token scraper from {HERE6}",
    ]


_STRANGER = """
import http.client, socket
for method, target in {operations!r}:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect({path!r})
    connection.request(method, target)
    print(connection.getresponse().status)
    connection.close()
"""


async def _as_stranger(script: str) -> list[str]:
    command = ("setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "/usr/bin/python3", "-c", script)
    done = await anyio.run_process(command, check=False, cwd=Path("/"))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().split()
