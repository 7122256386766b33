"""Taking over an older system's pool."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from tests.api.service import NETWORK, PREFIX, Service

pytestmark = pytest.mark.anyio

OUTSIDE = "2001:db8:ffff::1"


def inside(number: int) -> str:
    return f"2001:db8:0:1::beef:{number:x}"


def document(**over: Any) -> dict[str, Any]:
    return {
        "prefix": PREFIX,
        "addresses": [{"addr": addr, "created_at": 1.0} for addr in (inside(1), inside(2), OUTSIDE)],
        "mirrors": [
            {
                "dbname": "older",
                "usages": [{"addr": inside(2), "status": "bad", "last_used_at": None, "use_count": 3}],
            }
        ],
    } | over


async def test_an_older_pool_is_taken_over_and_what_is_left_out_is_named(service: Service) -> None:
    async with service.over_unix() as client:
        report = (await client.post("/import", json=document())).json()
        assert (report["addresses"], report["mirrors"], report["bad"]) == (2, 1, 1)
        assert list(report["skipped"]) == [OUTSIDE]
        bad = (await client.get("/addresses?dbname=older&state=bad")).json()["addresses"]
    assert [row["addr"] for row in bad] == [inside(2)]


async def test_an_address_that_fails_its_check_is_left_out(service: Service) -> None:
    service.echo.unreachable.add(NETWORK + 0xBEEF_0001)
    async with service.over_unix() as client:
        report = (await client.post("/import", json=document())).json()
    assert set(report["skipped"]) == {inside(1), OUTSIDE}


@pytest.mark.parametrize(
    "over",
    [
        {"addresses": [{"addr": "nonsense", "created_at": 1.0}]},
        {"addresses": [{"addr": inside(1)}]},
        {"addresses": "all"},
        {"mirrors": [{"dbname": "../x", "usages": []}]},
        {"mirrors": [{"dbname": "a", "usages": [{"addr": inside(1), "status": "odd", "use_count": 0}]}]},
        {
            "mirrors": [
                {
                    "dbname": "a",
                    "usages": [{"addr": inside(1), "status": "bad", "last_used_at": 1.0, "use_count": -1}],
                }
            ]
        },
    ],
)
async def test_a_malformed_pool_is_refused_and_nothing_of_it_is_taken(service: Service, over: dict[str, Any]) -> None:
    async with service.over_unix() as client:
        answer = await client.post("/import", json=document(**over))
        assert answer.status_code == 422
        assert answer.json()["next"]
        assert (await client.get(f"/addresses?prefix={inside(1)}/112")).status_code == 422
        taken = (await client.get("/addresses?prefix=2001:db8:0:1::beef:0/112")).json()
        assert taken["total"] == 0
        assert (await client.get("/stats")).json()["mirrors"] == []


async def test_an_import_may_be_larger_than_other_bodies(service: Service) -> None:
    body = json.dumps(document()) + " " * (2 << 20)
    async with service.over_unix(content_type="application/json") as client:
        assert (await client.post("/import", content=body)).status_code == 200
        assert (await client.post("/plan", content=body)).status_code == 413


@pytest.mark.parametrize("declared", [True, False])
async def test_an_import_over_its_bound_is_refused(shared_service: Service, *, declared: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b" " * (1 << 20)

    async with shared_service.over_unix(content_type="application/json") as client:
        answer = await client.post("/import", content=b" " * (65 << 20) if declared else chunks())
        assert answer.status_code == 413
        assert "64 MiB" in answer.json()["next"]
        assert (await client.get("/health")).status_code == 200


async def test_nothing_of_an_import_is_read_for_who_may_not(shared_service: Service) -> None:
    with shared_service.raw() as client:
        client.sendall(b"POST /import HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n")
        answer = await anyio.to_thread.run_sync(client.recv, 65536)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"application/problem+json" in answer
