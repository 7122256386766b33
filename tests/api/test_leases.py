"""Leases over HTTP."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.api.service import Service

pytestmark = pytest.mark.anyio


async def test_leases_are_listed_in_pages_without_their_tokens(service: Service) -> None:
    async with service.over_ipv4() as client:
        picked = (await client.get("/picks?dbname=task1&num=3")).json()
        await client.get("/pick?dbname=task2")
        seen, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            answer = await client.get(f"/leases?limit=2&dbname=task1{more}")
            for lease in picked["leases"]:
                assert lease["lease"] not in answer.text
            page = answer.json()
            assert page["total"] == 3
            seen += [row["addr"] for row in page["leases"]]
            cursor = page["next"]
            pages += 1
    assert pages == 2
    assert sorted(seen) == sorted(picked["addrs"])


async def test_leases_of_all_mirrors_are_listed_together(service: Service) -> None:
    async with service.over_ipv4() as client:
        await client.get("/pick?dbname=task1")
        await client.get("/pick?dbname=task2")
        assert (await client.get("/leases")).json()["total"] == 2


async def test_a_lease_is_renewed_for_a_while_from_now(service: Service) -> None:
    async with service.over_ipv4() as client:
        picked = (await client.get("/pick?ttl=60")).json()
        token = quote(picked["lease"], safe="")
        reply = (await client.post(f"/leases/{token}/renew", json={"ttl": 900})).json()
        assert reply["addr"] == picked["addr"]
        assert reply["ttl"] == pytest.approx(900, abs=5)
        assert reply["expires_at"] > picked["expires_at"]


async def test_a_renewal_needs_no_body(service: Service) -> None:
    async with service.over_ipv4() as client:
        picked = (await client.get("/pick?ttl=60")).json()
        answer = await client.post(f"/leases/{quote(picked['lease'], safe='')}/renew")
    assert answer.status_code == 200
    assert answer.json()["success"] is True


@pytest.mark.parametrize(("query", "state"), [("", "idle"), ("?status=bad", "bad")])
async def test_a_lease_is_released_with_a_verdict(service: Service, query: str, state: str) -> None:
    async with service.over_ipv4() as client:
        picked = (await client.get("/pick?dbname=task1&ttl=60")).json()
        before = (await client.get("/stats?dbname=task1")).json()
        answer = await client.delete(f"/leases/{quote(picked['lease'], safe='')}{query}")
        after = (await client.get("/stats?dbname=task1")).json()
    assert answer.status_code == 200
    assert after["using"] == 0
    assert after[state] > before[state]


@pytest.mark.parametrize(("method", "path"), [("POST", "/leases/nothing/renew"), ("DELETE", "/leases/nothing")])
async def test_a_lease_that_is_not_there_is_a_404_with_advice(service: Service, method: str, path: str) -> None:
    async with service.over_ipv4() as client:
        answer = await client.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["next"]


async def test_a_cursor_nobody_gave_is_refused(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert (await client.get("/leases?cursor=nonsense")).status_code == 422
