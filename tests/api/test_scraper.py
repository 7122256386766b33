"""The scraper's endpoints."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ipv6console.wire.codec import decode
from ipv6console.wire.reply import MirrorStats, PickReply, PicksReply, PoolStats, SpawnReply, SpawnsReply
from tests.api.service import NETWORK, PREFIX, Service

pytestmark = pytest.mark.anyio

UNKNOWN = "2001:db8:0:1::dead"
OUTSIDE = "2001:db8:ffff::1"


async def picked(client: httpx.AsyncClient, dbname: str = "task1", **query: Any) -> PickReply:
    answer = await client.get("/pick", params={"dbname": dbname, **query})
    assert answer.status_code == 200
    return decode(PickReply, answer.json())


async def counted(client: httpx.AsyncClient, dbname: str = "task1") -> MirrorStats:
    return decode(MirrorStats, (await client.get("/stats", params={"dbname": dbname})).json())


async def test_stats_without_a_mirror_count_the_pool(service: Service) -> None:
    async with service.over_ipv4() as client:
        stats = decode(PoolStats, (await client.get("/stats")).json())
    assert stats.prefix == PREFIX
    assert stats.total_addrs >= 8
    assert stats.usable_num_target == 8
    assert stats.mirrors == ()


async def test_stats_of_a_new_mirror_make_it(service: Service) -> None:
    async with service.over_ipv4() as client:
        stats = await counted(client)
        assert stats.total == stats.idle >= 8
        assert decode(PoolStats, (await client.get("/stats")).json()).mirrors == ("task1",)


async def test_spawn_makes_one_more_address(service: Service) -> None:
    async with service.over_ipv4() as client:
        before = await counted(client)
        reply = decode(SpawnReply, (await client.get("/spawn")).json())
        after = await counted(client)
    assert reply.success
    assert reply.addr is not None
    assert after.total >= before.total + 1


async def test_spawns_make_as_many_as_asked_for(service: Service) -> None:
    async with service.over_ipv4() as client:
        reply = decode(SpawnsReply, (await client.get("/spawns?num=5")).json())
    assert (reply.success, reply.spawned_count, reply.requested_count) == (True, 5, 5)
    assert len(set(reply.addrs)) == 5
    assert not reply.should_stop


async def test_spawns_ask_for_one_by_default(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert (await client.get("/spawns")).json()["requested_count"] == 1


async def test_a_pick_leases_an_address_with_a_token_and_an_end(service: Service) -> None:
    async with service.over_ipv4() as client:
        reply = await picked(client)
        assert reply.success
        assert reply.dbname == "task1"
        assert reply.lease
        assert reply.expires_at
        assert (await counted(client)).using == 1


async def test_a_pick_without_a_mirror_uses_the_default_one(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert (await client.get("/pick")).json()["dbname"] == "default"


async def test_a_pick_with_a_ttl_and_a_holder_is_listed_so(service: Service) -> None:
    async with service.over_ipv4() as client:
        reply = await picked(client, ttl=600, holder="crawler-7")
        assert reply.ttl == pytest.approx(600)
        listed = (await client.get("/leases")).json()["leases"]
    assert [row["holder"] for row in listed] == ["crawler-7"]


async def test_an_empty_mirror_answers_200_with_success_false_and_the_reason(service: Service) -> None:
    async with service.over_unix() as client:
        assert (await client.post("/mirrors/task1/drain", json={"draining": True})).status_code == 404
        await counted(client)
        await client.post("/mirrors/task1/drain", json={"draining": True})
        answer = await client.get("/pick?dbname=task1")
    assert answer.status_code == 200
    reply = answer.json()
    assert (reply["success"], reply["addr"], reply["dbname"]) == (False, None, "task1")
    assert "draining" in reply["detail"]


async def test_picks_lease_several_and_may_be_short(service: Service) -> None:
    async with service.over_ipv4() as client:
        reply = decode(PicksReply, (await client.get("/picks?dbname=task1&num=100")).json())
    assert reply.success
    assert 8 <= len(set(reply.addrs)) == len(reply.addrs) < 100
    assert tuple(lease.addr for lease in reply.leases) == reply.addrs
    assert reply.detail


async def test_a_check_says_whether_an_address_works(service: Service) -> None:
    async with service.over_ipv4() as client:
        addr = (await picked(client)).addr
        reply = (await client.post("/check", json={"addr": addr})).json()
        assert (reply["success"], reply["addr"], reply["usable"]) == (True, addr, True)
        service.echo.unreachable.add(NETWORK + 0xDEAD)
        reply = (await client.post("/check", json={"addr": UNKNOWN})).json()
        assert (reply["success"], reply["usable"]) == (True, False)
        assert "no route" in reply["detail"]


async def test_checks_answer_by_address(service: Service) -> None:
    async with service.over_ipv4() as client:
        addr = (await picked(client)).addr
        reply = (await client.post("/checks", json={"addrs": [addr, OUTSIDE]})).json()
    assert reply == {"success": True, "results": {addr: True, OUTSIDE: False}}


@pytest.mark.parametrize(("status", "idle", "bad"), [("idle", 1, 0), ("bad", 0, 1)])
async def test_a_report_ends_a_lease_with_its_verdict(service: Service, status: str, idle: int, bad: int) -> None:
    async with service.over_ipv4() as client:
        addr = (await picked(client)).addr
        before = await counted(client)
        body = {"dbname": "task1", "report_info": {"addr": addr, "status": status}}
        answer = await client.post("/report", json=body)
        after = await counted(client)
    assert answer.json() == {"success": True, "dbname": "task1", "detail": None}
    assert (after.using, after.bad) == (0, bad)
    assert after.idle >= before.idle + idle


async def test_a_report_of_using_keeps_the_lease(service: Service) -> None:
    async with service.over_ipv4() as client:
        addr = (await picked(client)).addr
        body = {"dbname": "task1", "report_info": {"addr": addr, "status": "using"}}
        assert (await client.post("/report", json=body)).json()["success"]
        assert (await counted(client)).using == 1


async def test_reports_end_several_leases(service: Service) -> None:
    async with service.over_ipv4() as client:
        addrs = (await client.get("/picks?dbname=task1&num=3")).json()["addrs"]
        infos = [{"addr": addr, "status": "bad", "target": "shop.example", "reason": "403"} for addr in addrs]
        assert (await client.post("/reports", json={"dbname": "task1", "report_infos": infos})).json()["success"]
        assert (await counted(client)).bad == 3


async def test_a_report_without_a_mirror_is_for_the_default_one(service: Service) -> None:
    async with service.over_ipv4() as client:
        addr = (await picked(client, "default")).addr
        reply = (await client.post("/report", json={"report_info": {"addr": addr, "status": "idle"}})).json()
    assert (reply["success"], reply["dbname"]) == (True, "default")


@pytest.mark.parametrize("addr", [UNKNOWN, OUTSIDE])
async def test_a_report_on_an_address_nobody_holds_changes_nothing_and_says_so(service: Service, addr: str) -> None:
    async with service.over_ipv4() as client:
        await picked(client)
        before = await counted(client)
        body = {"dbname": "task1", "report_info": {"addr": addr, "status": "bad"}}
        answer = await client.post("/report", json=body)
        assert answer.status_code == 200
        assert answer.json()["success"] is False
        assert addr in answer.json()["detail"]
        after = await counted(client)
    assert (after.using, after.bad) == (before.using, before.bad)


async def test_a_report_with_a_wrong_token_changes_nothing_and_says_so(service: Service) -> None:
    async with service.over_ipv4() as client:
        addr = (await picked(client, ttl=600)).addr
        info = {"addr": addr, "status": "idle", "lease": "wrong"}
        reply = (await client.post("/report", json={"dbname": "task1", "report_info": info})).json()
        assert reply["success"] is False
        assert reply["detail"]
        assert (await counted(client)).using == 1


async def test_reset_makes_an_address_idle_again(service: Service) -> None:
    async with service.over_ipv4() as client:
        addr = (await picked(client)).addr
        assert (await client.post("/reset", json={"dbname": "task1", "addr": addr})).json()["success"]
        assert (await counted(client)).using == 0
        again = (await client.post("/reset", json={"dbname": "task1", "addr": addr})).json()
    assert again["success"] is False
    assert addr in again["detail"]


async def test_resets_count_what_was_reset_of_what_was_asked(service: Service) -> None:
    async with service.over_ipv4() as client:
        addrs = (await client.get("/picks?dbname=task1&num=2")).json()["addrs"]
        reply = (await client.post("/resets", json={"dbname": "task1", "addrs": [*addrs, UNKNOWN]})).json()
    assert reply == {"success": True, "dbname": "task1", "reset_count": 2, "total_count": 3}


async def test_reset_all_makes_a_whole_mirror_idle(service: Service) -> None:
    async with service.over_ipv4() as client:
        await client.get("/picks?dbname=task1&num=4")
        reply = (await client.post("/reset_all?dbname=task1")).json()
        assert (reply["success"], reply["dbname"], reply["reset_count"]) == (True, "task1", 4)
        again = (await client.post("/reset_all?dbname=task1")).json()
        assert (again["success"], again["reset_count"]) == (False, 0)


async def test_save_succeeds(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert (await client.post("/save")).json() == {"success": True}


async def test_flush_of_one_mirror_forgets_its_usage(service: Service) -> None:
    async with service.over_unix() as client:
        await picked(client)
        assert (await client.post("/flush?dbname=task1")).json() == {"success": True, "dbname": "task1", "detail": None}
        assert (await counted(client)).using == 0


async def test_flush_of_a_mirror_that_is_not_there_says_so_and_makes_none(service: Service) -> None:
    async with service.over_unix() as client:
        answer = (await client.post("/flush?dbname=nobody")).json()
    assert answer["success"] is False
    assert answer["detail"].startswith("there is no mirror nobody")
    assert "nobody" not in service.engine.stats().mirrors


async def test_flush_of_everything_empties_the_pool(service: Service) -> None:
    async with service.over_unix() as client:
        old = {(await picked(client)).addr for _ in range(4)}
        assert (await client.post("/flush")).json() == {"success": True, "dbname": None, "detail": None}
        await client.get("/spawns?num=8")
        fresh = set((await client.get("/picks?dbname=task1&num=100")).json()["addrs"])
    assert not old & fresh
