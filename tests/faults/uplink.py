"""The uplink fails under load: its cable is cut, its prefix comes and goes."""

from __future__ import annotations

import time
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

from ipv6console.client import IPv6Client
from tests.conftest import poll
from tests.faults.host import ADDRESS, LEASES, PATIENCE, SERVED, Host, loaded

MOST_FILES = 30
"""Files that scrapers' connections and checks may keep open; more would be a leak."""

PREFIX = "2001:db8:5::/64"


def cut(host: Host, seed: str, seconds: float = 0.0) -> None:
    """Cut the cable under load for `seconds`, and until somebody was told; judge what is left once it is mended.

    Raises AssertionError with the seed.
    """
    with loaded(host, seed) as scrapers:
        mended = time.monotonic() + seconds
        host.ip("link set isp0 down")
        scrapers.wait_until_told(b"up0 has no carrier", LEASES)
        assert poll(lambda: time.monotonic() > mended, seconds + PATIENCE)
        host.ip("link set isp0 up")


def flap(host: Host, seed: str, times: int) -> None:
    """Take the prefix away and give it back so often under load, some of them faster than the engine can follow.

    In the end the pool serves from it, nothing of a former time is left on the host, and every lease of a former time has
    ended as lost. Raises AssertionError with the seed.
    """
    with loaded(host, seed) as scrapers:
        engine = host.engine
        assert engine is not None
        before = _kept(host, engine.pid)
        scrapers.ledgers.prefix_goes = True
        for number in range(times):
            if number % 3 == 0:
                scrapers.wait_until_told(SERVED, 1)
            host.ip(f"address del {ADDRESS} dev up0")
            if number % 3 == 1:
                scrapers.wait_until_told(b"there is no active prefix", 1)
            host.ip(f"address add {ADDRESS} dev up0 nodad")
        scrapers.wait_until_told(SERVED, LEASES)
        assert engine.poll() is None
        assert _kept(host, engine.pid)[0] == before[0]
        # Checks of the last addresses may be under way, each over a connection of its own.
        assert poll(lambda: _kept(host, engine.pid)[1] < before[1] + MOST_FILES, PATIENCE)
        with IPv6Client(socket=host.socket, timeout=PATIENCE) as client:
            picked = IPv6Address(client.pick("other").addr or "::")
            assert picked in IPv6Network(PREFIX)
            [row] = client.state().prefixes
            assert (row.prefix, row.state) == (PREFIX, "active")


def _kept(host: Host, pid: int) -> tuple[list[str], int]:
    """Return the local routes of the prefix, and how many files the engine has open."""
    routes = [line for line in host.ip("route show table local").splitlines() if "2001:db8:5:" in line]
    return sorted(routes), len(list(Path(f"/proc/{pid}/fd").iterdir()))
