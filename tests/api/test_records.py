"""Addresses, history and targets over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ipv6console.wire.address import AddressChanges
from ipv6console.wire.codec import decode
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.prefix import PrefixStory, PrefixTurn
from tests.api.service import PREFIX, Service

pytestmark = pytest.mark.anyio


async def picked(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/pick", params={"dbname": "task1", **query})).json()
    return found


async def listed(client: httpx.AsyncClient, **query: Any) -> list[str]:
    return [row["addr"] for row in (await client.get("/addresses", params=query)).json()["addresses"]]


async def verdict(client: httpx.AsyncClient, addr: str, status: str = "bad", target: str | None = None) -> None:
    info = {"addr": addr, "status": status, "target": target, "reason": "403"}
    assert (await client.post("/report", json={"dbname": "task1", "report_info": info})).json()["success"]


async def test_addresses_are_listed_in_pages(service: Service) -> None:
    async with service.over_ipv4() as client:
        seen: list[str] = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            page = (await client.get("/addresses", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))).json()
            assert len(page["addresses"]) <= 3
            seen += [row["addr"] for row in page["addresses"]]
            cursor, pages = page["next"], pages + 1
        assert pages >= 3
        assert len(seen) == len(set(seen)) == page["total"] == (await client.get("/stats")).json()["total_addrs"]


async def test_addresses_are_filtered_by_mirror_and_state(service: Service) -> None:
    async with service.over_ipv4() as client:
        used, bad = (await picked(client))["addr"], (await picked(client))["addr"]
        await verdict(client, bad)
        assert await listed(client, dbname="task1", state="using") == [used]
        assert await listed(client, dbname="task1", state="bad") == [bad]
        assert sorted(await listed(client, dbname="task1")) == sorted([used, bad])
        assert not {used, bad} & set(await listed(client, dbname="task1", state="idle"))
        [row] = (await client.get("/addresses?dbname=task1&state=bad")).json()["addresses"]
        assert (row["prefix"], row["leased_in"], row["bad_in"]) == (PREFIX, [], ["task1"])


async def test_addresses_are_filtered_by_prefix(service: Service) -> None:
    async with service.over_ipv4() as client:
        assert len(await listed(client, prefix=PREFIX)) >= 8
        assert await listed(client, prefix="2001:db8:ffff::/48") == []
        addr = (await picked(client))["addr"]
        assert await listed(client, prefix=f"{addr}/128") == [addr]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("state=bad", 422),
        ("state=broken&dbname=task1", 422),
        ("dbname=nobody", 404),
        ("prefix=nonsense", 422),
        ("prefix=2001:db8::1/64", 422),
        ("cursor=nonsense", 422),
        ("limit=0", 422),
        ("limit=5001", 422),
        ("limit=1e9", 422),
    ],
)
async def test_a_filter_without_meaning_is_refused_with_advice(
    shared_service: Service, query: str, status: int
) -> None:
    async with shared_service.over_ipv4() as client:
        answer = await client.get(f"/addresses?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["next"]


async def test_history_says_who_held_an_address_when(service: Service) -> None:
    async with service.over_ipv4() as client:
        reply = await picked(client, holder="crawler-7")
        [living] = (await client.get("/history", params={"addr": reply["addr"]})).json()["entries"]
        assert (living["holder"], living["dbname"], living["until"]) == ("crawler-7", "task1", None)
        await verdict(client, reply["addr"], target="shop.example")
        [ended] = (await client.get("/history", params={"addr": reply["addr"]})).json()["entries"]
        assert (ended["verdict"], ended["target"], ended["reason"]) == ("bad", "shop.example", "403")
        before = (await client.get("/history", params={"addr": reply["addr"], "at": ended["since"] - 10})).json()
        assert before["entries"] == []
        other = (await client.get("/history", params={"dbname": "task2"})).json()
        assert other["entries"] == []


async def test_history_is_bounded_by_its_limit(service: Service) -> None:
    async with service.over_ipv4() as client:
        await client.get("/picks?dbname=task1&num=5")
        assert len((await client.get("/history?limit=3")).json()["entries"]) == 3


@pytest.mark.parametrize(
    "query",
    ["addr=nonsense", "addr=fe80::1", "addr=", "dbname=", "at=-1", "at=nan", "at=yesterday", "limit=0", "limit=5001"],
)
async def test_history_of_nothing_possible_is_refused(shared_service: Service, query: str) -> None:
    async with shared_service.over_ipv4() as client:
        assert (await client.get(f"/history?{query}")).status_code == 422


async def test_targets_say_who_bans_us(service: Service) -> None:
    async with service.over_ipv4() as client:
        for target in ("shop.example", "shop.example", "news.example"):
            await verdict(client, (await picked(client))["addr"], target=target)
        found = (await client.get("/targets")).json()["targets"]
        assert [(row["target"], row["bans"], row["dbname"]) for row in found] == [
            ("shop.example", 2, "task1"),
            ("news.example", 1, "task1"),
        ]
        assert (await client.get("/targets?dbname=task2")).json()["targets"] == []
        first = (await client.get("/targets?limit=1")).json()
        rest = (await client.get("/targets", params={"limit": 1, "cursor": first["next"]})).json()
        assert [row["target"] for page in (first, rest) for row in page["targets"]] == ["shop.example", "news.example"]
        assert rest["next"] is None
        for cursor in ("-1", "x", "1" * 19):
            assert (await client.get("/targets", params={"cursor": cursor})).status_code == 422


async def test_what_became_of_addresses_is_read_on_from_a_number(service: Service) -> None:
    async with service.over_ipv4() as client:
        start = decode(AddressChanges, (await client.get("/addresses/changes")).json())
        assert start.rows == ()
        picked = (await client.get("/pick?dbname=task1")).json()["addr"]
        changes = decode(AddressChanges, (await client.get(f"/addresses/changes?since={start.seq}")).json())
    assert [(row.addr, row.leased_in) for row in changes.rows] == [(picked, ("task1",))]
    assert changes.seq > start.seq
    assert not changes.missed


async def test_the_life_of_a_prefix_says_what_became_of_its_leases(service: Service) -> None:
    async with service.over_unix() as client:
        await client.get("/pick?dbname=task1")
        await client.post("/prefixes/drain", json={"prefix": PREFIX, "draining": True})
        await client.post("/prefixes/drain", json={"prefix": PREFIX, "draining": False})
        story = decode(PrefixStory, (await client.get("/prefixes/history", params={"prefix": PREFIX})).json())
        newest = decode(
            PrefixStory, (await client.get("/prefixes/history", params={"prefix": PREFIX, "limit": 1})).json()
        )
        refused = await client.get("/prefixes/history", params={"prefix": "banana"})
    assert [(moment.turn, moment.leases) for moment in story.entries] == [
        (PrefixTurn.SEEN, None),
        (PrefixTurn.DRAINED, 1),
        (PrefixTurn.RETURNED, 1),
    ]
    assert newest.entries == story.entries[-1:]
    assert refused.status_code == 422


async def test_the_ndp_configuration_of_a_prefix_is_shown(service: Service) -> None:
    async with service.over_ipv4() as client:
        config = decode(NdpConfig, (await client.get("/ndp/config", params={"prefix": PREFIX})).json())
        unknown = await client.get("/ndp/config", params={"prefix": "2001:db8:dead::/64"})
    assert (config.prefix, config.strategy) == (PREFIX, "routed")
    assert unknown.status_code == 404
    assert unknown.json()["next"]
