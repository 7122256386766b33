"""Names with addresses of both families: only the IPv6 ones are called."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.client.conftest import ADDRS, SITE, Site, StubEngine

pytestmark = pytest.mark.privileged

FIRST = ADDRS[0]


_VISIT = """
import asyncio, sys
from ipv6console.client import AsyncIPv6Session, IPv6Session, NoIPv6Address
kind, path, url = sys.argv[1:]
async def visit():
    async with AsyncIPv6Session(socket=path) as session:
        return (await session.get(url, follow_redirects=True)).text
try:
    if kind == "httpx":
        with IPv6Session(socket=path) as session:
            print(session.get(url, follow_redirects=True).text)
    elif kind == "httpx-async":
        print(asyncio.run(visit()))
    else:
        from ipv6console.client.requests import IPv6Session as RequestsSession
        with RequestsSession(socket=path) as session:
            print(session.get(url).text)
except NoIPv6Address as error:
    print(error)
"""
_ONLY = "this session speaks IPv6 only\n"


@dataclass(frozen=True)
class Named:
    """A name as /etc/hosts has it, where a scraper asks for it, what the scraper says, and what the site is asked."""

    found: str
    target: str
    said: str
    paths: tuple[str, ...] = ()


_NAMES = {
    "A alone": Named(
        "127.0.0.1 shop.example",
        "http://shop.example:{port}/ip",
        f"shop.example has no IPv6 address (only 127.0.0.1); {_ONLY}",
    ),
    "redirect to A alone": Named(
        "127.0.0.1 shop.example",
        "{site}/redirect?to=http://shop.example:{port}/ip",
        f"shop.example has no IPv6 address (only 127.0.0.1); {_ONLY}",
        ("/redirect",),
    ),
    "AAAA that means IPv4": Named(
        "::ffff:127.0.0.1 shop.example",
        "http://shop.example:{port}/ip",
        f"shop.example has no IPv6 address (only ::ffff:127.0.0.1, which means IPv4); {_ONLY}",
    ),
    "all of them": Named(
        f"127.0.0.1 shop.example\n::ffff:127.0.0.1 shop.example\n{SITE} shop.example",
        "http://shop.example:{port}/ip",
        f"{FIRST}\n",
        ("/ip",),
    ),
}


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "requests"])
@pytest.mark.parametrize("named", _NAMES.values(), ids=_NAMES)
def test_a_name_is_followed_to_its_ipv6_addresses_only(
    engine: StubEngine, site: Site, tmp_path: Path, kind: str, named: Named
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{named.found}\n")
    url = named.target.format(site=site.url, port=site.port)
    done = subprocess.run(
        [
            *("unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"),
            *(sys.executable, "-W", "error", "-c", _VISIT, kind, engine.path, url),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.stderr, done.stdout) == ("", named.said)
    assert [(ask.path, ask.peer) for ask in site.asks] == [(path, FIRST) for path in named.paths]
