"""Time that jumps or stands still: the wall clock is set, the engine is stopped by a signal."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ipv6console.client import EngineRefused, IPv6Client
from tests.faults.conftest import MakeHost
from tests.faults.host import PATIENCE, Host, Scrapers

pytestmark = pytest.mark.privileged

Eventually = Callable[..., None]
DAY = 86_400.0
TTL = 1.0


def lives(client: IPv6Client, token: str | None) -> bool:
    """Renew a lease; return whether it was there."""
    assert token
    try:
        return client.renew(token, 600.0).success
    except EngineRefused as refused:
        return refused.status != 404


def expired(client: IPv6Client) -> int:
    return [event.kind for event in client.events(limit=1_000).events].count("lease.expired")


def test_an_engine_that_stood_still_for_longer_than_a_ttl_ends_that_lease_and_no_other(
    make_host: MakeHost, eventually: Eventually
) -> None:
    host = make_host()
    host.start()
    host.wait_until_well()
    scrapers = Scrapers(host, os.urandom(4).hex(), processes=1)
    scrapers.go()
    scrapers.wait_for(2_000)
    with IPv6Client(socket=host.socket, timeout=PATIENCE) as client:
        brief, long = client.pick("brief", ttl=TTL), client.pick("brief", ttl=600.0)
        host.signal(signal.SIGSTOP)
        eventually(lambda: time.time() > (brief.expires_at or 0.0) + TTL, "the lease has run out", PATIENCE)
        host.signal(signal.SIGCONT)
        assert (lives(client, brief.lease), lives(client, long.lease)) == (False, True)
        scrapers.wait_for(2_000)
        eventually(lambda: expired(client) == 1, "an event tells of the one that ended", PATIENCE)
        assert client.mirror_stats("brief").using == 1
    assert scrapers.judge(host) == []


@pytest.fixture
def skew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says by how many seconds the engine's wall clock is wrong."""
    path = tmp_path / "skew"
    path.write_text("0")
    monkeypatch.setenv("IPV6_TEST_SKEW", str(path))
    return path


@pytest.fixture
def skewed(skew: Path, make_host: MakeHost) -> Host:
    host = make_host(("-m", "tests.faults.skewed"), usable_num=20)
    host.start()
    host.wait_until_well()
    return host


def test_a_wall_clock_that_is_set_by_a_day_neither_ends_a_lease_nor_lets_it_live_longer(
    skewed: Host, skew: Path, eventually: Eventually
) -> None:
    with IPv6Client(socket=skewed.socket, timeout=PATIENCE) as client:
        for jump in (DAY, -DAY):
            long, brief = client.pick("task", ttl=600.0), client.pick("task", ttl=TTL)
            before = expired(client)
            skew.write_text(str(jump))
            assert lives(client, long.lease)
            eventually(lambda before=before: expired(client) == before + 1, "the brief lease ended", PATIENCE)
            assert (lives(client, brief.lease), lives(client, long.lease)) == (False, True)


def test_a_wall_clock_that_was_set_while_the_engine_was_down_does_neither(
    skewed: Host, skew: Path, eventually: Eventually
) -> None:
    for day in (DAY, 0.0):
        with IPv6Client(socket=skewed.socket, timeout=PATIENCE) as client:
            long, brief = client.pick("task", ttl=600.0), client.pick("task", ttl=TTL)
        skewed.kill()
        skew.write_text(str(day))
        skewed.start()
        skewed.wait_until_well()
        with IPv6Client(socket=skewed.socket, timeout=PATIENCE) as client:
            eventually(lambda brief=brief: not listed(client, brief.addr), "the brief lease ended", PATIENCE)
            assert lives(client, long.lease)


def listed(client: IPv6Client, addr: str | None) -> bool:
    return addr in {row.addr for row in client.leases("task").leases}
