"""The operator's endpoints."""

from __future__ import annotations

import pytest

from tests.api.service import PREFIX, Service

pytestmark = pytest.mark.anyio


async def test_a_mirror_is_counted_but_not_made(service: Service) -> None:
    async with service.over_ipv4() as client:
        missing = await client.get("/mirrors/task1")
        assert missing.status_code == 404
        assert "/stats" in missing.json()["next"]
        assert (await client.get("/stats")).json()["mirrors"] == []
        await client.get("/pick?dbname=task1")
        assert (await client.get("/mirrors/task1")).json()["using"] == 1


async def test_a_draining_mirror_hands_out_nothing_until_it_is_told_to(service: Service) -> None:
    async with service.over_unix() as client:
        await client.get("/stats?dbname=task1")
        row = (await client.post("/mirrors/task1/drain", json={"draining": True})).json()
        assert (row["name"], row["draining"]) == ("task1", True)
        assert (await client.get("/pick?dbname=task1")).json()["success"] is False
        row = (await client.post("/mirrors/task1/drain", json={"draining": False})).json()
        assert row["draining"] is False
        assert (await client.get("/pick?dbname=task1")).json()["success"] is True


async def test_a_draining_prefix_hands_out_nothing_until_it_is_told_to(service: Service) -> None:
    async with service.over_unix() as client:
        row = (await client.post("/prefixes/drain", json={"prefix": PREFIX})).json()
        assert (row["prefix"], row["state"]) == (PREFIX, "draining")
        assert (await client.get("/pick")).json()["success"] is False
        row = (await client.post("/prefixes/drain", json={"prefix": PREFIX, "draining": False})).json()
        assert row["state"] == "active"
        assert (await client.get("/pick")).json()["success"] is True


async def test_an_unknown_prefix_is_a_404(service: Service) -> None:
    async with service.over_unix() as client:
        assert (await client.post("/prefixes/drain", json={"prefix": "2001:db8:9::/64"})).status_code == 404
        assert (await client.post("/prefixes/drain", json={"prefix": "nonsense"})).status_code == 422


async def test_a_flush_is_planned_and_then_applied(service: Service) -> None:
    async with service.over_unix() as client:
        await client.get("/picks?dbname=task1&num=2")
        plan = (await client.post("/plan", json={"action": "flush-mirror", "dbname": "task1"})).json()
        assert (plan["target"], plan["leases"], plan["needs_reason"]) == ("task1", 2, False)
        assert (await client.get("/stats?dbname=task1")).json()["using"] == 2
        done = (await client.post("/apply", json={"plan": plan["id"]})).json()
        assert (done["plan"], done["leases_ended"]) == (plan["id"], 2)
        assert (await client.get("/stats?dbname=task1")).json()["using"] == 0


async def test_a_plan_whose_set_has_changed_is_refused_and_nothing_is_done(service: Service) -> None:
    async with service.over_unix() as client:
        plan = (await client.post("/plan", json={"action": "flush-pool"})).json()
        await client.get("/spawn")
        answer = await client.post("/apply", json={"plan": plan["id"]})
        assert answer.status_code == 409
        assert answer.json()["type"] == "plan-changed"
        assert (await client.get("/stats")).json()["total_addrs"] > plan["count"]


async def test_a_revocation_needs_a_reason(service: Service) -> None:
    async with service.over_unix() as client:
        addr = (await client.get("/pick?dbname=task1")).json()["addr"]
        plan = (await client.post("/plan", json={"action": "revoke-addresses", "addrs": [addr]})).json()
        assert plan["needs_reason"] is True
        assert (await client.post("/apply", json={"plan": plan["id"]})).status_code == 422
        done = (await client.post("/apply", json={"plan": plan["id"], "reason": "abuse report"})).json()
        assert done["count"] == 1
        assert (await client.get("/leases")).json()["total"] == 0


async def test_a_plan_nobody_made_is_a_404(service: Service) -> None:
    async with service.over_unix() as client:
        assert (await client.post("/apply", json={"plan": "nothing"})).status_code == 404


async def test_an_unknown_action_is_refused_with_those_there_are(service: Service) -> None:
    async with service.over_unix() as client:
        answer = await client.post("/plan", json={"action": "explode"})
    assert answer.status_code == 422
    assert "flush-mirror" in answer.json()["next"]


async def test_the_doctor_answers_for_a_prefix_of_the_kernel(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert (await client.get("/doctor")).json()["verdict"] == "routed"
        assert (await client.get("/doctor", params={"prefix": PREFIX})).json()["prefix"] == PREFIX
        assert (await client.get("/doctor", params={"prefix": "2001:db8:9::/64"})).status_code == 404
