"""The list of bad input, on every endpoint it can reach: a 4xx that says what to do, and the state as it was."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ipv6console.api.limits import LIMITS
from tests.api.service import Service, serving, settings_in
from tests.api.test_problems import problem

pytestmark = pytest.mark.anyio

DBNAMES = {
    "empty": "",
    "65 long": "a" * 65,
    "NUL": "a\x00b",
    "a path": "../x",
    "a dot first": ".x",
    "a space": "a b",
    "no ASCII": "ä",
}
NUMS = ["-1", "0", "101", "1e9", "1000000000", "text", "1.5", ""]
ADDRESSES = {
    "malformed": "2001:db8::g",
    "IPv4": "192.0.2.7",
    "IPv4 in IPv6": "::ffff:192.0.2.7",
    "link-local": "fe80::1",
    "multicast": "ff02::1",
    "with a zone": "fe80::1%eth0",
    "global with a zone": "2001:db8:0:1::1%eth0",
    "a prefix": "2001:db8:0:1::/64",
    "empty": "",
    "NUL": "2001:db8:0:1::1\x00",
}
NAMED = ["/pick", "/picks", "/stats", "/leases", "/addresses", "/targets", "/history"]
ADDRESSED = ["/check", "/checks", "/report", "/reports", "/reset", "/resets"]
NAMED_BODIES = ["/report", "/reports", "/reset", "/resets"]


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("api")
    async with serving(settings_in(folder), folder, LIMITS) as service:
        async with service.over_unix() as client:
            picked = (await client.get("/pick?dbname=kept&ttl=600")).json()
            assert picked["success"]
        yield service


async def counters(service: Service) -> dict[str, Any]:
    """Everything in /state that a request could have changed."""
    async with service.over_unix() as client:
        state = (await client.get("/state")).json()
        tokens = (await client.get("/tokens")).json()["tokens"]
    return {
        "pool": {name: state["pool"][name] for name in ("total", "idle", "leased", "spawned")},
        "mirrors": {
            row["name"]: [row[name] for name in ("total", "idle", "using", "bad", "picks", "reports", "draining")]
            for row in state["mirrors"]
        },
        "prefixes": [(row["prefix"], row["state"]) for row in state["prefixes"]],
        "tokens": [row["name"] for row in tokens],
    }


async def refused(service: Service, status: int, method: str, path: str, **options: Any) -> dict[str, Any]:
    """Send it over the Unix socket, where nothing is forbidden; the answer must be a problem, the state the same."""
    before = await counters(service)
    async with service.over_unix(**options.pop("shown", {})) as client:
        document = problem(await client.request(method, path, **options), status)
    assert await counters(service) == before
    return document


def body(*, addr: str = "2001:db8:0:1::1", dbname: str = "kept") -> dict[str, Any]:
    info = {"addr": addr, "status": "bad"}
    return {"dbname": dbname, "addr": addr, "addrs": [addr], "report_info": info, "report_infos": [info]}


@pytest.mark.parametrize("dbname", DBNAMES.values(), ids=DBNAMES)
@pytest.mark.parametrize("path", NAMED)
async def test_a_careless_dbname_in_a_query(service: Service, path: str, dbname: str) -> None:
    assert "1 to 64" in (await refused(service, 422, "GET", path, params={"dbname": dbname}))["next"]


@pytest.mark.parametrize("dbname", DBNAMES.values(), ids=DBNAMES)
@pytest.mark.parametrize("path", NAMED_BODIES)
async def test_a_careless_dbname_in_a_body(service: Service, path: str, dbname: str) -> None:
    assert "1 to 64" in (await refused(service, 422, "POST", path, json=body(dbname=dbname)))["next"]


@pytest.mark.parametrize("dbname", DBNAMES.values(), ids=DBNAMES)
@pytest.mark.parametrize("path", ["/flush", "/reset_all"])
async def test_a_careless_dbname_where_a_whole_mirror_is_named(service: Service, path: str, dbname: str) -> None:
    await refused(service, 422, "POST", path, params={"dbname": dbname})


@pytest.mark.parametrize("num", NUMS)
@pytest.mark.parametrize("path", ["/picks", "/spawns"])
async def test_a_number_that_is_none_or_out_of_bounds(service: Service, path: str, num: str) -> None:
    assert "from 1 to 100" in (await refused(service, 422, "GET", path, params={"num": num}))["next"]


async def test_a_limit_out_of_bounds_is_told_the_bound_that_is_documented(service: Service) -> None:
    async with service.over_unix() as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    bounds = {
        path: parameter["schema"]["maximum"]
        for path, methods in paths.items()
        for parameter in methods.get("get", {}).get("parameters", ())
        if parameter["name"] == "limit"
    }
    assert bounds["/addresses"] == 5_000
    for path, most in bounds.items():
        for limit in (0, most + 1):
            params = {"limit": limit, "prefix": "2001:db8:0:1::/64", "space": "edge"}
            told = await refused(service, 422, "GET", re.sub(r"{\w+}", "sub-1", path), params=params)
            assert told["next"] == f"Ask for a whole number from 1 to {most}."


@pytest.mark.parametrize("addr", ADDRESSES.values(), ids=ADDRESSES)
@pytest.mark.parametrize("path", ADDRESSED)
async def test_an_address_no_scraper_could_lease(service: Service, path: str, addr: str) -> None:
    await refused(service, 422, "POST", path, json=body(addr=addr))


@pytest.mark.parametrize("addr", ADDRESSES.values(), ids=ADDRESSES)
async def test_an_address_no_scraper_could_lease_in_a_plan(service: Service, addr: str) -> None:
    # One that is an address, but in no prefix of ours, is not found.
    status = 404 if addr in ("fe80::1", "ff02::1") else 422
    wanted = {"action": "revoke-addresses", "addrs": [addr], "reason": "test"}
    await refused(service, status, "POST", "/plan", json=wanted)


@pytest.mark.parametrize(
    "addr",
    ["2001:db8:9::1", "2001:db8:0:1::dead"],
    ids=["out of every prefix", "unknown"],
)
async def test_an_address_that_is_not_ours_is_told_apart_and_changes_nothing(service: Service, addr: str) -> None:
    before = await counters(service)
    async with service.over_unix() as client:
        answer = (await client.post("/report", json=body(addr=addr))).json()
        assert not answer["success"]
        assert answer["detail"]
        assert (await client.post("/reset", json=body(addr=addr))).json()["success"] is False
    after = await counters(service)
    assert after == before


@pytest.mark.parametrize("shown", ["none-of-ours", "ipv6c_" + "x" * 43, "a b"])
async def test_a_wrong_token(service: Service, shown: str) -> None:
    document = await refused(service, 401, "GET", "/pick", shown={"authorization": f"Bearer {shown}"})
    assert "token create" in document["next"]


@pytest.mark.parametrize("path", ["/check", "/report", "/resets", "/plan"])
async def test_a_body_of_two_mebibytes(service: Service, path: str) -> None:
    document = await refused(
        service, 413, "POST", path, content=b" " * (2 << 20), headers={"content-type": "application/json"}
    )
    assert "1 MiB" in document["next"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/pick"), ("GET", "/spawn"), ("POST", "/save"), ("POST", "/flush"), ("GET", "/state")]
)
@pytest.mark.parametrize(
    "shown", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}], ids=str
)
async def test_a_foreign_host_and_a_page_of_another_site(
    service: Service, method: str, path: str, shown: dict[str, str]
) -> None:
    before = await counters(service)
    async with service.over_ipv4() as client:
        assert problem(await client.request(method, path, headers=shown), 403)["next"]
    assert await counters(service) == before


@pytest.mark.parametrize("content", [b'{"dbname": "kept", "addr', b"{", b"", b"\xff", b"[1, 2", b"null"])
@pytest.mark.parametrize("path", ["/check", "/report", "/resets", "/plan"])
async def test_truncated_json(service: Service, path: str, content: bytes) -> None:
    before = await counters(service)
    async with service.over_unix(content_type="application/json") as client:
        answer = await client.post(path, content=content)
    problem(answer, answer.status_code)
    assert answer.status_code == 422
    assert await counters(service) == before


async def test_an_unknown_key_of_a_mirrors_settings(service: Service) -> None:
    async with service.over_unix() as client:
        before = (await client.get("/mirrors/kept/settings")).json()
    await refused(service, 422, "PUT", "/mirrors/kept/settings", json={"usable_nun": 7})
    async with service.over_unix() as client:
        assert (await client.get("/mirrors/kept/settings")).json() == before


async def test_the_engine_still_serves_after_all_of_it(service: Service) -> None:
    async with service.over_unix() as client:
        answer: httpx.Response = await client.get("/pick?dbname=kept")
    assert answer.json()["success"]
