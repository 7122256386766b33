"""What carries requests to the engine: connections that any session, thread and event loop may use next."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ipv6console.client import AsyncIPv6Client, AsyncIPv6Session, EngineUnreachable, IPv6Client, IPv6Session, plain
from ipv6console.client.connection import Connection, Connections
from tests.client.conftest import ADDRS, SITE, Answer, StubEngine

FIRST = ADDRS[0]
ROOT = Path(__file__).parents[2]


async def _visit(path: str) -> str:
    async with AsyncIPv6Session(socket=path) as session:
        return session.addr


def test_sessions_of_whatever_event_loop_share_one_connection_and_none_of_them_is_left_open(engine: StubEngine) -> None:
    path = engine.path
    with IPv6Session(socket=path):
        pass
    for backend, options in (("asyncio", {}), ("trio", {}), ("asyncio", {"use_uvloop": True})):
        assert anyio.run(_visit, path, backend=backend, backend_options=options) in ADDRS
    with closing(asyncio.new_event_loop()) as loop:
        assert loop.run_until_complete(_visit(path)) in ADDRS
    with IPv6Session(socket=path):
        pass
    assert {ask.connection for ask in engine.asks} == {1}
    assert engine.pool.leases == {}


def test_threads_with_an_event_loop_each_never_meet_on_a_connection(engine: StubEngine) -> None:
    meeting = threading.Barrier(4)

    def visit(number: int) -> list[str]:
        async def several() -> list[str]:
            return [await _visit(engine.path) for _ in range(5)]

        meeting.wait(10)
        if number % 2:
            return asyncio.run(several())
        seen = []
        for _ in range(5):
            with IPv6Session(socket=engine.path) as session:
                seen.append(session.addr)
        return seen

    with ThreadPoolExecutor(4) as threads:
        seen = [addr for visits in threads.map(visit, range(4)) for addr in visits]
    assert set(seen) <= set(ADDRS)
    assert (len(seen), engine.pool.picked, engine.pool.leases) == (20, 20, {})
    assert len({ask.connection for ask in engine.asks}) <= 4


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_connection_the_engine_has_closed_is_not_asked_again(engine: StubEngine, backend: str) -> None:
    path = engine.path
    anyio.run(_visit, path, backend=backend)
    engine.stop()
    again = StubEngine(Path(path))
    try:
        assert anyio.run(_visit, path, backend=backend) == FIRST
        assert [ask.path for ask in again.asks] == ["/pick", "/report"]
    finally:
        again.stop()


def test_what_the_engine_may_have_done_is_not_asked_twice(engine: StubEngine) -> None:
    async def pick() -> None:
        async with AsyncIPv6Client(socket=engine.path) as client:
            await client.pick()
            engine.silent = True
            await client.pick()

    with pytest.raises(EngineUnreachable, match="disconnected"):
        asyncio.run(pick())
    assert len(engine.asks) == 2
    engine.silent = False
    with IPv6Client(socket=engine.path) as client:
        client.pick()
        engine.silent = True
        with pytest.raises(EngineUnreachable, match="disconnected"):
            client.pick()
    assert len(engine.asks) == 4


def _run(script: str, *arguments: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.stdout, done.stderr


_LOOPS = """
import asyncio, sys
from ipv6console.client import AsyncIPv6Session
async def visit():
    async with AsyncIPv6Session(socket=sys.argv[1]) as session:
        print(session.addr)
asyncio.run(visit())
loop = asyncio.new_event_loop()
loop.run_until_complete(visit())
loop.close()
"""


def test_event_loops_and_the_interpreter_end_without_a_complaint_about_connections(engine: StubEngine) -> None:
    assert _run(_LOOPS, engine.path) == (f"{FIRST}\n{ADDRS[1]}\n", "")


_FORK = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from ipv6console.client import AsyncIPv6Client, AsyncIPv6Session, IPv6Client
kind, path = sys.argv[1:]
client = IPv6Client(socket=path) if kind == "client" else AsyncIPv6Client(socket=path)
async def leased():
    async with AsyncIPv6Session(socket=path):
        pass
def ask():
    if kind == "client":
        client.pick(ttl=60)
    else:
        asyncio.run(client.pick(ttl=60) if kind == "async client" else leased())
ask()
child = os.fork()
ask()
if child:
    assert os.waitpid(child, 0)[1] == 0
    ask()
client.close() if kind == "client" else asyncio.run(client.aclose())
"""


