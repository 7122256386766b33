"""Subscribers' prefixes over HTTP: the older system's words, tenants kept apart, and what waits for other systems."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ipv6console.api.access import NETWORK
from ipv6console.api.limits import LIMITS
from ipv6console.config import LifecycleSettings
from ipv6console.engine.external import Allocation, Verdict
from tests.api.service import Service, serving, settings_in
from tests.api.test_problems import problem
from tests.engine.ipam import HandRegistry, HandSessions

pytestmark = pytest.mark.anyio

LONG = 60.0
"""Seconds a request may wait for the systems beside: longer than any of them takes here."""


@dataclass
class Provider:
    """A served engine and the systems beside it, which do as a test says."""

    service: Service
    registry: HandRegistry
    sessions: HandSessions

    def client(self, tenant: str | None = None) -> httpx.AsyncClient:
        """Return a client with the token of a tenant, or over the Unix socket."""
        if tenant is None:
            return self.service.over_unix()
        return self.service.over_ipv4(Authorization=f"Bearer {self.service.tokens[tenant]}")


async def provided(folder: Path, wait: float) -> AsyncIterator[Provider]:
    registry, sessions = HandRegistry(), HandSessions()
    settings = replace(settings_in(folder), lifecycle=LifecycleSettings(wait=wait))
    partners: dict[str, Any] = {"registry": registry, "sessions": sessions}
    async with serving(settings, folder, LIMITS, tokens={"reader": "read"}, **partners) as service:
        secrets = {}
        async with service.over_unix() as client:
            for tenant in ("acme", "other"):
                body = {"name": tenant, "scope": "operate", "tenant": tenant}
                secrets[tenant] = (await client.post("/tokens", json=body)).json()["token"]
        yield Provider(replace(service, tokens={**service.tokens, **secrets}), registry, sessions)


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    async for made in provided(tmp_path, LONG):
        yield made


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[Provider]:
    """A provider whose requests wait for nobody, and whose IPAM answers once the gate is open."""
    async for made in provided(tmp_path, 0.01):
        made.registry.gate = asyncio.Event()
        yield made
        made.registry.gate.set()


async def made(client: httpx.AsyncClient, name: str, **fields: Any) -> None:
    answer = await client.post(f"{NETWORK}/subscribers", json={"subscriber_id": name, **fields})
    assert answer.status_code == 200, answer.text


async def act(client: httpx.AsyncClient, name: str, verb: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"{NETWORK}/subscribers/{name}/ipv6/{verb}", json=body)
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def found(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(f"{NETWORK}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_whole_life_of_a_prefix_in_the_older_systems_words(provider: Provider) -> None:
    async with provider.client("acme") as client:
        await made(client, "sub-1", prefix_size=48)
        before = await found(client, "subscribers/sub-1/ipv6/status")
        assert before == {
            "subscriber_id": "sub-1", "prefix": None, "prefix_size": 48, "state": "pending", "allocated_at": None,
            "activated_at": None, "revoked_at": None, "netbox_prefix_id": None, "assignment_mode": "pd",
        }  # fmt: skip
        got = await act(client, "sub-1", "allocate")
        assert got["success"]
        assert (got["prefix"], got["state"], got["netbox_prefix_id"]) == ("2001:db8::/48", "allocated", 1)
        assert datetime.fromisoformat(got["allocated_at"]).utcoffset() is not None
        assert await act(client, "sub-1", "allocate") == got
        problem(await client.post(f"{NETWORK}/subscribers/sub-1/ipv6/allocate", json={"prefix_size": 56}), 409)
        active = await act(client, "sub-1", "activate", username="joe@isp", nas_ip="2001:DB8:ffff:0::1", send_coa=True)
        assert (active["state"], active["coa_result"][:3]) == ("active", "ack")
        assert provider.sessions.asked[0][1].nas_ip == "2001:db8:ffff::1"
        assert (await act(client, "sub-1", "suspend"))["state"] == "suspended"
        assert (await act(client, "sub-1", "resume"))["state"] == "active"
        stats = await found(client, "ipv6/stats")
        assert stats["state_counts"]["active"] == stats["utilization"]["total_profiles"] == 1
        assert stats["netbox_integration"]["prefixes_with_netbox_id"] == 1
        over = await act(client, "sub-1", "revoke", send_disconnect=True)
        assert (over["success"], over["state"], over["disconnect_result"][:3]) == (True, "revoked", "ack")
        assert await act(client, "sub-1", "revoke") == {**over, "prefix": None}
        assert provider.registry.entries == {}
        steps = (await found(client, "subscribers/sub-1/ipv6/history"))["steps"]
        turns = [(step["before"], step["after"]) for step in reversed(steps) if step["before"] != step["after"]]
        assert turns == [
            ("pending", "allocated"), ("allocated", "active"), ("active", "suspended"), ("suspended", "active"),
            ("active", "revoking"), ("revoking", "revoked"),
        ]  # fmt: skip
        assert (await client.delete(f"{NETWORK}/subscribers/sub-1")).status_code == 200
        problem(await client.get(f"{NETWORK}/subscribers/sub-1"), 404)


async def test_what_another_system_has_not_answered_is_a_202_that_can_be_cancelled_or_goes_on(hasty: Provider) -> None:
    async with hasty.client() as client:
        await made(client, "sub-1")
        await made(client, "sub-2")
        for name in ("sub-1", "sub-2"):
            told = await act(client, name, "allocate", 202)
            assert (told["success"], told["state"], told["pending"]) == (False, "pending", ["allocate"])
            assert told["message"]
        page = await found(client, "outbox", state="pending")
        assert page["total"] == 2
        by_name = {step["subscriber_id"]: step for step in page["steps"]}
        retried = await client.post(f"{NETWORK}/outbox/{by_name['sub-1']['id']}/retry")
        assert retried.json()["state"] == "pending"
        path = f"{NETWORK}/outbox/{by_name['sub-2']['id']}/cancel"
        problem(await client.post(path, json={"reason": " "}), 422)
        cancelled = (await client.post(path, json={"reason": "ordered twice"})).json()
        assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "ordered twice")
        problem(await client.post(path, json={"reason": "again"}), 404)
        assert hasty.registry.gate is not None
        hasty.registry.gate.set()
        with anyio.fail_after(30):
            while (await found(client, "subscribers/sub-1"))["state"] != "allocated":
                await client.post(f"{NETWORK}/subscribers/sub-1/ipv6/allocate", json={})
            while (await found(client, "subscribers/sub-2"))["state"] != "failed":
                await found(client, "outbox")
    assert {entry.subscriber for entry in hasty.registry.entries.values()} == {"sub-1"}


async def test_a_nak_is_no_success_and_no_activation(provider: Provider) -> None:
    provider.sessions.answers.append((Verdict.NAK, "Session-Context-Not-Found"))
    async with provider.client() as client:
        await made(client, "sub-1")
        await act(client, "sub-1", "allocate")
        told = await act(client, "sub-1", "activate", username="joe", send_coa=True)
    assert (told["success"], told["state"]) == (False, "allocated")
    assert "Session-Context-Not-Found" in told["coa_result"]


async def test_what_is_another_tenants_is_not_there_and_not_hinted_at(provider: Provider) -> None:
    async with provider.client("acme") as acme, provider.client("other") as other, provider.client() as operator:
        await made(acme, "sub-1")
        await act(acme, "sub-1", "allocate")
        provider.registry.entries[99] = replace(provider.registry.entries[1], id=99, network=1 << 100, operation="lost")
        await found(operator, "leaks")
        step = (await found(operator, "outbox"))["steps"][0]["id"]
        requests: list[tuple[str, str, Any]] = [
            ("GET", "subscribers/{}", None), ("DELETE", "subscribers/{}", None), ("GET", "subscribers/{}/ipv6/status", None),
            ("GET", "subscribers/{}/ipv6/history", None), ("POST", "subscribers/{}/ipv6/allocate", {}),
            ("POST", "subscribers/{}/ipv6/activate", {}), ("POST", "subscribers/{}/ipv6/suspend", None),
            ("POST", "subscribers/{}/ipv6/resume", None), ("POST", "subscribers/{}/ipv6/revoke", {}),
        ]  # fmt: skip
        for method, path, body in requests:
            told = []
            for name in ("sub-1", "sub-9"):
                answer = await other.request(method, f"{NETWORK}/{path.format(name)}", json=body)
                told.append(problem(answer, 404) | {"detail": answer.json()["detail"].replace(name, "X")})
            assert told[0] == told[1]
            problem(await other.request(method, f"{NETWORK}/{path.format('sub-1')}?tenant=acme", json=body), 404)
        for verb, body in (("cancel", {"reason": "mine"}), ("retry", None)):
            problem(await other.post(f"{NETWORK}/outbox/{step}/{verb}", json=body), 404)
        leak = (await found(operator, "leaks"))["leaks"][0]["id"]
        for wanted in (
            {"action": "subscriber-revoke", "subscriber_id": "sub-1"},
            {"action": "repair-leak", "leak": leak},
        ):
            problem(await other.post("/plan", json=wanted), 404)
        problem(await other.post(f"{NETWORK}/subscribers", json={"subscriber_id": "x", "tenant": "acme"}), 404)
        assert (await found(other, "subscribers"))["total"] == 0
        assert (await found(other, "outbox"))["total"] == 0
        assert (await found(other, "ipv6/stats"))["utilization"]["total_profiles"] == 0
        report = await found(other, "leaks")
        assert (report["leaks"], report["compared"]) == ([], {})
        assert "sub-1" not in (await other.get(f"{NETWORK}/subscribers.csv")).text
        assert (await found(acme, "subscribers"))["total"] == 1
        assert [row["id"] for row in (await found(acme, "leaks"))["leaks"]] == [leak]
        assert (await found(operator, "subscribers/sub-1", tenant="acme"))["tenant"] == "acme"
        problem(await operator.get(f"{NETWORK}/subscribers/sub-1"), 404)


async def test_the_report_has_a_line_for_each_subscriber_and_no_formula(provider: Provider) -> None:
    async with provider.client() as client:
        for number in range(3):
            await made(client, f"sub-{number}", tenant="acme")
        await made(client, "elsewhere", tenant="other")
        for verb, body in (("allocate", {}), ("activate", {"username": "=1+1"})):
            await client.post(f"{NETWORK}/subscribers/sub-1/ipv6/{verb}?tenant=acme", json=body)
        answer = await client.get(f"{NETWORK}/subscribers.csv?tenant=acme")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "subscribers-acme.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["subscriber_id"] for row in rows] == ["sub-0", "sub-1", "sub-2"]
    assert (rows[1]["username"], rows[1]["state"], rows[1]["registry_id"]) == ("'=1+1", "active", "1")
    assert rows[1]["activated_at"].endswith("Z")
    assert rows[0]["prefix"] == ""


async def test_a_leak_is_shown_planned_and_mended_once(provider: Provider) -> None:
    lost = Allocation(
        id=77,
        network=5 << 100,
        length=56,
        parent=1,
        operation="op-lost",
        tenant="acme",
        subscriber="gone",
        status="active",
    )
    provider.registry.entries[77] = lost
    async with provider.client() as client:
        await made(client, "sub-1")
        await act(client, "sub-1", "allocate")
        await act(client, "sub-1", "revoke", release_to_netbox=False)
        report = await found(client, "leaks")
        assert report["compared"] == {"store": 1, "netbox": 2, "embedded": 0}
        assert set(report["missing"]) == {"dhcpv6", "kernel"}
        leaks = {leak["kind"]: leak for leak in report["leaks"]}
        assert set(leaks) == {"unknown-in-store", "held-after-revoke"}
        assert leaks["unknown-in-store"]["repair"] == "release netbox 77: nobody here holds it"
        for leak in leaks.values():
            plan = (await client.post("/plan", json={"action": "repair-leak", "leak": leak["id"]})).json()
            assert plan["steps"] == [leak["repair"]]
            assert (await client.post("/apply", json={"plan": plan["id"]})).json()["count"] == 1
            problem(await client.post("/plan", json={"action": "repair-leak", "leak": leak["id"]}), 404)
        assert provider.registry.entries == {}
        assert (await found(client, "leaks"))["leaks"] == []
        kinds = [event["kind"] for event in (await client.get("/events?kind=leak.")).json()["events"]]
    assert kinds == ["leak.found", "leak.repaired", "leak.repaired"]


async def test_a_repair_looks_again_and_does_nothing_to_what_is_no_leak_any_more(provider: Provider) -> None:
    lost = Allocation(
        id=77,
        network=5 << 100,
        length=56,
        parent=1,
        operation="op-lost",
        tenant="acme",
        subscriber="gone",
        status="active",
    )
    provider.registry.entries[77] = lost
    async with provider.client() as client:
        [leak] = (await found(client, "leaks"))["leaks"]
        plan = (await client.post("/plan", json={"action": "repair-leak", "leak": leak["id"]})).json()["id"]
        provider.registry.entries[77] = replace(lost, operation=None)
        told = problem(await client.post("/apply", json={"plan": plan}), 409)
        assert told["type"] == "plan-changed"
        assert 77 in provider.registry.entries
        by_hand = (await found(client, "leaks"))["leaks"][0]
        assert by_hand["repair"] is None
        assert problem(await client.post("/plan", json={"action": "repair-leak", "leak": by_hand["id"]}), 409)["next"]


BAD: list[tuple[str, str, Any, str]] = [
    ("POST", "subscribers", {"subscriber_id": ""}, "1 to 128"),
    ("POST", "subscribers", {"subscriber_id": ".x"}, "1 to 128"),
    ("POST", "subscribers", {"subscriber_id": "a/b"}, "1 to 128"),
    ("POST", "subscribers", {"subscriber_id": "a" * 129}, "1 to 128"),
    ("POST", "subscribers", {"subscriber_id": "x", "tenant": "a b"}, "1 to 64"),
    ("POST", "subscribers", {"subscriber_id": "x", "assignment_mode": "dhcp"}, "slaac"),
    ("POST", "subscribers", {"subscriber_id": "x", "prefix_size": 129}, "16 to 128"),
    ("POST", "subscribers", {"subscriber_id": "x", "prefix_size": "big"}, "16 to 128"),
    ("POST", "subscribers/kept/ipv6/allocate", {"prefix_size": 0}, "16 to 128"),
    ("POST", "subscribers/kept/ipv6/allocate", {"netbox_pool_id": 0}, "number of a prefix"),
    ("POST", "subscribers/kept/ipv6/activate", {"nas_ip": "nas1"}, "address of one NAS"),
    ("POST", "subscribers/kept/ipv6/activate", {"nas_ip": "ff02::1"}, "address of one NAS"),
    ("POST", "subscribers/kept/ipv6/activate", {"nas_ip": "fe80::1%eth0"}, "address of one NAS"),
    ("POST", "subscribers/kept/ipv6/activate", {"username": "a\nb"}, "User-Name"),
    ("POST", "subscribers/kept/ipv6/revoke", {"username": "x" * 254}, "User-Name"),
    ("POST", "subscribers/kept/ipv6/revoke", {"release_to_netbox": "perhaps"}, "example"),
    ("GET", "subscribers?state=idle", None, "states"),
    ("GET", "subscribers?tenant=..", None, "1 to 64"),
    ("GET", "subscribers?cursor=nonsense", None, "page before"),
    ("GET", "outbox?state=lost", None, "states"),
    ("GET", "outbox?cursor=p/nan/x", None, "page before"),
    ("POST", "outbox/a%20b/retry", None, "outbox"),
]


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    async for one in provided(tmp_path_factory.mktemp("api"), LONG):
        async with one.client() as client:
            await made(client, "kept")
            await made(client, "none", assignment_mode="none")
        yield one


@pytest.mark.parametrize(("method", "path", "body", "helps"), BAD, ids=lambda value: str(value)[:40])
async def test_bad_input_is_told_and_changes_nothing(
    kept: Provider, method: str, path: str, body: Any, helps: str
) -> None:
    async with kept.client() as client:
        before = await found(client, "subscribers")
        assert helps in problem(await client.request(method, f"{NETWORK}/{path}", json=body), 422)["next"]
        assert await found(client, "subscribers") == before
        assert (await found(client, "outbox"))["total"] == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("subscribers/none/ipv6/allocate", 409),
        ("subscribers/kept/ipv6/activate", 409),
        ("subscribers/kept/ipv6/suspend", 409),
        ("subscribers/kept/ipv6/resume", 409),
        ("subscribers/kept/ipv6/revoke", 409),
        ("subscribers/nobody/ipv6/allocate", 404),
        ("outbox/nothing/retry", 404),
    ],
)
async def test_what_the_present_state_does_not_allow_is_refused_with_the_next_step(
    kept: Provider, path: str, status: int
) -> None:
    async with kept.client() as client:
        assert problem(await client.post(f"{NETWORK}/{path}"), status)["next"]
