"""A client written for the older system's contract works unchanged.

It knows only the fields that contract has, and holds each answer to the very types it promises.
"""

from __future__ import annotations

from typing import Any

import anyio
import pytest
import requests

from tests.api.service import PREFIX, TESTER, Service

pytestmark = pytest.mark.anyio


class OlderClient:
    """What the older system's own client does: requests, ten seconds, no headers, no tokens."""

    def __init__(self, server_url: str, dbname: str = "default") -> None:
        self.server_url = server_url
        self.dbname = dbname
        self.session = requests.Session()
        self.session.trust_env = False

    def close(self) -> None:
        self.session.close()

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self.session.get(f"{self.server_url}{path}", params=params, timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def post(self, path: str, body: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        answer = self.session.post(f"{self.server_url}{path}", json=body, params=params, timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def pick(self) -> str | None:
        found = self.get("/pick", dbname=self.dbname)
        return found["addr"] if found["success"] else None

    def report(self, addr: str, status: str) -> bool:
        body = {"dbname": self.dbname, "report_info": {"addr": addr, "status": status}}
        return bool(self.post("/report", body)["success"])


def has(answer: dict[str, Any], **types: Any) -> None:
    for name, kind in types.items():
        assert isinstance(answer[name], kind), f"{name}: {answer[name]!r}"


def whole_contract(client: OlderClient) -> None:
    has(client.get("/stats"), prefix=str, total_addrs=int, usable_num_target=int, mirrors=list)
    has(client.get("/stats", dbname=client.dbname), dbname=str, total=int, idle=int, using=int, bad=int)
    has(client.get("/spawn"), success=bool, addr=str)
    spawned = client.get("/spawns", num=3)
    has(spawned, success=bool, addrs=list, should_stop=bool, spawned_count=int, requested_count=int)
    has(client.get("/pick"), success=bool, addr=str, dbname=str)
    picked = client.get("/picks", dbname=client.dbname, num=2)
    has(picked, success=bool, addrs=list, dbname=str)
    one, two = picked["addrs"]
    has(client.post("/check", {"addr": one}), success=bool, addr=str, usable=bool)
    checked = client.post("/checks", {"addrs": [one, two]})
    has(checked, success=bool, results=dict)
    assert checked["results"] == {one: True, two: True}
    has(
        client.post("/report", {"dbname": client.dbname, "report_info": {"addr": one, "status": "using"}}), success=bool
    )
    infos = [{"addr": one, "status": "idle"}, {"addr": two, "status": "bad"}]
    has(client.post("/reports", {"dbname": client.dbname, "report_infos": infos}), success=bool, dbname=str)
    has(client.post("/reset", {"dbname": client.dbname, "addr": two}), success=bool, dbname=str)
    again = client.post("/resets", {"dbname": client.dbname, "addrs": [one, two]})
    has(again, success=bool, dbname=str, reset_count=int, total_count=int)
    client.pick()
    has(client.post("/reset_all", dbname=client.dbname), success=bool, dbname=str, reset_count=int)
    has(client.post("/save"), success=bool)


def scraping(client: OlderClient) -> list[str]:
    used = []
    for turn in range(30):
        addr = client.pick()
        assert addr is not None
        used.append(addr)
        assert client.report(addr, "bad" if turn == 7 else "idle")
    return used


async def test_every_endpoint_answers_with_the_fields_and_types_of_the_contract(service: Service) -> None:
    client = OlderClient(f"http://127.0.0.1:{service.ports[0]}", "task1")
    try:
        await anyio.to_thread.run_sync(whole_contract, client)
    finally:
        client.close()


async def test_an_older_scraper_picks_and_reports_for_as_long_as_it_likes(service: Service) -> None:
    client = OlderClient(f"http://[::1]:{service.ports[1]}", "task1")
    try:
        used = await anyio.to_thread.run_sync(scraping, client)
        stats = await anyio.to_thread.run_sync(lambda: client.get("/stats", dbname="task1"))
    finally:
        client.close()
    assert stats["using"] == 0
    assert stats["bad"] == 1
    assert used[7] not in used[8:]


async def test_a_pick_from_nothing_is_200_with_a_null_address(service: Service) -> None:
    client = OlderClient(f"http://127.0.0.1:{service.ports[0]}", "task1")

    def empty() -> dict[str, Any]:
        while client.pick() is not None:
            pass
        return client.get("/pick", dbname="task1")

    await service.engine.drain_prefix(PREFIX, True, TESTER)
    try:
        answer = await anyio.to_thread.run_sync(empty)
    finally:
        client.close()
    assert (answer["success"], answer["addr"], answer["dbname"]) == (False, None, "task1")


async def test_a_validation_error_is_a_422(service: Service) -> None:
    client = OlderClient(f"http://127.0.0.1:{service.ports[0]}")
    try:
        with pytest.raises(requests.HTTPError) as refusal:
            await anyio.to_thread.run_sync(lambda: client.get("/picks", num=101))
    finally:
        client.close()
    assert refusal.value.response.status_code == 422
