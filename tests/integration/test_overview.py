"""For each pane of the Overview: something outside changes, and the document the pane is drawn from says so."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit

import pytest

from ipv6console.wire.state import MirrorRow, PrefixRow, PrefixState
from ipv6console.wire.status import Level
from tests.integration.conftest import BACKOFF, Lab, StartLab, elapsed_until, unstartable_ndppd

pytestmark = pytest.mark.privileged

SOON = 5.0

_SCRAPER = """
import sys, time
from ipv6console.client import IPv6Session
with IPv6Session(sys.argv[1], ttl=float(sys.argv[2]), holder="overview") as session:
    print(session.addr, flush=True)
    time.sleep(1000)
"""


@pytest.fixture(scope="module")
def lab(start_module_lab: StartLab) -> Lab:
    return start_module_lab("--usable-num", "20")


def _prefix(lab: Lab, prefix: str) -> PrefixRow | None:
    return next((row for row in lab.client.state().prefixes if row.prefix == prefix), None)


def _mirror(lab: Lab, name: str) -> MirrorRow | None:
    return next((row for row in lab.client.state().mirrors if row.name == name), None)


def _kinds(lab: Lab, since: int) -> list[str]:
    return [event.kind for event in lab.client.events(since, 1_000).events]


def test_the_prefix_pane_shows_an_address_that_appears_is_deprecated_and_goes(lab: Lab) -> None:
    added = "2001:db8:0:77::2/64"

    def standing() -> PrefixState | None:
        row = _prefix(lab, "2001:db8:0:77::/64")
        return row.state if row else None

    lab.output("ip", "-6", "address", "add", added, "dev", "up0", "nodad")
    elapsed_until(lambda: standing() is PrefixState.ACTIVE, SOON, "the prefix is active")
    lab.output("ip", "-6", "address", "change", added, "dev", "up0", "preferred_lft", "0", "valid_lft", "600")
    elapsed_until(lambda: standing() is PrefixState.DRAINING, SOON, "the prefix drains")
    lab.output("ip", "-6", "address", "del", added, "dev", "up0")
    elapsed_until(lambda: standing() in (None, PrefixState.GONE), SOON, "the prefix is gone")


def test_the_prefix_pane_shows_lifetimes_as_the_kernel_has_them(lab: Lab) -> None:
    row = _prefix(lab, "2001:db8:0:1::/64")
    assert row is not None
    assert row.preferred_until is not None
    lifetimes = ("preferred_lft", "7000", "valid_lft", "9000")
    lab.output("ip", "-6", "address", "change", "2001:db8:0:1::2/64", "dev", "up0", *lifetimes)

    def left() -> float:
        fresh = _prefix(lab, "2001:db8:0:1::/64")
        assert fresh is not None
        assert fresh.preferred_until is not None
        return fresh.preferred_until - lab.client.state().at

    elapsed_until(lambda: 6_900 < left() <= 7_001, SOON, "the new lifetime is shown")


def test_the_prefix_pane_shows_a_local_route_that_was_taken_away(lab: Lab) -> None:
    lab.output("ip", "-6", "route", "del", "local", "2001:db8:0:1::/64", "dev", "lo", "table", "local")

    def told() -> bool:
        return any(event.kind == "reach.broken" for event in lab.client.events(since, 1_000).events)

    since = lab.client.state().engine.last_event - 1
    elapsed_until(lambda: told() or _route_is_back(lab), SOON, "the missing route is told of, or is back")
    elapsed_until(lambda: _route_is_back(lab), SOON, "the route is back")
    elapsed_until(lambda: _route_level(lab) is Level.OK, SOON, "the route is shown as well")


def _route_level(lab: Lab) -> Level | None:
    row = _prefix(lab, "2001:db8:0:1::/64")
    return row.route if row else None


def _route_is_back(lab: Lab) -> bool:
    routes = json.loads(lab.output("ip", "-6", "-j", "route", "show", "table", "local", "type", "local"))
    return "2001:db8:0:1::/64" in {route["dst"] for route in routes}


def test_the_ndp_pane_shows_that_ndppd_is_another_process(lab: Lab) -> None:
    (before,) = lab.client.state().ndp
    with unstartable_ndppd(lab):
        lab.handle.fault("ndp-kill")
        elapsed_until(lambda: lab.client.state().ndp[0].level is Level.FAIL, SOON, "the pane says fail")
        assert lab.client.state().ndp[0].pid in (None, before.pid)
    elapsed_until(lambda: lab.client.state().ndp[0].level is not Level.FAIL, BACKOFF, "the pane says no more so")
    (after,) = lab.client.state().ndp
    assert after.pid not in (None, before.pid)
    assert after.restarts > before.restarts


def test_the_pool_and_mirrors_panes_show_a_scraper_that_comes_and_goes(lab: Lab) -> None:
    leased = lab.client.state().pool.leased
    scraper = lab.start(sys.executable, "-c", _SCRAPER, "comes-and-goes", "600")
    elapsed_until(scraper.out, 10, "the scraper has its lease")
    row = _mirror(lab, "comes-and-goes")
    assert row is not None
    assert (row.using, row.picks) == (1, 1)
    assert lab.client.state().pool.leased == leased + 1
    lab.output("kill", "-INT", str(scraper.remote.pid))
    elapsed_until(lambda: lab.client.state().pool.leased == leased, SOON, "the lease is given back")
    row = _mirror(lab, "comes-and-goes")
    assert row is not None
    assert (row.using, row.reports) == (0, 1)


def test_the_pool_pane_shows_a_check_url_that_went_down(lab: Lab) -> None:
    asked = max(lab.client.state().pool.check_urls, key=lambda url: url.last_ok_at or 0.0)
    assert asked.level is Level.OK
    address = urlsplit(asked.url).hostname

    def is_shown_as_down() -> bool:
        lab.client.spawn()
        return any(url.url == asked.url and url.level is Level.FAIL for url in lab.client.state().pool.check_urls)

    lab.output("ip", "-6", "address", "del", f"{address}/64", "dev", "eth0", node="site")
    try:
        elapsed_until(is_shown_as_down, 30, "the pane says that the URL is down")
        assert [url.level for url in lab.client.state().pool.check_urls].count(Level.FAIL) == 1
        assert lab.client.spawn().success, "another URL proves addresses meanwhile"
    finally:
        lab.output("ip", "-6", "address", "add", f"{address}/64", "dev", "eth0", "nodad", node="site")


def test_the_events_pane_shows_the_lease_of_a_scraper_that_was_killed_and_the_mirror_that_it_is_idle(
    lab: Lab,
) -> None:
    since = lab.client.state().engine.last_event
    scraper = lab.start(sys.executable, "-c", _SCRAPER, "leaky", "2")
    elapsed_until(scraper.out, 10, "the scraper has its lease")
    addr = scraper.out().strip()
    lab.output("kill", "-9", str(scraper.remote.pid))
    row = _mirror(lab, "leaky")
    assert row is not None
    assert row.using == 1
    elapsed_until(lambda: "lease.expired" in _kinds(lab, since), 15, "the event of the expiry")
    (event,) = (e for e in lab.client.events(since, 1_000).events if e.kind == "lease.expired")
    assert addr in event.text
    row = _mirror(lab, "leaky")
    assert row is not None
    assert (row.using, row.idle, row.expired) == (0, row.total, 1)
