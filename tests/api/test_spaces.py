"""Spaces and bindings over HTTP: by tenant, in pages, in bulk, and each mistake told as what it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ipv6console.api.limits import LIMITS
from tests.api.service import Service, serving, settings_in
from tests.api.test_problems import problem

pytestmark = pytest.mark.anyio

ADDR = "2001:db8:5::17"
NIC = {"space": "edge", "instance": "rack1", "id": "nic0"}


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("api")
    async with serving(settings_in(folder), folder, LIMITS) as service:
        async with service.over_unix() as client:
            for path, body in (
                ("/spaces", {"name": "edge", "choice": "first", "quarantine": 60}),
                ("/ranges", {"space": "edge", "range": "2001:db8:5::/64"}),
                ("/ranges", {"space": "edge", "range": "192.0.2.0-192.0.2.99"}),
                ("/reservations", {"space": "edge", "range": "2001:db8:5::/120", "reason": "routers"}),
                ("/bindings", {**NIC, "address": "2001:db8:5::1:17"}),
                ("/spaces", {"name": "other-lan", "tenant": "other"}),
            ):
                assert (await client.post(path, json=body)).status_code == 200
        yield service


async def shown(client: httpx.AsyncClient) -> list[Any]:
    """Everything there is of spaces."""
    paths = ("/spaces", "/ranges", "/reservations", "/bindings?limit=1000")
    return [(await client.get(path)).json() for path in paths]


async def test_a_bulk_of_a_thousand_is_bound_found_in_pages_and_released_by_plan(service: Service) -> None:
    rows = [{"space": "edge", "instance": "bulk", "id": f"pod{n}", "family": 6, "tags": ["bulk"]} for n in range(1_000)]
    async with service.over_unix() as client:
        before = await shown(client)
        answer = (await client.post("/bindings/bulk", json={"bindings": rows}, timeout=60)).json()
        assert [reply["binding"]["id"] for reply in answer["bindings"]] == [row["id"] for row in rows]
        assert all(reply["created"] for reply in answer["bindings"])
        again = (await client.post("/bindings/bulk", json={"bindings": rows[:3]})).json()["bindings"]
        assert [reply["binding"] for reply in again] == [reply["binding"] for reply in answer["bindings"][:3]]
        assert not any(reply["created"] for reply in again)
        found: list[str] = []
        cursor = None
        while True:
            params: dict[str, Any] = {"tag": "bulk", "limit": 300, **({} if cursor is None else {"cursor": cursor})}
            page = (await client.get("/bindings", params=params)).json()
            assert page["total"] == 1_000
            found += [row["address"] for row in page["bindings"]]
            if (cursor := page["next"]) is None:
                break
        assert found == sorted(found, key=lambda text: tuple(int(part or "0", 16) for part in text.split(":")))
        assert len(set(found)) == 1_000
        plan = (
            await client.post("/plan", json={"action": "release-instance", "space": "edge", "instance": "bulk"})
        ).json()
        assert (plan["count"], len(plan["sample"])) == (1_000, 10)
        assert (await client.post("/apply", json={"plan": plan["id"]}, timeout=60)).json()["count"] == 1_000
        assert (await shown(client))[3] == before[3]
        history = (await client.get("/bindings/history?space=edge&instance=bulk&limit=1000")).json()["changes"]
        assert {change["reason"] for change in history} == {"instance"}
        assert len(history) == 1_000


async def test_a_token_of_a_tenant_opens_its_spaces_alone(service: Service) -> None:
    async with service.over_unix() as client:
        body = {"name": "acme-ops", "scope": "operate", "tenant": "acme"}
        secret = (await client.post("/tokens", json=body)).json()["token"]
        problem(await client.post("/spaces", json={"name": "bad", "tenant": "a b"}), 422)
    async with service.over_ipv4(authorization=f"Bearer {secret}") as acme:
        made = (await acme.post("/spaces", json={"name": "acme-lan"})).json()
        assert made["tenant"] == "acme"
        assert (await acme.post("/ranges", json={"space": "acme-lan", "range": "198.51.100.0/24"})).json()[
            "total"
        ] == 256
        assert [row["name"] for row in (await acme.get("/spaces")).json()["spaces"]] == ["acme-lan", "edge"]
        bound = (await acme.post("/bindings", json={"space": "acme-lan", "instance": "i", "id": "x"})).json()["binding"]
        assert (await acme.delete(f"/bindings/acme-lan/{bound['address']}")).json()["count"] == 1
        attempts: list[tuple[str, str, Any]] = [
            ("GET", "/spaces/other-lan", None),
            ("DELETE", "/spaces/other-lan", None),
            ("GET", "/bindings?space=other-lan", None),
            ("POST", "/ranges", {"space": "other-lan", "range": "203.0.113.0/24"}),
            ("POST", "/bindings/bulk", {"bindings": [{**NIC, "space": "other-lan"}]}),
        ]
        for method, path, asked in attempts:
            assert problem(await acme.request(method, path, json=asked), 404)["type"] == "not-found"
        assert problem(await acme.delete("/spaces/edge"), 403)["type"] == "forbidden"
        assert (await acme.get("/bindings/edge/2001:db8:5::1:17")).json()["id"] == "nic0"


Mistake = tuple[str, str, Any, int, str]
MISTAKES: list[Mistake] = [
    ("POST", "/spaces", {"name": ""}, 422, "invalid-name"),
    ("POST", "/spaces", {"name": "edge"}, 409, "already-allocated"),
    ("POST", "/spaces", {"name": "new", "quarantine": "long"}, 422, "invalid-request"),
    ("POST", "/spaces", {}, 422, "invalid-request"),
    ("GET", "/spaces/..%2Fedge", None, 404, "not-found"),
    ("GET", "/spaces/none", None, 404, "not-found"),
    ("DELETE", "/spaces/none", None, 404, "not-found"),
    ("DELETE", "/spaces/edge", None, 409, "in-use"),
    ("GET", "/ranges?space=none", None, 404, "not-found"),
    ("POST", "/ranges", {"space": "edge", "range": "192.0.2.0/24"}, 422, "invalid-range"),
    ("POST", "/ranges", {"space": "edge", "range": "192.0.2.1/24"}, 422, "invalid-subnet"),
    ("POST", "/ranges", {"space": "edge", "range": "192.0.2.300"}, 422, "invalid-address"),
    ("POST", "/ranges", {"space": "edge", "range": "2001:db8::-192.0.2.1"}, 422, "invalid-range"),
    ("POST", "/ranges", {"space": "none", "range": "203.0.113.0/24"}, 404, "not-found"),
    ("DELETE", "/ranges/0", None, 422, "invalid-request"),
    ("DELETE", "/ranges/four", None, 422, "invalid-request"),
    ("DELETE", "/ranges/999999999999999999999", None, 404, "not-found"),
    ("DELETE", "/ranges/1", None, 409, "in-use"),
    ("GET", "/reservations?space=none", None, 404, "not-found"),
    ("POST", "/reservations", {"space": "edge", "range": "2001:db8:5::5"}, 409, "not-available"),
    ("POST", "/reservations", {"space": "edge", "range": "2001:db8:5::1:17"}, 409, "already-allocated"),
    ("POST", "/reservations", {"space": "edge", "range": "2001:db8:6::1"}, 409, "not-available"),
    ("DELETE", "/reservations/999", None, 404, "not-found"),
    ("GET", "/bindings?space=none", None, 404, "not-found"),
    ("GET", "/bindings?address=here", None, 422, "invalid-address"),
    ("GET", "/bindings?cursor=edge", None, 422, "invalid-request"),
    ("GET", "/bindings?limit=1001", None, 422, "invalid-request"),
    ("POST", "/bindings", {"space": "edge"}, 422, "invalid-request"),
    ("POST", "/bindings", {**NIC, "address": "2001:db8:5::1:18"}, 409, "already-allocated"),
    ("POST", "/bindings", {**NIC, "id": "new", "address": "2001:db8:5::5"}, 409, "not-available"),
    ("POST", "/bindings", {**NIC, "id": "new", "kind": "mac"}, 422, "invalid-name"),
    ("POST", "/bindings", {**NIC, "id": "new", "ttl": -1}, 422, "invalid-request"),
    ("POST", "/bindings", {**NIC, "id": "new", "metadata": {"a": 1}}, 422, "invalid-request"),
    ("POST", "/bindings/bulk", {"bindings": []}, 422, "invalid-request"),
    ("POST", "/bindings/bulk", {"bindings": [{**NIC, "id": f"{n}"} for n in range(1_001)]}, 422, "invalid-request"),
    ("POST", "/bindings/bulk", {"bindings": [{**NIC, "id": "new"}, {**NIC, "id": ""}]}, 422, "invalid-name"),
    ("DELETE", "/bindings?space=edge&instance=rack1", None, 422, "invalid-request"),
    ("DELETE", "/bindings?space=edge&instance=rack1&id=nic9", None, 404, "binding-not-found"),
    ("GET", f"/bindings/edge/{ADDR}", None, 404, "binding-not-found"),
    ("GET", "/bindings/edge/2001:db8:5::%25eth0", None, 422, "invalid-address"),
    ("DELETE", f"/bindings/edge/{ADDR}", None, 404, "binding-not-found"),
    ("DELETE", "/bindings/none/192.0.2.1", None, 404, "not-found"),
    ("GET", "/bindings/history", None, 422, "invalid-request"),
    ("GET", "/bindings/history?space=edge&address=x", None, 422, "invalid-address"),
    ("POST", "/plan", {"action": "release-instance", "space": "edge"}, 422, "invalid-request"),
    ("POST", "/plan", {"action": "release-instance", "space": "edge", "instance": "none"}, 404, "not-found"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake[:2]} {mistake[4]} {str(mistake[2])[:60]}")
async def test_a_mistake_is_told_as_what_it_is_and_changes_nothing(service: Service, mistake: Mistake) -> None:
    method, path, body, status, kind = mistake
    async with service.over_unix() as client:
        before = await shown(client)
        document = problem(await client.request(method, path, json=body), status)
        assert document["type"] == kind
        assert "token" not in document["next"]
        assert await shown(client) == before
