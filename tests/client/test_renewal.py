"""Leases that their sessions keep alive, and what is left behind when a session is not closed."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import anyio
import pytest

from ipv6console.client import AsyncIPv6Session, EngineUnreachable, IPv6Client, IPv6Session, LeaseLost
from ipv6console.client.arenewer import AsyncRenewer
from ipv6console.client.hold import Hold, Terms
from ipv6console.client.lessor import Lessor
from ipv6console.client.renewer import Renewer
from ipv6console.wire.reply import LeaseReply
from tests.client.conftest import ADDRS, SOON, FakeClock, StubEngine

pytestmark = pytest.mark.privileged

FIRST = ADDRS[0]
DOWN = EngineUnreachable("there", "it is down")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


def _hold(clock: FakeClock, ttl: float = 60.0) -> Hold:
    return Hold(addr=FIRST, lease="t", ttl=ttl, ends_at=clock.now + ttl, clock=clock)


def _renewers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ipv6console-renewer"]


@pytest.mark.usefixtures("promptly")
def test_a_session_renews_its_lease_by_itself_until_it_is_closed(engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path, ttl=SOON) as session:
        assert engine.renewed.acquire(timeout=30)
        assert engine.renewed.acquire(timeout=30)
        assert session.addr == FIRST
        assert len(_renewers()) == 1
    assert _renewers() == []
    assert engine.pool.leases == {}


@pytest.mark.usefixtures("promptly")
def test_an_engine_that_comes_back_before_the_ttl_is_over_renews_it(engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path, ttl=SOON) as session:
        engine.silent = True
        assert engine.asks.wait_for("/renew")
        engine.silent = False
        assert engine.renewed.acquire(timeout=30)
        assert session.addr == FIRST


@pytest.mark.usefixtures("promptly")
def test_a_lease_renewed_by_hand_for_a_shorter_time_is_renewed_earlier(engine: StubEngine) -> None:
    with IPv6Session(socket=engine.path, ttl=3_600.0) as session:
        session.renew(SOON)
        assert engine.renewed.acquire(timeout=30)
        assert engine.renewed.acquire(timeout=30)
        assert session.addr == FIRST


def _attempt(renew: Callable[[Hold], object], hold: Hold, clock: FakeClock) -> None:
    """Let a renewer try once: at half of the hold's time, which has come."""
    tried = threading.Event()

    def once(due: Hold) -> None:
        try:
            renew(due)
        finally:
            tried.set()

    clock.now = hold.renew_at
    renewer = Renewer(once, clock)
    renewer.keep(hold)
    assert tried.wait(10)
    renewer.stop()


def test_an_engine_that_is_down_is_no_loss_before_the_ttl_is_over(clock: FakeClock) -> None:
    def down(_: Hold) -> None:
        raise DOWN

    hold = _hold(clock)
    _attempt(down, hold, clock)
    hold.require()


def test_an_engine_that_is_down_until_the_ttl_is_over_is_a_lost_lease_that_says_so(clock: FakeClock) -> None:
    def down(hold: Hold) -> None:
        clock.now = hold.ends_at
        raise DOWN

    hold = _hold(clock)
    _attempt(down, hold, clock)
    with pytest.raises(LeaseLost, match="could be renewed: no engine answers at there: it is down"):
        hold.require()


def test_a_lease_that_the_engine_has_ended_is_lost_at_once(clock: FakeClock) -> None:
    def ended(hold: Hold) -> None:
        raise hold.lose("its prefix is gone")

    hold = _hold(clock)
    _attempt(ended, hold, clock)
    with pytest.raises(LeaseLost, match="its prefix is gone"):
        hold.require()


def test_a_lease_that_was_given_back_meanwhile_is_not_lost(clock: FakeClock) -> None:
    hold = _hold(clock)
    clock.now = hold.renew_at
    tried, dropped = threading.Event(), threading.Event()

    def ended(_: Hold) -> None:
        tried.set()
        assert dropped.wait(10)
        raise LeaseLost(FIRST, "there is no such lease")

    renewer = Renewer(ended, clock)
    renewer.keep(hold)
    assert tried.wait(10)
    renewer.drop(hold)
    dropped.set()
    renewer.stop()
    hold.require()


def test_a_session_that_is_forgotten_gives_its_lease_back(engine: StubEngine) -> None:
    session = IPv6Session(socket=engine.path)
    session.__enter__()
    assert engine.pool.leases == {"token-1": FIRST}
    del session
    gc.collect()
    assert engine.pool.leases == {}
    assert _renewers() == []


def _run(script: str, engine: StubEngine) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, engine.path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )


