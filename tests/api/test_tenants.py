"""Tokens that were made for one tenant: what they open, and that everything else is shut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ipv6console.api.limits import LIMITS
from tests.api.service import Service, serving, settings_in
from tests.api.test_authorisation import TABLE, _path
from tests.api.test_problems import problem
from tests.api.test_tokens import bearer

pytestmark = pytest.mark.anyio

HOSTS = {
    "addresses", "apply", "doctor", "events", "flush", "history", "import", "metrics", "mirrors", "ndp", "notify", "plan",
    "prefixes", "rewind", "state", "targets", "tokens",
}  # fmt: skip
"""What is the whole host's; of /plan and /apply, what is about the pool."""


async def made(service: Service, name: str, scope: str, tenant: str | None) -> dict[str, str]:
    async with service.over_unix() as client:
        answer = await client.post("/tokens", json={"name": name, "scope": scope, "tenant": tenant})
    assert answer.status_code == 200, answer.text
    assert answer.json()["tenant"] == tenant
    return bearer(answer.json()["token"])


async def test_a_tenants_token_opens_what_is_its_own_and_the_pools_and_nothing_of_the_host(service: Service) -> None:
    acme = await made(service, "acme-billing", "operate", "acme")
    shut = {}
    for over in (service.over_ipv4, service.over_unix):
        async with over(**acme) as client:
            for operation, (_, body) in TABLE.items():
                answer = await client.request(*_path(operation), json=body)
                assert answer.status_code != 401, operation
                shut[operation] = answer.status_code == 403
                if shut[operation] and "/plan" not in operation:
                    told = problem(answer, 403)
                    assert "acme-billing" in told["detail"]
                    assert "without a tenant" in told["next"]
    of_the_pool = {operation for operation in shut if operation.split("/")[1] in HOSTS}
    # A plan nobody made is told of before it is asked who may apply it.
    assert {operation for operation, closed in shut.items() if closed} == of_the_pool - {"POST /apply"}


async def test_a_tenants_token_can_apply_no_plan_about_the_pool(service: Service) -> None:
    acme = await made(service, "acme-billing", "operate", "acme")
    async with service.over_unix() as client:
        await client.get("/pick?dbname=task1")
        plan = (await client.post("/plan", json={"action": "flush-pool"})).json()["id"]
        problem(await client.post("/apply", json={"plan": plan}, headers=acme), 403)
        assert (await client.get("/leases")).json()["total"] == 1
        assert (await client.post("/apply", json={"plan": plan})).status_code == 200


async def test_a_tenants_token_sees_no_stream_of_everybodys_events(service: Service) -> None:
    acme = await made(service, "acme-billing", "read", "acme")
    for path in ("/stream", "/events"):
        url = f"ws://127.0.0.1:{service.ports[0]}{path}"
        with pytest.raises(InvalidStatus) as refusal:
            async with connect(url, compression=None, proxy=None, additional_headers=acme):
                pass
        assert refusal.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/api/v1/network/subscribers", "/api/v1/network", "/api/v1/network/nothing"])
async def test_nobody_is_anonymous_where_subscribers_are(service: Service, path: str) -> None:
    for over in (service.over_ipv4, service.over_ipv6):
        async with over() as client:
            answer = await client.get(path)
        told = problem(answer, 401)
        assert answer.headers["www-authenticate"] == 'Bearer realm="ipv6console"'
        assert "token create" in told["next"]
    reader = await made(service, "reader", "read", None)
    async with service.over_ipv4(**reader) as client:
        assert (await client.get(path)).status_code != 401
    async with service.over_unix() as client:
        assert (await client.get(path)).status_code != 401


async def test_the_tenant_of_a_token_is_listed_and_survives_a_restart(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        acme = await made(service, "acme-billing", "read", "acme")
        await made(service, "grafana", "read", None)
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service, service.over_unix() as client:
        rows = (await client.get("/tokens")).json()["tokens"]
        assert {row["name"]: row["tenant"] for row in rows} == {"acme-billing": "acme", "grafana": None}
        assert (await client.get("/state", headers=acme)).status_code == 403
        assert (await client.get("/pick", headers=acme)).status_code == 403
        assert (await client.get("/stats", headers=acme)).status_code == 200


@pytest.mark.parametrize("tenant", ["", ".acme", "a/b", "a" * 65, 7])
async def test_a_careless_tenant_is_refused_and_no_token_made(shared_service: Service, tenant: Any) -> None:
    async with shared_service.over_unix() as client:
        answer = await client.post("/tokens", json={"name": "a", "scope": "read", "tenant": tenant})
        assert problem(answer, 422)["next"] == "Name the tenant with 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front."
        assert (await client.get("/tokens")).json()["tokens"] == []
