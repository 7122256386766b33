"""GET /metrics about subscribers' prefixes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipv6console.api.access import NETWORK
from ipv6console.api.limits import LIMITS
from ipv6console.config import LifecycleSettings
from ipv6console.engine.lifefigures import MOST_TENANTS, TenantLabels
from tests.api.service import serving, settings_in
from tests.api.test_metrics import scraped, values

pytestmark = pytest.mark.anyio


async def test_the_figures_of_subscribers_are_told_without_naming_one(tmp_path: Path) -> None:
    settings = replace(settings_in(tmp_path), lifecycle=LifecycleSettings(spaces=("delegated",), wait=60.0))
    async with serving(settings, tmp_path, LIMITS) as service:
        async with service.over_unix() as client:
            await client.post("/spaces", json={"name": "delegated", "choice": "first"})
            await client.post("/ranges", json={"space": "delegated", "range": "2001:db8:4000::/54"})
            for number in range(2):
                body = {"subscriber_id": f"sub-{number}", "tenant": "acme"}
                await client.post(f"{NETWORK}/subscribers", json=body)
                path = f"{NETWORK}/subscribers/sub-{number}/ipv6"
                got = (await client.post(f"{path}/allocate?tenant=acme")).json()
                assert got["success"], got
            await client.post(f"{path}/activate?tenant=acme", json={"username": "joe@isp"})
            assert (await client.post(f"{path}/resume?tenant=nobody")).status_code == 404
            before = values(await scraped(service))
            await client.get(f"{NETWORK}/leaks")
        text = await scraped(service)
    found = values(text)
    assert found["ipv6console_prefixes", "delegated", "allocated"] == 1
    assert found["ipv6console_prefixes", "delegated", "active"] == 1
    assert found["ipv6console_lifecycle_operations_total", "allocate", "done", "acme"] == 2
    assert found["ipv6console_lifecycle_operation_duration_seconds_count", "allocate"] == 2
    assert found["ipv6console_pool_utilization_ratio", "delegated"] == 0.5
    assert found["ipv6console_stuck_prefixes", "allocated"] == found["ipv6console_stuck_prefixes", "revoking"] == 0
    assert found["ipv6console_outbox_age_seconds",] >= 0
    assert ("ipv6console_leaks",) not in before
    assert found["ipv6console_leaks",] == 0
    for secret in ("sub-0", "2001:db8:4000", "joe"):
        assert secret not in text


def test_tenants_beyond_the_most_are_others_for_good() -> None:
    labels = TenantLabels()
    labels.see(f"t{number}" for number in range(MOST_TENANTS + 5))
    assert [labels.label(name) for name in ("t0", f"t{MOST_TENANTS}", "new")] == ["t0", "other", "other"]
    labels.see(["new", "t0"])
    assert labels.label("new") == "other"
