"""Each fault of the lab: what /health, /state and the events say of it within seconds, and how it ends."""

from __future__ import annotations

import sys

import pytest

from ipv6console.lab.fault import FAULTS
from ipv6console.wire.event import Event
from ipv6console.wire.state import NdpRow, PrefixRow, PrefixState
from ipv6console.wire.status import Finding, Level
from tests.integration.conftest import Lab, StartLab, elapsed_until

pytestmark = pytest.mark.privileged

SOON = 5.0
RECOVERY = 25.0
USABLE = 20

_VISITOR = """
import os, sys, time
from ipv6console.client import IPv6Session
with IPv6Session(sys.argv[1], adapt_retry_interval=0.1, timeout=5) as session:
    for number in range(int(sys.argv[2])):
        if session.get(os.environ["IPV6CONSOLE_SITE"] + "/page").status_code == 403:
            session.adapt("bad", target="site", reason="403")
        else:
            session.adapt()
"""


@pytest.fixture(scope="module")
def shared(start_module_lab: StartLab) -> Lab:
    return start_module_lab("--usable-num", str(USABLE))


@pytest.fixture
def lab(shared: Lab) -> Lab:
    """The lab of this module once it is well: each fault starts from there."""
    elapsed_until(lambda: _is_well(shared), RECOVERY, "the lab is well")
    return shared


def _is_well(lab: Lab) -> bool:
    return lab.client.health().level is Level.OK and lab.client.state().pool.idle >= USABLE


def _last(lab: Lab) -> int:
    return lab.client.events(limit=1_000).last


def _events(lab: Lab, kind: str, since: int) -> list[Event]:
    return [event for event in lab.client.events(since, 1_000).events if event.kind == kind]


def _findings(lab: Lab, said: str) -> list[Finding]:
    return [finding for finding in lab.client.health().findings if said in finding.text]


def _ndp(lab: Lab) -> NdpRow:
    (row,) = lab.client.state().ndp
    return row


def _current(lab: Lab) -> PrefixRow:
    (row,) = (row for row in lab.client.state().prefixes if row.prefix == lab.info()["prefix"])
    return row


def _bad(lab: Lab, mirror: str) -> int:
    return next(row.bad for row in lab.client.state().mirrors if row.name == mirror)


def _reaches_the_site(lab: Lab) -> bool:
    addr = lab.client.pick("probe").addr
    site = lab.info()["site"]
    assert addr is not None
    found = lab.run("curl", "-sS", "-m", "3", "--interface", addr, f"{site}/ip").out.strip() == addr
    lab.client.report(addr, "idle", "probe")
    return found


def test_a_spinning_ndppd_is_named_and_replaced_and_no_lease_is_lost(lab: Lab) -> None:
    since, before = _last(lab), _ndp(lab)
    lab.handle.fault("ndp-spin")
    elapsed_until(lambda: _findings(lab, "spins ("), SOON, "/health says that it spins")
    elapsed_until(lambda: _events(lab, "reach.broken", since), SOON, "an event tells of it")
    elapsed_until(lambda: _ndp(lab).pid not in (None, before.pid), RECOVERY, "another one runs")
    assert _events(lab, "prefix.gone", since) == []
    assert _reaches_the_site(lab)


def test_a_stopped_ndp_daemon_is_named_and_replaced(lab: Lab) -> None:
    since, before = _last(lab), _ndp(lab)
    lab.handle.fault("ndp-stop")
    elapsed_until(lambda: _findings(lab, "is stopped by a signal"), SOON, "/health says that it is stopped")
    elapsed_until(lambda: _events(lab, "reach.broken", since), SOON, "an event tells of it")
    elapsed_until(lambda: _ndp(lab).pid not in (None, before.pid), SOON, "another one runs")
    lab.output("ip", "-6", "neigh", "flush", "dev", "dn0", node="isp")
    elapsed_until(lambda: _reaches_the_site(lab), SOON, "the site is reached")
    # For a while the restart is a warning.
    elapsed_until(lambda: _events(lab, "reach.recovered", since), RECOVERY, "an event tells of the recovery")


def test_an_address_that_another_host_claims_leaves_the_pool(lab: Lab) -> None:
    since = _last(lab)
    claimed = lab.client.addresses(limit=1).addresses[0].addr
    lab.handle.fault("dup-address", address=claimed)
    elapsed_until(lambda: _events(lab, "address.removed", since), SOON, "an event tells of the neighbour")
    held = {row.addr for row in lab.client.addresses(limit=1_000).addresses}
    assert held
    assert claimed not in held
    elapsed_until(lambda: "excepted" in _current(lab).text, SOON, "the neighbour can be reached as one")


def test_a_cut_cable_is_named_within_seconds_and_a_mended_one_serves_again(lab: Lab) -> None:
    since, held = _last(lab), lab.client.pick("held", ttl=600)
    assert held.lease is not None
    lab.handle.fault("link-down")
    try:
        elapsed_until(lambda: lab.client.health().level is Level.FAIL, SOON, "/health says fail")
        elapsed_until(lambda: _findings(lab, "up0 has no carrier"), SOON, "/health names the cable")
        elapsed_until(lambda: _events(lab, "reach.broken", since), SOON, "an event tells of it")
        assert _events(lab, "prefix.gone", since) == []
        refused = lab.client.pick("probe")
        assert refused.addr is None
        assert "up0 has no carrier" in (refused.detail or "")
        assert lab.client.renew(held.lease).addr == held.addr
    finally:
        lab.handle.fault("link-up")
    elapsed_until(lambda: lab.client.pick("probe").addr is not None, SOON, "picks go on")
    elapsed_until(lambda: _is_well(lab), SOON, "all is well")
    assert lab.client.release(held.lease).addr == held.addr
    elapsed_until(lambda: _events(lab, "reach.recovered", since), SOON, "an event tells of it")
    elapsed_until(lambda: _reaches_the_site(lab), SOON, "the site is reached")


