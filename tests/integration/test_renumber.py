"""The ISP renumbers: what scrapers and the kernel see."""

from __future__ import annotations

import json
import sys
import time
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from ipv6console.client import EngineRefused, IPv6Client
from ipv6console.wire.event import Event
from ipv6console.wire.state import PrefixState
from tests.integration.conftest import Lab, StartLab, elapsed_until

pytestmark = pytest.mark.privileged

OLD, NEW = IPv6Network("2001:db8:0:1::/64"), IPv6Network("2001:db8:0:2::/64")

WATCHER = str(Path(__file__).with_name("watcher.py"))


@pytest.fixture(params=["onlink", "routed"], scope="module")
def drama(request: pytest.FixtureRequest, start_module_lab: StartLab) -> tuple[Lab, dict[str, Any]]:
    """A lab that was renumbered under a watcher, with a lease held from before; and what was seen meanwhile."""
    lab = start_module_lab("--mode", request.param, "--usable-num", "20")
    client: IPv6Client = lab.client
    held = client.pick("holder", ttl=600, holder="a scraper that stays")
    seen_before = client.events(limit=1_000).last
    watcher = lab.start(sys.executable, "-W", "error", WATCHER, lab.info()["interface"], "2001:db8:0:2:")
    elapsed_until(lambda: "watching" in watcher.out(), 10, "the watcher is at work")
    lab.handle.fault("renumber", grace=2)
    finished = watcher.result()
    assert finished.code == 0, finished
    elapsed_until(lambda: _event(lab, "prefix.gone", OLD, seen_before), 10, "the old prefix is gone")
    told = json.loads(finished.out.splitlines()[-1])
    return lab, {**told, "held": held, "since": seen_before, "now": time.time()}


def _event(lab: Lab, kind: str, prefix: IPv6Network, since: int) -> Event | None:
    events = lab.client.events(since, 1_000).events
    return next((event for event in events if event.kind == kind and event.subject == str(prefix)), None)


def _of(picks: list[list[Any]], prefix: IPv6Network) -> list[list[Any]]:
    return [pick for pick in picks if pick[2] and IPv6Address(pick[2]) in prefix]


def test_nothing_is_picked_from_the_old_prefix_after_the_event(drama: tuple[Lab, dict[str, Any]]) -> None:
    lab, told = drama
    event = _event(lab, "prefix.deprecated", OLD, told["since"])
    assert event is not None
    old = _of(told["picks"], OLD)
    assert old, "the watcher picked from the old prefix before"
    assert [pick for pick in old if pick[0] > event.at] == []


def test_the_first_pick_from_the_new_prefix_comes_within_a_second_of_its_address_being_usable(
    drama: tuple[Lab, dict[str, Any]],
) -> None:
    _, told = drama
    first = min(pick[1] for pick in _of(told["picks"], NEW))
    assert first - told["usable_at"] < 1.0


def test_the_holder_of_an_old_lease_is_told_by_event_and_by_its_next_report(
    drama: tuple[Lab, dict[str, Any]],
) -> None:
    lab, told = drama
    held = told["held"]
    lost = [event for event in lab.client.events(told["since"], 1_000).events if event.kind == "lease.lost"]
    assert [event.data["addr"] for event in lost] == [held.addr]
    assert lost[0].data["holder"] == "a scraper that stays"
    assert lost[0].data["process"].startswith("pid ")
    reply = lab.client.report(held.addr, "idle", "holder", lease=held.lease)
    assert reply.success is False
    assert reply.detail
    with pytest.raises(EngineRefused) as refused:
        lab.client.renew(held.lease, 600)
    assert refused.value.status == 404


def test_the_old_route_is_gone_and_the_new_one_is_there(drama: tuple[Lab, dict[str, Any]]) -> None:
    lab, _ = drama

    def local_routes() -> set[str]:
        routes = json.loads(lab.output("ip", "-6", "-j", "route", "show", "table", "local", "type", "local"))
        return {route["dst"] for route in routes}

    elapsed_until(lambda: str(OLD) not in local_routes(), 5, "the old local route is removed")
    assert str(NEW) in local_routes()
    assert str(OLD) not in lab.output("ip", "-6", "route")


def test_the_state_shows_the_new_prefix_alone_in_use(drama: tuple[Lab, dict[str, Any]]) -> None:
    lab, _ = drama
    state = lab.client.state()
    in_use = [row.prefix for row in state.prefixes if row.state in (PrefixState.ACTIVE, PrefixState.DRAINING)]
    assert in_use == [str(NEW)]
    assert [row.prefix for row in state.ndp] == [str(NEW)]


def test_a_new_pick_reaches_the_site(drama: tuple[Lab, dict[str, Any]]) -> None:
    lab, _ = drama
    addr = lab.client.pick("after").addr
    assert addr is not None
    assert IPv6Address(addr) in NEW
    assert lab.output("curl", "-sS", "--interface", addr, f"{lab.info()['site']}/ip").strip() == addr
