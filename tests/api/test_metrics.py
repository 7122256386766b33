"""GET /metrics: what Prometheus is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as older_families

from tests.api.service import Service

pytestmark = pytest.mark.anyio

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
NAMES = re.compile(r"\b(?:ipv6console|process)_[a-z0-9_]+")

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}


def families(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call] # the parser has no types


async def scraped(service: Service) -> str:
    async with service.over_ipv4() as client:
        answer = await client.get("/metrics", headers={"accept": "application/openmetrics-text"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    return answer.text


def values(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value for family in families(text) for sample in family.samples
    }


async def test_the_figures_are_those_of_the_engine(service: Service) -> None:
    async with service.over_ipv4() as client:
        picked = (await client.get("/pick?dbname=task1")).json()
        await client.get("/picks?dbname=task1&num=2")
        info = {"addr": picked["addr"], "status": "bad"}
        await client.post("/report", json={"dbname": "task1", "report_info": info})
    found, state = values(await scraped(service)), service.engine.state()
    assert found["ipv6console_pool_addresses",] == state.pool.total > 0
    assert found["ipv6console_pool_leases",] == 2
    assert found["ipv6console_mirror_addresses", "task1", "using"] == 2
    assert found["ipv6console_mirror_addresses", "task1", "bad"] == 1
    assert found["ipv6console_mirror_picks_total", "task1"] == 3
    assert found["ipv6console_mirror_bans_total", "task1"] == 1
    assert found["ipv6console_http_requests_total", "hot"] == 3
    assert found["ipv6console_pick_duration_seconds_count",] == 1
    assert found["ipv6console_store_commit_duration_seconds_bucket", "+Inf"] >= 3
    assert found["ipv6console_health", state_level := service.engine.health().level] == 1, state_level
    assert found["ipv6console_events_total", "prefix.appeared"] == 1
    assert found["process_resident_memory_bytes",] > 0


async def test_what_does_not_ask_for_openmetrics_gets_the_older_format(service: Service) -> None:
    async with service.over_ipv4() as client:
        answer = await client.get("/metrics", headers={"accept": "text/plain"})
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {family.name for family in older_families(answer.text)} >= {"ipv6console_pool_addresses"}


async def test_no_address_lease_or_secret_is_a_label(service: Service) -> None:
    async with service.over_ipv4() as client:
        picked = (await client.get("/pick?dbname=task1&holder=crawler-7&ttl=60")).json()
    text = await scraped(service)
    for secret in (picked["addr"], picked["lease"], "crawler-7"):
        assert secret not in text


async def test_its_names_are_bounded_by_those_of_the_mirrors(service: Service) -> None:
    before = len(values(await scraped(service)))
    async with service.over_ipv4() as client:
        for _ in range(20):
            await client.get("/pick?dbname=one-more")
    assert len(values(await scraped(service))) - before == 9


def _expressions(of: Any) -> list[str]:
    if isinstance(of, dict):
        return [text for key, value in of.items() for text in ([value] if key == "expr" else _expressions(value))]
    return [text for value in of for text in _expressions(value)] if isinstance(of, list) else []


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yaml"])
async def test_every_name_a_dashboard_or_an_alert_uses_is_exposed(service: Service, name: str) -> None:
    exposed = {
        family.name + suffix
        for family in families(await scraped(service))
        for suffix in SUFFIXES.get(family.type, ("",))
    }
    text = (PACKAGING / name).read_text(encoding="utf-8")
    expressions = _expressions(json.loads(text) if name.endswith("json") else yaml.safe_load(text))
    assert expressions
    asked = {found for expression in expressions for found in NAMES.findall(expression)}
    assert asked
    assert asked <= exposed
