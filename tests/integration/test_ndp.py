"""ndppd dies: the engine says so and mends it."""

from __future__ import annotations

import pytest

from ipv6console.wire.status import Level
from tests.integration.conftest import Lab, StartLab, elapsed_until

pytestmark = pytest.mark.privileged


@pytest.fixture(scope="module")
def lab(start_module_lab: StartLab) -> Lab:
    return start_module_lab("--usable-num", "20")


def test_health_says_that_ndppd_was_killed_and_then_that_all_is_well_again(lab: Lab) -> None:
    (before,) = lab.client.state().ndp
    assert lab.client.health().level is Level.OK
    lab.handle.fault("ndp-kill")
    elapsed_until(
        lambda: any(finding.subject.startswith("ndp ") for finding in lab.client.health().findings),
        5,
        "/health speaks of ndp",
    )
    said = [f for f in lab.client.health().findings if f.subject.startswith("ndp ")]
    assert "killed by signal 9" in said[0].text
    elapsed_until(lambda: lab.client.state().ndp[0].level in (Level.OK, Level.WARN), 5, "ndppd runs again")
    (after,) = lab.client.state().ndp
    assert after.pid not in (None, before.pid)
    assert after.restarts == before.restarts + 1
    # The upstream router resolves addresses anew: it must get its answers from the new process.
    lab.output("ip", "-6", "neigh", "flush", "dev", "dn0", node="isp")
    addr = lab.client.pick("after-ndp").addr
    assert addr is not None
    assert lab.output("curl", "-sS", "-m", "5", "--interface", addr, f"{lab.info()['site']}/ip").strip() == addr
    elapsed_until(lambda: lab.client.health().level is Level.OK, 20, "/health is ok again")


def test_the_events_tell_of_the_fault_and_the_recovery(lab: Lab) -> None:
    kinds = [event.kind for event in lab.client.events(limit=1_000).events]
    assert "reach.broken" in kinds
    assert kinds.index("reach.recovered") > kinds.index("reach.broken")