def test_a_ban_shows_in_the_mirror_and_among_the_targets(lab: Lab) -> None:
    visit = (sys.executable, "-W", "error", "-c", _VISITOR, "banned")
    assert lab.run(*visit, "3").code == 0
    assert _bad(lab, "banned") == 0
    (said,) = lab.handle.fault("ban", share=1, by="64")
    assert "2001:db8:0:1::/64" in said
    assert lab.run(*visit, "3").code == 0
    assert _bad(lab, "banned") == 3
    (target,) = lab.client.targets("banned").targets
    assert (target.target, target.bans, target.last_reason) == ("site", 3, "403")
    lab.handle.fault("pardon")
    assert lab.run(*visit, "3").code == 0
    assert _bad(lab, "banned") == 3


def test_a_deprecated_prefix_drains_until_another_comes(lab: Lab) -> None:
    since, old = _last(lab), lab.info()["prefix"]
    lab.handle.fault("ra-deprecate")
    elapsed_until(lambda: _current(lab).state is PrefixState.DRAINING, SOON, "the prefix drains")
    assert [event.subject for event in _events(lab, "prefix.deprecated", since)] == [old]
    assert _findings(lab, "no active prefix")
    lab.handle.fault("renumber", grace=0)
    elapsed_until(lambda: _is_well(lab), RECOVERY, "the pool is full of the next prefix")
    assert lab.client.health().prefix == lab.info()["prefix"] != old


def test_a_silent_renumbering_is_noticed_by_echo_failure_and_ended_by_a_loud_one(lab: Lab) -> None:
    since, old = _last(lab), lab.info()["prefix"]
    lab.handle.fault("renumber", silent=True)
    elapsed_until(lambda: _events(lab, "prefix.silent", since), SOON, "an event tells of the silence")
    assert [event.subject for event in _events(lab, "prefix.silent", since)] == [old]
    assert _current(lab).state is PrefixState.DRAINING
    assert lab.client.health().level is Level.FAIL
    assert _findings(lab, "it was renumbered?")
    lab.handle.fault("renumber", grace=0)
    elapsed_until(lambda: _is_well(lab), RECOVERY, "the pool is full of the next prefix")
    assert _reaches_the_site(lab)


@pytest.fixture
def fresh(start_lab: StartLab) -> Lab:
    """A lab of its own, whose engine has asked no check URL but the first."""
    return start_lab("--usable-num", "5")


def test_a_check_url_that_is_down_is_named_and_the_pool_serves_by_the_others(fresh: Lab) -> None:
    first, *others = (url.url for url in fresh.client.state().pool.check_urls)
    assert others
    fresh.handle.fault("check-url-down", urls=1)
    elapsed_until(lambda: _finds(fresh, f"check URL {first}"), SOON, "/health names the URL")
    assert _current(fresh).state is PrefixState.ACTIVE
    assert not any(_finds(fresh, f"check URL {other}") for other in others)
    fresh.client.spawns(3)
    assert _reaches_the_site(fresh)
    fresh.handle.fault("check-url-up")
    elapsed_until(lambda: not _finds(fresh, f"check URL {first}"), RECOVERY, "the URL is well")


def test_when_every_check_url_is_down_health_fails_and_ends_so_by_itself(fresh: Lab) -> None:
    since = _last(fresh)
    fresh.handle.fault("check-url-down", urls=3)
    elapsed_until(lambda: fresh.client.health().level is Level.FAIL, SOON, "/health says fail")
    elapsed_until(lambda: _events(fresh, "prefix.silent", since), SOON, "an event tells of it")
    fresh.handle.fault("check-url-up")
    elapsed_until(lambda: fresh.client.health().level is Level.OK, RECOVERY, "all is well")
    assert _events(fresh, "prefix.returned", since)
    assert _reaches_the_site(fresh)


def _finds(lab: Lab, subject: str) -> bool:
    return any(finding.subject == subject for finding in lab.client.health().findings)


def test_faults_reach_the_kernel_daemons_and_packets_while_the_engine_stands_still(start_lab: StartLab) -> None:
    fresh = start_lab("--usable-num", "5", "--with", "radius,ipam")
    engine = str(fresh.info()["pids"]["engine"])
    claimed = fresh.client.addresses(limit=1).addresses[0].addr
    fresh.output("curl", "-sS", f"{fresh.info()['site']}/page")
    fresh.output("kill", "-STOP", engine)
    own = {path: path.read_bytes() for path in (fresh.directory / "config.toml", fresh.directory / "state/engine.db")}
    options: dict[str, dict[str, str | bool]] = {"dup-address": {"address": claimed}, "renumber": {"silent": True}}
    try:
        # What takes away what others need comes last.
        last = ("ndp-spin", "ndp-stop", "ndp-kill", "renumber", "link-down", "link-up")
        for name in (*(name for name in FAULTS if name not in last), *last):
            assert fresh.handle.fault(name, **options.get(name, {})), name
        assert own == {path: path.read_bytes() for path in own}
    finally:
        fresh.output("kill", "-CONT", engine)
    elapsed_until(lambda: fresh.client.health().level is not Level.OK, SOON, "the engine has noticed by itself")
