"""The whole life of a subscriber's prefix by the API, in a lab whose NAS refuses and whose IPAM is away in between."""

from __future__ import annotations

import json
from ipaddress import IPv6Network
from typing import Any

import pytest

from ipv6console.wire.status import Level
from tests.integration.conftest import Lab, StartLab, elapsed_until

pytestmark = pytest.mark.privileged

ANNA = "anna@example"
RECOVERY = 25.0
DELEGATED = IPv6Network("3fff:aaaa::/40")


@pytest.fixture
def lab(start_lab: StartLab) -> Lab:
    return start_lab("--usable-num", "5", "--with", "radius,ipam")


def held(lab: Lab) -> dict[str, Any]:
    """What the IPAM holds for subscribers: prefixes with their statuses. It is asked beside the engine, where it is."""
    token = (lab.directory / "ipam.token").read_text().strip()
    url = f"http://[{lab.info()['ipam']}]/api/ipam/prefixes/"
    page = json.loads(lab.output("curl", "-gsS", "-H", f"Authorization: Token {token}", url, node="site"))
    return {row["prefix"]: row["status"]["value"] for row in page["results"] if row["status"]["value"] != "container"}


def subjects(lab: Lab) -> set[str]:
    health = lab.client.health()
    assert health.level is not Level.FAIL
    return {finding.subject for finding in health.findings}


def states(lab: Lab) -> list[str]:
    """The states Anna's prefix went through, the first first."""
    steps = reversed(lab.client.subscriber_history(ANNA).steps)
    return [step.after for step in steps if step.before != step.after]


def test_a_subscriber_lives_through_an_ipam_outage_a_nak_and_a_silent_nas(lab: Lab) -> None:
    api = lab.client
    row = api.create_subscriber(ANNA)
    assert (row.state, row.prefix) == ("pending", None)

    lab.handle.fault("ipam-down")
    asked = api.allocate_prefix(ANNA)
    assert (asked.success, asked.state, asked.pending) == (False, "pending", ("allocate",))
    elapsed_until(lambda: "ipam" in subjects(lab), RECOVERY, "/health names the IPAM")
    lab.handle.fault("ipam-up")
    elapsed_until(lambda: api.subscriber(ANNA).state == "allocated", RECOVERY, "the IPAM has given a prefix")
    got = api.subscriber(ANNA)
    assert got.prefix is not None
    assert IPv6Network(got.prefix).subnet_of(DELEGATED)
    assert held(lab) == {got.prefix: "reserved"}
    assert api.allocate_prefix(ANNA).prefix == got.prefix

    lab.handle.fault("radius-nak")
    refused = api.activate_prefix(ANNA, username=ANNA, nas_ip="2001:db8:ffff::91", send_coa=True)
    assert not refused.success
    elapsed_until(lambda: api.outbox(state="refused").total == 1, RECOVERY, "the NAS has refused")
    assert [step.answer for step in api.outbox(state="refused").steps] == ["nak Administratively-Prohibited"]
    assert api.subscriber(ANNA).state == "allocated"
    lab.handle.fault("radius-ok")
    api.activate_prefix(ANNA, username=ANNA, nas_ip="2001:db8:ffff::91", send_coa=True)
    elapsed_until(lambda: api.subscriber(ANNA).state == "active", RECOVERY, "the NAS has agreed")
    told = (lab.directory / "radius" / "packets").read_text()
    assert f"Delegated-IPv6-Prefix = {got.prefix}" in told
    elapsed_until(lambda: held(lab) == {got.prefix: "active"}, RECOVERY, "the IPAM knows that it is active")

    assert api.suspend_prefix(ANNA).state == "suspended"
    assert api.resume_prefix(ANNA).state == "active"

    lab.handle.fault("radius-silent")
    revoked = api.revoke_prefix(ANNA, send_disconnect=True)
    assert (revoked.success, revoked.state) == (False, "revoking")
    assert revoked.pending[0] == "disconnect"
    elapsed_until(lambda: "radius" in subjects(lab), RECOVERY, "/health names RADIUS")
    assert list(held(lab)) == [got.prefix]
    lab.handle.fault("radius-ok")
    elapsed_until(
        lambda: api.subscriber(ANNA).state == "revoked", RECOVERY, "the session ended, the prefix is given back"
    )
    assert held(lab) == {}
    assert states(lab) == ["allocated", "active", "suspended", "active", "revoking", "revoked"]
    elapsed_until(lambda: not {"ipam", "radius", "outbox"} & subjects(lab), RECOVERY, "all is well")
