"""A picked address reaches the site, for every kind of prefix: by IPv6Session, and by a program that knows nothing."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys

import pytest

from tests.integration.conftest import REPOSITORY

pytestmark = pytest.mark.privileged

_SCRAPER = """
import json, os, subprocess, httpx
from ipv6console.client import IPv6Session
site, url = os.environ["IPV6CONSOLE_SITE"], os.environ["IPV6CONSOLE_URL"]
assert os.path.isdir(os.environ["IPV6CONSOLE_LAB"])
picked = httpx.get(f"{url}/pick?dbname=task1").json()
by_curl = subprocess.run(
    ["curl", "-sS", "--interface", picked["addr"], f"{site}/ip/curl"], capture_output=True, text=True, check=True
).stdout.strip()
with IPv6Session("task2") as session:
    held, by_session = session.addr, session.get(f"{site}/ip/session").text.strip()
    with httpx.Client() as plain:
        seen = plain.get(f"{site}/seen").json()
state = httpx.get(f"{url}/state").json()
print(json.dumps({"picked": picked, "by_curl": by_curl, "held": held, "by_session": by_session, "seen": seen, "state": state}))
raise SystemExit(3)
"""


@pytest.mark.parametrize("mode", ["onlink", "routed"])
@pytest.mark.parametrize(
    "prefix", ["2001:db8:0:1::/64", "2001:db8:4f8:10::/64", "2001:db8:4f8:1000::/56", "2001:db8:0:1:a500::/72"]
)
def test_the_site_sees_exactly_the_picked_address(prefix: str, mode: str) -> None:
    python = (sys.executable, "-W", "error")
    options = ("--prefix", prefix, "--mode", mode, "--scrapers", "0")
    finished = subprocess.run(
        [*python, "-m", "ipv6console", "lab", "run", *options, "--", *python, "-c", _SCRAPER],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert finished.stderr == ""
    assert finished.returncode == 3
    told = json.loads(finished.stdout)
    assert told["picked"]["success"] is True
    assert told["by_curl"] == told["picked"]["addr"]
    assert told["by_session"] == told["held"]
    seen = {path: address for address, _, path, _ in told["seen"]["requests"] if path != "/ip"}
    assert seen == {"/ip/curl": told["picked"]["addr"], "/ip/session": told["held"]}
    for address in seen.values():
        assert ipaddress.IPv6Address(address) in ipaddress.IPv6Network(prefix)
    (row,) = told["state"]["prefixes"]
    assert row["prefix"] == prefix
    assert row["strategy"] == ("ndppd" if mode == "onlink" else "routed")
    assert row["interface"] == ("up0" if mode == "onlink" else "lan0")