@pytest.mark.parametrize(("kind", "asked"), [("client", 1), ("async client", 1), ("async session", 2)])
def test_a_fork_hears_none_of_its_parents_answers(engine: StubEngine, kind: str, asked: int) -> None:
    assert _run(_FORK, kind, engine.path) == ("", "")
    assert sorted(ask.connection for ask in engine.asks) == [1] * 3 * asked + [2] * asked


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A Unix socket whose queue is full, and what makes room in it: one who answers all."""
    folder = tmp_path / "q"
    folder.mkdir()
    path = str(folder / "s")
    waiting: list[socket.socket] = []
    answering: list[threading.Thread] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(0)
    while True:
        waiting.append(socket.socket(socket.AF_UNIX))
        waiting[-1].setblocking(False)
        if waiting[-1].connect_ex(path):
            break

    def serve() -> None:
        while True:
            sock, _ = listener.accept()
            with sock:
                if sock.recv(65_536):
                    body = b'{"success": true}'
                    sock.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 17\r\n\r\n" + body)
                    return

    def make_room() -> None:
        for sock in waiting:
            sock.close()
        answering.append(threading.Thread(target=serve))
        answering[-1].start()

    yield path, make_room
    for thread in answering:
        thread.join(10)
    for sock in (*waiting, listener):
        sock.close()


def test_a_full_queue_of_the_engine_is_waited_for(crowded: tuple[str, Callable[[], None]]) -> None:
    path, make_room = crowded
    with IPv6Client(socket=path, timeout=0.05) as hasty, pytest.raises(EngineUnreachable, match="no answer within"):
        hasty.save()
    with IPv6Client(socket=path, timeout=30) as client, ThreadPoolExecutor(1) as thread:
        saved = thread.submit(client.save)
        make_room()
        assert saved.result(30).success


@pytest.mark.anyio
async def test_a_full_queue_of_the_engine_is_waited_for_by_an_async_client(
    crowded: tuple[str, Callable[[], None]],
) -> None:
    path, make_room = crowded
    async with AsyncIPv6Client(socket=path, timeout=0.05) as hasty:
        with pytest.raises(EngineUnreachable, match="no answer within"):
            await hasty.save()
    async with AsyncIPv6Client(socket=path, timeout=30) as client:
        saving = asyncio.create_task(anyio.to_thread.run_sync(make_room))
        assert (await client.save()).success
        await saving


def test_closing_a_client_ends_what_another_thread_waits_for(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "answer", lambda _: Answer(parts=(b"{",), ends=False))
    client = IPv6Client(socket=engine.path, timeout=60)
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(client.stats)
        assert engine.asks.wait_for("/stats")
        client.close()
        with pytest.raises(EngineUnreachable):
            asked.result(30)


def test_closing_an_async_client_ends_what_another_task_waits_for(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "answer", lambda _: Answer(parts=(b"{",), ends=False))

    async def ask() -> None:
        client = AsyncIPv6Client(socket=engine.path, timeout=60)
        asked = asyncio.ensure_future(client.stats())
        assert await asyncio.to_thread(engine.asks.wait_for, "/stats")
        await client.aclose()
        with pytest.raises(EngineUnreachable):
            await asyncio.wait_for(asked, 30)

    asyncio.run(ask())


def test_the_collector_may_end_a_forgotten_session_in_the_middle_of_another_ones_request(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = [IPv6Session(socket=engine.path)]
    forgotten[0].__enter__()
    still_there = Connection.usable

    def collected(connection: Connection) -> bool:
        forgotten.clear()
        gc.collect()
        return still_there(connection)

    monkeypatch.setattr(Connection, "usable", collected)
    with IPv6Session(socket=engine.path) as session:
        assert engine.pool.leases == {"token-2": session.addr}
    assert engine.pool.leases == {}


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    try:
        yield connection, theirs
    finally:
        connection.close()
        theirs.close()


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


def _asked(connection: Connection) -> None:
    connection.ask(httpx.Request("GET", "http://localhost/"))


def test_an_answer_may_come_in_pieces_and_its_connection_is_good_for_another(
    ends: tuple[Connection, socket.socket],
) -> None:
    connection, _ = ends
    for _ in range(2):
        _asked(connection)
        assert [connection.hear(OK[at : at + 1]) for at in range(len(OK) - 1)] == [None] * (len(OK) - 1)
        answer = connection.hear(OK[-1:])
        assert answer is not None
        assert (answer.status_code, answer.content) == (200, b"hi")
        assert connection.rest()
        assert connection.usable()


@pytest.mark.parametrize(
    "said", [OK.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n"), OK + OK, OK.replace(b"1.1", b"1.0")]
)
def test_a_connection_that_is_to_be_closed_or_says_more_than_it_was_asked_is_not_asked_again(
    ends: tuple[Connection, socket.socket], said: bytes
) -> None:
    connection, _ = ends
    _asked(connection)
    assert connection.hear(said) is not None
    assert not connection.rest()


@pytest.mark.parametrize("more", [OK, b""], ids=["says", "closes"])
def test_a_connection_whose_peer_says_something_unasked_or_closes_is_not_usable(
    ends: tuple[Connection, socket.socket], more: bytes
) -> None:
    connection, theirs = ends
    _asked(connection)
    connection.hear(OK)
    assert connection.rest()
    if more:
        theirs.sendall(more)
    else:
        theirs.close()
    assert not connection.usable()


@pytest.mark.parametrize(
    ("said", "words"), [(b"", "disconnected"), (OK[:-1], "peer closed"), (b"SSH-2.0\r\n\r\n", "illegal")]
)
def test_an_answer_that_is_cut_off_or_none_is_httpxs_error(
    ends: tuple[Connection, socket.socket], said: bytes, words: str
) -> None:
    connection, _ = ends
    _asked(connection)

    def hear() -> Any:
        return connection.hear(said) if not said else (connection.hear(said), connection.hear(b""))

    with pytest.raises(httpx.RemoteProtocolError, match=words):
        hear()


def test_an_engine_behind_tls_is_reached_by_clients_and_sessions(
    network: None, engine: StubEngine, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    engine.listen(host="::", port=0, ssl=context)
    url = f"HTTPS://[{SITE}]:{engine.port}"

    async def visit() -> None:
        async with AsyncIPv6Session(url=url), AsyncIPv6Client(url) as client, client.lease() as lease:
            assert lease.addr == ADDRS[1]

    with IPv6Session(url=url), IPv6Client(url) as client, client.lease() as lease:
        assert lease.addr == ADDRS[1]
    engine.pool.idle[:] = ADDRS
    asyncio.run(visit())
    assert engine.pool.leases == {}


def test_as_many_tasks_as_there_are_use_no_more_than_a_hundred_connections_at_once(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []
    put = Connections.put

    def noted(connections: Connections, connection: Connection) -> None:
        used.append(len(connections._busy))
        put(connections, connection)

    async def pick() -> int:
        async with AsyncIPv6Client(socket=engine.path, timeout=60) as client:
            return sum([reply.success for reply in await asyncio.gather(*(client.pick() for _ in range(300)))])

    monkeypatch.setattr(Connections, "put", noted)
    assert asyncio.run(pick()) == len(ADDRS)
    assert (len(used), len(engine.asks)) == (300, 300)
    assert max(used) <= 100


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_who_waits_in_line_takes_nobodys_turn(
    engine: StubEngine, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(plain, "_MOST_AT_ONCE", 0)

    async def ask() -> None:
        async with AsyncIPv6Client(socket=engine.path) as client:
            assert (await client.pick(wait=1.0)).success
        async with AsyncIPv6Client(socket=engine.path, timeout=0.05) as client:
            with pytest.raises(EngineUnreachable, match=r"no answer within 0\.05 s"):
                await client.pick()

    anyio.run(ask, backend=backend)
    assert len(engine.asks) == 1