def test_a_session_left_open_at_the_interpreters_exit_gives_its_lease_back(engine: StubEngine) -> None:
    done = _run(
        "import sys; from ipv6console.client import IPv6Session; s = IPv6Session(socket=sys.argv[1]); s.__enter__()",
        engine,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert engine.pool.picked == 1
    assert engine.pool.leases == {}


def test_it_does_so_also_when_others_have_something_to_do_at_the_exit(engine: StubEngine) -> None:
    """Whoever has made a finalizer first has made all of them run later than what was left to atexit since."""
    done = _run(
        "import sys, tempfile; folder = tempfile.TemporaryDirectory()\n"
        "from ipv6console.client import IPv6Session\n"
        "with IPv6Session(socket=sys.argv[1]): pass\n"
        "s = IPv6Session(socket=sys.argv[1]); s.__enter__(); folder.cleanup()",
        engine,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {ask.connection for ask in engine.asks} == {1}
    assert engine.pool.leases == {}


def test_a_forked_child_does_not_give_its_parents_lease_back(engine: StubEngine) -> None:
    done = _run(
        "import os, sys, warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        "from ipv6console.client import IPv6Session\n"
        "with IPv6Session(socket=sys.argv[1]) as session:\n"
        "    child = os.fork()\n"
        "    if not child: sys.exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    session.report('using')\n",
        engine,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [verdict["status"] for verdict in engine.pool.verdicts] == ["using", "idle"]


_FORGET = """
import sys, {library}
from ipv6console.client import AsyncIPv6Session
from ipv6console.client.hold import Hold
Hold.renew_at = property(lambda hold: hold.ends_at - hold.ttl + {due})
async def main():
    session = AsyncIPv6Session(socket=sys.argv[1], ttl=60.0)
    await session.__aenter__()
    await {library}.sleep({pause})
    await session._tenancy._stay.door.aclose()
    await session._transport._engine.aclose()
{library}.run({main})
"""


@pytest.mark.parametrize(("library", "main"), [("asyncio", "main()"), ("trio", "main")])
@pytest.mark.parametrize(("due", "pause"), [(30.0, 0), (0.1, 0.5)], ids=["before", "after"])
def test_an_async_session_left_open_keeps_no_task_and_no_interpreter_alive(
    engine: StubEngine, library: str, main: str, due: float, pause: float
) -> None:
    done = _run(_FORGET.format(library=library, main=main, due=due, pause=pause), engine)
    assert (done.returncode, done.stderr) == (0, "")
    assert engine.pool.picked == 1


@pytest.mark.anyio
@pytest.mark.usefixtures("promptly")
async def test_an_async_session_renews_its_lease_by_itself_until_it_is_closed(engine: StubEngine) -> None:
    async with AsyncIPv6Session(socket=engine.path, ttl=SOON) as session:
        for _ in range(2):
            assert await anyio.to_thread.run_sync(lambda: engine.renewed.acquire(timeout=30))
        assert session.addr == FIRST
    assert engine.pool.leases == {}


@pytest.mark.anyio
@pytest.mark.usefixtures("promptly")
async def test_an_async_lease_renewed_by_hand_for_a_shorter_time_is_renewed_earlier(engine: StubEngine) -> None:
    async with AsyncIPv6Session(socket=engine.path, ttl=3_600.0) as session:
        await session.renew(SOON)
        for _ in range(2):
            assert await anyio.to_thread.run_sync(lambda: engine.renewed.acquire(timeout=30))
        assert session.addr == FIRST


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
@pytest.mark.anyio
@pytest.mark.usefixtures("promptly")
async def test_on_asyncio_there_is_no_task_before_half_of_the_ttl_and_none_after_the_end(engine: StubEngine) -> None:
    before = asyncio.all_tasks()
    async with AsyncIPv6Session(socket=engine.path, ttl=3_600.0) as session:
        assert asyncio.all_tasks() == before
        await session.renew(SOON)
        for _ in range(2):
            assert await anyio.to_thread.run_sync(lambda: engine.renewed.acquire(timeout=30))
        assert len(asyncio.all_tasks()) == len(before) + 1
    assert asyncio.all_tasks() == before


@pytest.mark.anyio
@pytest.mark.usefixtures("promptly")
async def test_sessions_may_be_left_in_any_order_and_from_another_task(engine: StubEngine) -> None:
    first, second = AsyncIPv6Session(socket=engine.path, ttl=SOON), AsyncIPv6Session(socket=engine.path, ttl=SOON)
    await first.__aenter__()
    await second.__aenter__()
    for _ in range(2):
        assert await anyio.to_thread.run_sync(lambda: engine.renewed.acquire(timeout=30))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first.aclose)
    await second.aclose()
    assert engine.pool.leases == {}


@pytest.mark.anyio
@pytest.mark.parametrize("over", [False, True])
async def test_an_async_engine_that_is_down_is_a_loss_only_when_the_ttl_is_over(
    clock: FakeClock, *, over: bool
) -> None:
    hold = _hold(clock)
    clock.now = hold.renew_at
    tried = anyio.Event()

    async def down(_: Hold) -> None:
        if over:
            clock.now = hold.ends_at
        tried.set()
        raise DOWN

    renewer = AsyncRenewer(down, clock)
    renewer.keep(hold)
    with anyio.fail_after(10):
        await tried.wait()
    await renewer.stop()
    if over:
        with pytest.raises(LeaseLost, match="could be renewed"):
            hold.require()
    else:
        hold.require()


class _Overtaking:
    """An engine whose first answer to a renewal arrives after its second, if that is asked for meanwhile."""

    def __init__(self) -> None:
        self.granted: list[float] = []
        self.first, self.second = threading.Event(), threading.Event()

    def renew(self, _: str, ttl: float) -> LeaseReply:
        self.granted.append(ttl)
        if len(self.granted) == 1:
            self.first.set()
            self.second.wait(0.2)
        else:
            self.second.set()
        return LeaseReply(success=True, addr=FIRST, dbname="a", ttl=ttl, expires_at=0.0)


def test_of_two_renewals_at_once_the_one_that_the_engine_did_last_counts(clock: FakeClock) -> None:
    engine, hold = _Overtaking(), _hold(clock)
    terms = Terms(dbname="a", ttl=3_600.0, holder=None, interval=0.0, retries=0)
    lessor = Lessor(cast("IPv6Client", engine), terms, clock, lambda _: None)
    with ThreadPoolExecutor(2) as threads:
        by_itself = threads.submit(lessor.renew, hold)
        assert engine.first.wait(30)
        by_hand = threads.submit(lessor.renew, hold, 10.0)
        by_itself.result(30)
        by_hand.result(30)
    assert engine.granted == [3_600.0, 10.0]
    assert hold.ends_at == clock.now + 10.0
