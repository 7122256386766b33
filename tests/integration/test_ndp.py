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
    since = lab.client.events(limit=1_000).last
    assert lab.client.health().level is Level.OK
    lab.handle.fault("ndp-kill")
    # That it runs no more is over within a moment; that it was killed is told for longer.
    elapsed_until(lambda: _told(lab, "killed by signal 9"), 5, "/health speaks of ndp")
    elapsed_until(lambda: "reach.broken" in _kinds(lab, since), 5, "an event tells of it")
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
    elapsed_until(lambda: "reach.recovered" in _kinds(lab, since), 5, "an event tells of it")
    kinds = _kinds(lab, since)
    assert kinds.index("reach.recovered") > kinds.index("reach.broken")


def _told(lab: Lab, what: str) -> bool:
    return any(finding.subject.startswith("ndp ") and what in finding.text for finding in lab.client.health().findings)


def _kinds(lab: Lab, since: int) -> list[str]:
    return [event.kind for event in lab.client.events(since, 1_000).events]
