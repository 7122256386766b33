"""Settings of one mirror."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.service import Service

pytestmark = pytest.mark.anyio

AS_THE_POOL: dict[str, Any] = {
    "usable_num": None,
    "lease_ttl": None,
    "bad_cooldown": None,
    "max_leases_per_64": None,
    "check_urls": [],
}


async def test_a_mirror_is_as_the_pool_until_told_otherwise(service: Service) -> None:
    async with service.over_unix() as client:
        assert (await client.get("/mirrors/task1/settings")).status_code == 404
        await client.get("/stats?dbname=task1")
        assert (await client.get("/mirrors/task1/settings")).json() == AS_THE_POOL
        own = {"lease_ttl": 60.0, "usable_num": 3, "check_urls": ["http://check.example/ip"]}
        assert (await client.put("/mirrors/task1/settings", json=own)).json() == AS_THE_POOL | own
        assert (await client.get("/mirrors/task1/settings")).json() == AS_THE_POOL | own
        assert (await client.put("/mirrors/task1/settings", json={})).json() == AS_THE_POOL


async def test_the_mirrors_own_time_to_live_holds_for_its_leases(service: Service) -> None:
    async with service.over_unix() as client:
        await client.put("/mirrors/task1/settings", json={"lease_ttl": 60.0})
        picked = (await client.get("/pick?dbname=task1&ttl=3600")).json()
    assert picked["ttl"] == pytest.approx(60, abs=1)


@pytest.mark.parametrize(
    "body",
    [
        {"usable_num": -1},
        {"usable_num": 1e9},
        {"usable_num": "many"},
        {"lease_ttl": 0},
        {"bad_cooldown": -5},
        {"max_leases_per_64": -1},
        {"check_urls": ["ftp://check.example"]},
        {"check_urls": ["x" * 501]},
        {"usable_number": 5},
        [],
    ],
)
async def test_settings_without_meaning_are_refused_and_nothing_changes(service: Service, body: Any) -> None:
    async with service.over_unix() as client:
        await client.put("/mirrors/task1/settings", json={"usable_num": 3})
        answer = await client.put("/mirrors/task1/settings", json=body)
        assert answer.status_code == 422
        assert answer.json()["next"]
        assert (await client.get("/mirrors/task1/settings")).json()["usable_num"] == 3


@pytest.mark.parametrize("dbname", ["..x", ".hidden", "a" * 65, "a b", "a%00b"])
async def test_a_careless_mirror_name_is_refused(service: Service, dbname: str) -> None:
    async with service.over_unix() as client:
        for method in ("GET", "PUT"):
            answer = await client.request(method, f"/mirrors/{dbname}/settings", json={})
            assert answer.status_code == 422
        assert (await client.get("/stats")).json()["mirrors"] == []
