"""Sessions that several threads use, and copies of them that a fork has: none sends from another address."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from ipv6console.client import IPv6Session, LeaseLost
from ipv6console.client.requests import IPv6Session as RequestsSession
from tests.client.conftest import ADDRS, Site, StubEngine
from tests.client.scraper import FAILED, Httpx, Requests, Scraper

pytestmark = pytest.mark.privileged

FIRST = ADDRS[0]


@pytest.mark.parametrize("kind", [Httpx, Requests], ids=["httpx", "requests"])
def test_threads_that_share_a_session_while_it_moves_and_runs_dry_send_from_leases_only(
    engine: StubEngine, site: Site, kind: Callable[..., Scraper]
) -> None:
    scraper, stop = kind(engine.path), threading.Event()

    def visit(_: int) -> set[str]:
        seen = set()
        while not stop.is_set():
            with suppress(*FAILED):
                seen.add(scraper.get(f"{site.url}/ip"))
        return seen

    try:
        with ThreadPoolExecutor(4) as threads:
            visits = threads.map(visit, range(4))
            try:
                for _ in range(10):
                    scraper.adapt()
                engine.pool.idle.clear()
                engine.forget_leases()
                with pytest.raises(LeaseLost):
                    scraper.renew()
            finally:
                stop.set()
        assert set().union(*visits) <= set(ADDRS)
    finally:
        scraper.close()
    assert set(site.peers) <= set(ADDRS)


_FORK = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from ipv6console.client import AsyncIPv6Session, IPv6Client, IPv6Session, LeaseLost
from ipv6console.client.requests import IPv6Session as RequestsSession
kind, path, url = sys.argv[1:]
def told(act):
    try:
        print(act())
    except LeaseLost as error:
        print(error.next)
def forked(*acts):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        return
    for act in acts:
        told(act)
    sys.stdout.flush()
    os._exit(0) if kind == "httpx-async" else sys.exit()  # a loop that was forked cannot be run to its end
async def visit():
    async with AsyncIPv6Session(socket=path) as session:
        await session.get(url)
        def run(call):
            try:
                call().send(None)
            except StopIteration as done:
                return done.value
        forked(*(lambda call=call: run(call) for call in (lambda: session.get(url), session.adapt, session.renew)))
        print((await session.get(url)).text)
if kind == "httpx-async":
    asyncio.run(visit())
elif kind == "lease":
    with IPv6Client(socket=path) as client, client.lease() as lease:
        forked(lambda: lease.addr, lease.socket, lambda: lease)
        print(lease)
else:
    with (IPv6Session if kind == "httpx" else RequestsSession)(socket=path) as session:
        session.get(url)
        forked(lambda: session.get(url), session.adapt, session.renew)
        print(session.get(url).text)
"""


@pytest.mark.parametrize("kind", ["httpx", "httpx-async", "requests", "lease"])
def test_a_fork_sends_nothing_and_takes_nothing_from_its_parent(engine: StubEngine, site: Site, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORK, kind, engine.path, f"{site.url}/ip"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.stderr, done.stdout) == ("", "make a session in each process\n" * 3 + f"{FIRST}\n")
    assert [ask.peer for ask in site.asks] == ([] if kind == "lease" else [FIRST] * 2)
    assert (engine.pool.picked, [verdict["status"] for verdict in engine.pool.verdicts]) == (1, ["idle"])


_LINES = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from ipv6console.client import IPv6Session
def visit():
    with IPv6Session(socket=sys.argv[1]):
        pass
visit()
child = os.fork()
visit()
if child:
    assert os.waitpid(child, 0)[1] == 0
    visit()
"""


def test_a_fork_speaks_to_the_engine_over_connections_of_its_own(engine: StubEngine) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _LINES, engine.path],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert sorted(ask.connection for ask in engine.asks) == [1] * 6 + [2] * 2
    assert engine.pool.leases == {}


def test_sessions_that_end_leave_their_connection_to_the_next_and_one_that_is_cut_is_not_used_again(
    engine: StubEngine,
) -> None:
    path = engine.path
    with IPv6Session(socket=path), RequestsSession(socket=path):
        pass
    assert {ask.connection for ask in engine.asks} == {1}

    engine.stop()
    again = StubEngine(Path(path))
    try:
        with IPv6Session(socket=path) as session:
            assert session.addr == FIRST
    finally:
        again.stop()
