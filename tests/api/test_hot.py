"""The hot path: the framework's answers byte by byte, taken by the clients people use, and let go of when it cannot."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import anyio.to_thread
import pytest
import requests

from ipv6console.api import hot
from ipv6console.api.hot import HotHttp, hot_protocol
from ipv6console.api.limits import LIMITS, Limits
from ipv6console.api.protocol import Http
from ipv6console.client import IPv6Client, IPv6Session
from ipv6console.engine.protocol import Durability, Settled, StoreError
from ipv6console.engine.traffic import Traffic
from ipv6console.pool.change import Change
from tests.api.service import Service, serving, settings_in

pytestmark = pytest.mark.anyio

HOST = b"Host: localhost\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"


@dataclass
class Pair:
    """Two engines that know the same: one with the hot path, one without."""

    hot: Service
    plain: Service


@asynccontextmanager
async def paired(home: Path, limits: Limits = LIMITS) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        services = []
        for name, wanted in (("hot", True), ("plain", False)):
            folder = home / name
            folder.mkdir()
            settings = settings_in(folder, hot_path=wanted)
            # As many as both have at first: what one makes afresh sooner than the other is no difference in what they say.
            settings = replace(settings, pool=replace(settings.pool, max_total=16))
            services.append(await stack.enter_async_context(serving(settings, folder, limits)))
        yield Pair(*services)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with paired(tmp_path) as pair:
        yield pair


def traffic(service: Service) -> Traffic:
    return service.engine.traffic


def told(service: Service, *pieces: bytes) -> bytes:
    """Return all that the server says to `pieces`, sent one after the other; they end in asking it to close."""
    with service.raw() as connection:
        for piece in pieces:
            connection.sendall(piece)
        said = b""
        while more := connection.recv(65_536):
            said += more
    return said


def anonymous(said: bytes) -> bytes:
    """Return an answer without what no two engines have in common: the date, addresses, tokens, times, and lengths of them."""
    for pattern, word in (
        (rb"date: [^\r]+", b"date: -"),
        (rb"2001:db8:[0-9a-f:]+", b"ADDR"),
        (rb'"lease":"[^"]+"', b'"lease":"TOKEN"'),
        (rb'"expires_at":[0-9.]+', b'"expires_at":0'),
        (rb'"ttl":[0-9.]+', b'"ttl":0'),
        (rb"content-length: [0-9]+", b"content-length: -"),
    ):
        said = re.sub(pattern, word, said)
    return said


def get(path: str, more: bytes = b"") -> bytes:
    return b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + more + b"Connection: close\r\n\r\n"


def post(path: str, body: bytes, head: bytes = JSON) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path.encode() + b" HTTP/1.1\r\n" + head + length + b"Connection: close\r\n\r\n" + body


def chunked(path: str, body: bytes) -> bytes:
    head = b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    return b"POST " + path.encode() + b" HTTP/1.1\r\n" + JSON + head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


REPORT = json.dumps({"dbname": "task1", "report_info": {"addr": "2001:db8:0:1::dead", "status": "idle"}}).encode()
REPORTS = json.dumps({"dbname": "task1", "report_infos": [{"addr": "2001:db8::1", "status": "bad"}]}).encode()
REQUESTS = {
    "pick": get("/pick?dbname=task1"),
    "pick of the default mirror": get("/pick"),
    "pick with a ttl and a holder": get("/pick?dbname=task1&ttl=60&holder=crawler+7%20(prices)"),
    "pick for a host": get("/pick?dbname=task1&target=shop.example"),
    "pick that would wait": get("/pick?dbname=task1&wait=1.5"),
    "picks": get("/picks?dbname=task1&num=3"),
    "more picks than there are": get("/picks?dbname=task1&num=100"),
    "report of nothing leased": post("/report", REPORT),
    "reports": post("/reports", REPORTS),
    "a query after a report": post("/report?x=1", REPORT),
    "dbname twice": get("/pick?dbname=a&dbname=b"),
    "an unknown parameter": get("/pick?dbname=task1&color=red"),
    "an empty dbname": get("/pick?dbname="),
    "a dbname that walks up": get("/pick?dbname=..%2Fx"),
    "a dbname that is too long": get("/pick?dbname=" + 65 * "a"),
    "a NUL in a dbname": get("/pick?dbname=a%00"),
    "an escaped dbname": get("/pick?dbname=t%61sk1"),
    "a broken escape": get("/pick?dbname=a%zz"),
    "a holder that is no UTF-8": get("/pick?holder=%ff%fe"),
    "a holder of two lines": get("/pick?holder=a%0Ab"),
    "num 0": get("/picks?num=0"),
    "num 101": get("/picks?num=101"),
    "num as text": get("/picks?num=ten"),
    "a negative ttl": get("/pick?ttl=-1"),
    "an endless ttl": get("/pick?ttl=inf"),
    "a fragment": get("/pick?dbname=task1#x"),
    "a slash too much": get("/pick/"),
    "another method": b"PUT /pick HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "HEAD": b"HEAD /pick HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "an escaped path": get("/p%69ck"),
    "HTTP/1.0": b"GET /pick HTTP/1.0\r\n" + HOST + b"\r\n",
    "a foreign host": b"GET /pick HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "no host": b"GET /pick HTTP/1.1\r\nConnection: close\r\n\r\n",
    "a foreign origin": get("/pick", b"Origin: http://evil.example\r\n"),
    "a wrong token": get("/pick", b"Authorization: Bearer wrong\r\n"),
    "a body on a pick": get("/pick", b"Content-Length: 2\r\n").replace(b"\r\n\r\n", b"\r\n\r\n{}"),
    "truncated JSON": post("/report", REPORT[:-5]),
    "no JSON at all": post("/report", b"addr=1"),
    "an empty body": post("/report", b""),
    "a form": post("/report", b"addr=1", HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"),
    "no content type": post("/report", REPORT, HOST),
    "JSON with a charset": post("/report", REPORT, HOST + b"Content-Type: application/json; charset=utf-8\r\n"),
    "an unknown status": post("/report", REPORT.replace(b"idle", b"fine")),
    "an IPv4 address": post("/report", REPORT.replace(b"2001:db8:0:1::dead", b"192.0.2.1")),
    "a zone id": post("/report", REPORT.replace(b"2001:db8:0:1::dead", b"fe80::1%eth0")),
    "a deep document": post("/report", b"[" * 5_000),
    "a chunked body": chunked("/report", REPORT),
    "a large body": post("/reports", b'{"x":"' + 70_000 * b"a" + b'"}'),
    "an expectation": post("/report", REPORT, JSON + b"Expect: 100-continue\r\n"),
    "two lengths": post("/report", REPORT, JSON + b"Content-Length: 5\r\n"),
    "no HTTP at all": b"\x16\x03\x01hello\r\n\r\n",
}


@pytest.mark.parametrize("said", REQUESTS.values(), ids=REQUESTS)
async def test_both_paths_say_the_same(pair: Pair, said: bytes) -> None:
    fast = await anyio.to_thread.run_sync(told, pair.hot, said)
    slow = await anyio.to_thread.run_sync(told, pair.plain, said)
    assert anonymous(fast) == anonymous(slow)
    assert fast.startswith(b"HTTP/1.1 ")


async def test_a_whole_life_of_a_lease_is_the_same_on_both_paths(pair: Pair) -> None:
    def life(service: Service) -> list[bytes]:
        said = [told(service, get("/pick?dbname=task1&ttl=60"))]
        picked = json.loads(said[0].partition(b"\r\n\r\n")[2])
        for status, lease in (("idle", "wrong"), ("using", picked["lease"]), ("bad", picked["lease"]), ("idle", None)):
            info = {"addr": picked["addr"], "status": status, "lease": lease, "target": "shop.example"}
            said.append(told(service, post("/report", json.dumps({"dbname": "task1", "report_info": info}).encode())))
        return [anonymous(answer) for answer in said]

    assert await anyio.to_thread.run_sync(life, pair.hot) == await anyio.to_thread.run_sync(life, pair.plain)
    assert traffic(pair.hot).framework == 0
    assert traffic(pair.hot).hot == 5


@pytest.mark.parametrize("size", [1, 7, 40])
async def test_a_request_in_pieces_is_answered_as_a_whole_one(pair: Pair, size: int) -> None:
    whole = post("/report", REPORT)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    fast = await anyio.to_thread.run_sync(told, pair.hot, *pieces)
    assert anonymous(fast) == anonymous(await anyio.to_thread.run_sync(told, pair.plain, whole))
    assert traffic(pair.hot).hot == 1


JSON_POST = b"POST /report HTTP/1.1\r\n" + JSON


async def test_pipelined_requests_are_answered_in_their_order(pair: Pair) -> None:
    first = b"GET /picks?num=2 HTTP/1.1\r\n" + HOST + b"\r\n"
    waits = b"GET /pick?dbname=busy&wait=0.2 HTTP/1.1\r\n" + HOST + b"\r\n"
    many = (first + waits + b"GET /stats HTTP/1.1\r\n" + HOST + b"\r\n") * 3 + get("/pick?dbname=last")
    for service in (pair.hot, pair.plain):
        await service.engine.mirror_stats("busy")
    fast = await anyio.to_thread.run_sync(told, pair.hot, many)
    assert anonymous(fast) == anonymous(await anyio.to_thread.run_sync(told, pair.plain, many))
    assert fast.count(b"HTTP/1.1 200 OK") == 10


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET /pick HTTP/9\r\n\r\n",
        JSON_POST + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"\x16\x03\x01 and more\r\n\r\n",
    ],
    ids=["version", "chunk", "tls"],
)
@pytest.mark.parametrize("asked", ["/pick?num=2", "/pick", "/stats"])
async def test_what_was_asked_before_nonsense_is_answered_first_and_then_the_nonsense(
    pair: Pair, asked: str, nonsense: bytes
) -> None:
    said = kept(asked) * 2 + nonsense
    fast = await anyio.to_thread.run_sync(told, pair.hot, said)
    assert anonymous(fast) == anonymous(await anyio.to_thread.run_sync(told, pair.plain, said))
    assert re.findall(rb"HTTP/1\.1 (\d+)", fast) == [b"200", b"200", b"400"]


def kept(path: str) -> bytes:
    return b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"


def reported(body: bytes) -> bytes:
    return b"POST /report HTTP/1.1\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body


PICK, AGAIN = kept("/pick?dbname=task1"), reported(REPORT)
CONVERSATIONS = {
    "the same over and over": [PICK, PICK, AGAIN, AGAIN, PICK, AGAIN],
    "a body that became bad": [AGAIN, AGAIN, reported(REPORT.replace(b"idle", b"fine")), AGAIN],
    "a body that is no JSON any more": [AGAIN, AGAIN, reported(b"x" * len(REPORT)), AGAIN],
    "a body that is a list": [AGAIN, AGAIN, reported(b"[" + b" " * (len(REPORT) - 2) + b"]"), AGAIN],
    "a body for the model to look at": [AGAIN, AGAIN, reported(REPORT[:-2] + b', "reason": "x"}}')] * 2,
    "a body in two pieces": [AGAIN, AGAIN, AGAIN[:-9], AGAIN[-9:], AGAIN],
    "a head in two pieces": [PICK, PICK, PICK[:20], PICK[20:], PICK],
    "two at once": [PICK, PICK, PICK + PICK, AGAIN, AGAIN, AGAIN + PICK, PICK],
    "one and a half": [PICK, PICK, PICK + PICK[:9], PICK[9:], PICK],
    "a body that is not due": [PICK, PICK, PICK + b"x", PICK],
    "a blank line in front": [PICK, PICK, b"\r\n" + PICK, PICK],
    "other words for the same": [PICK, PICK, PICK.replace(b"Host", b"host"), PICK.replace(b"task1", b"task2"), PICK],
    "what the framework has to answer": [
        PICK,
        kept("/pick?dbname=.."),
        PICK,
        kept("/stats"),
        PICK,
        kept("/nowhere"),
        PICK,
    ],
    "a wait between": [PICK, kept("/pick?dbname=task1&wait=1"), kept("/pick?dbname=task1&wait=1"), PICK],
}


@pytest.mark.parametrize("pieces", CONVERSATIONS.values(), ids=CONVERSATIONS)
async def test_what_was_said_before_is_answered_the_same_on_both_paths(pair: Pair, pieces: list[bytes]) -> None:
    def answers(service: Service) -> bytes:
        said = b""
        # Either may close after what it cannot read.
        with service.raw() as connection, suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
                # A piece that makes no request whole has no answer: the next one is sent after it has arrived.
                said += part(connection, piece)
            connection.sendall(get("/pick?dbname=task1"))
            while more := connection.recv(65_536):
                said += more
        return said

    fast, slow = [await anyio.to_thread.run_sync(answers, service) for service in (pair.hot, pair.plain)]
    assert anonymous(fast) == anonymous(slow)


def part(connection: socket.socket, piece: bytes) -> bytes:
    """Return the answer to `piece`, or what came within a moment when it has none yet."""
    connection.settimeout(0.2)
    said = b""
    with suppress(TimeoutError):
        while not said.endswith(b"}") and (more := connection.recv(65_536)):
            said += more
    connection.settimeout(20.0)
    return said


async def test_what_was_said_before_is_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        begun = []
        begin = HotHttp.on_message_begin

        def counted(self: HotHttp) -> None:
            begun.append(self)
            begin(self)

        monkeypatch.setattr(HotHttp, "on_message_begin", counted)
        async with service.over_ipv4() as client:
            for _ in range(5):
                assert (await client.get("/pick?dbname=task1")).json()["dbname"] == "task1"
        assert len(begun) == 1
        assert traffic(service).hot == 5


async def test_a_token_that_was_revoked_is_not_remembered(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS, tokens={"crawler": "scrape"}) as service:
        secret = {"Authorization": f"Bearer {service.tokens['crawler']}"}
        async with service.over_ipv4() as client:
            assert (await client.get("/pick", headers=secret)).status_code == 200
            async with service.over_unix() as operator:
                await operator.delete("/tokens/crawler")
            assert (await client.get("/pick", headers=secret)).status_code == 401


async def test_a_store_that_fails_is_said_the_same_way(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(changes: list[Change], durability: Durability) -> None:
        raise StoreError("the disk is full", "make room")

    def also_full(changes: list[Change], durability: Durability, done: Settled) -> None:
        asyncio.get_running_loop().call_soon(done, StoreError("the disk is full", "make room"))

    for service in (pair.hot, pair.plain):
        await service.engine.mirror_stats("task1")
        monkeypatch.setattr(service.engine._core.store, "commit", full)
        monkeypatch.setattr(service.engine._core.store, "submit", also_full)
    fast = await anyio.to_thread.run_sync(told, pair.hot, get("/pick?dbname=task1"))
    assert fast.startswith(b"HTTP/1.1 503 ")
    assert anonymous(fast) == anonymous(await anyio.to_thread.run_sync(told, pair.plain, get("/pick?dbname=task1")))


async def test_a_defect_is_an_answer_and_a_line_in_the_log(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def defective(_: object) -> None:
        raise ZeroDivisionError("nothing by nothing")

    for service in (pair.hot, pair.plain):
        monkeypatch.setattr(service.engine.leasing, "decide_pick", defective)
    keep = b"GET /pick HTTP/1.1\r\n" + HOST + b"\r\n"
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "disabled", True)
    fast = await anyio.to_thread.run_sync(told, pair.hot, keep)
    slow = await anyio.to_thread.run_sync(told, pair.plain, keep)
    assert fast.replace(b"connection: close\r\n", b"").partition(b"\r\n\r\n")[2] == slow.partition(b"\r\n\r\n")[2]
    assert fast.startswith(b"HTTP/1.1 500 ")
    assert "GET /pick failed: nothing by nothing" in caplog.text


async def test_the_clients_people_use_take_the_hot_path(pair: Pair) -> None:
    url = f"http://127.0.0.1:{pair.hot.ports[0]}"

    def use() -> None:
        for place in ({"url": url}, {"socket": pair.hot.path}):
            with IPv6Client(**place) as client:
                for _ in range(5):
                    addr = client.pick("task1", ttl=60.0, holder="crawler 7").addr
                    assert addr is not None
                    client.report(addr, "idle", "task1")
        for _ in range(5):
            with IPv6Session("task1", url=url):
                pass
        with requests.Session() as session:
            session.trust_env = False
            for _ in range(5):
                addr = session.get(f"{url}/pick", params={"dbname": "task1"}).json()["addr"]
                info = {"addr": addr, "status": "idle"}
                session.post(f"{url}/report", json={"dbname": "task1", "report_info": info})

    await anyio.to_thread.run_sync(use)
    before = traffic(pair.hot)
    assert before.framework <= before.hot // 99, before
    curl = shutil.which("curl")
    assert curl is not None
    body = REPORT.decode()
    options = ("-s", "--noproxy", "*")
    for words in ((f"{url}/pick?dbname=task1",), ("-H", "Content-Type: application/json", "-d", body, f"{url}/report")):
        process = await asyncio.create_subprocess_exec(
            curl, *options, *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0
    assert traffic(pair.hot).framework == 0


async def test_an_unknown_uvicorn_is_served_without_the_hot_path_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hot, "KNOWN", "0.1.")
    assert hot_protocol(wanted=True) is Http
    assert "hot_path = false" in caplog.text
    caplog.clear()
    assert hot_protocol(wanted=False) is Http
    assert not caplog.text


async def test_the_uvicorn_that_is_installed_is_known() -> None:
    assert hot_protocol(wanted=True) is HotHttp


async def test_whom_the_hot_path_has_not_answered_when_the_grace_is_over_is_told_that_the_engine_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(settings_in(tmp_path), tmp_path, Limits(grace=1)) as service, service.over_ipv4() as client:
        await service.engine.mirror_stats("task1")
        begun = asyncio.Event()

        monkeypatch.setattr(service.engine._core.store, "submit", lambda *_: begun.set())
        request = asyncio.create_task(client.get("/pick?dbname=task1"))
        await begun.wait()
        service.stop.set()
        with anyio.fail_after(10):
            answer = await request
            await service.task
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get_list("connection") == ["close"]
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize("hot_path", [True, False])
@pytest.mark.parametrize("path", ["/pick?dbname=task1", "/picks?dbname=task1&num=3"])
async def test_what_was_picked_for_a_caller_who_had_hung_up_is_given_back(
    path: str, hot_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(settings_in(tmp_path, hot_path=hot_path), tmp_path, LIMITS) as service:
        await service.engine.mirror_stats("task1")
        store = service.engine._core.store
        commit, submit = store.commit, store.submit
        begun, gone, proceed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        lost = Http.connection_lost

        async def slow(changes: list[Change], durability: Durability) -> None:
            await commit(changes, durability)
            begun.set()
            await proceed.wait()

        def slowly(changes: list[Change], durability: Durability, done: Settled) -> None:
            async def answered() -> None:
                await proceed.wait()
                done(None)

            def committed(error: StoreError | None) -> None:
                assert error is None
                begun.set()
                answering.append(asyncio.ensure_future(answered()))

            submit(changes, durability, committed)

        answering: list[asyncio.Future[None]] = []

        def connection_lost(self: Http, exc: Exception | None) -> None:
            lost(self, exc)
            gone.set()

        monkeypatch.setattr(store, "commit", slow)
        monkeypatch.setattr(store, "submit", slowly)
        monkeypatch.setattr(Http, "connection_lost", connection_lost)
        raw = service.raw()
        raw.sendall(f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
        await begun.wait()
        assert service.engine.leases("task1", None, 1).total > 0
        changed = service.engine._core.changed.listen()
        raw.close()
        await gone.wait()
        proceed.set()
        with anyio.fail_after(30):
            while service.engine.leases("task1", None, 1).total:
                await changed.wait()
                changed.clear()


async def test_a_connection_that_rests_is_closed(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path), tmp_path, replace(LIMITS, keep_alive=1)) as service:
        said = await anyio.to_thread.run_sync(told, service, b"GET /pick HTTP/1.1\r\n" + HOST + b"\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert service.engine.traffic.hot == 1


class Hand:
    """A loop whose time a test moves, and a transport that can only be closed."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.closed = False

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, act: Callable[[], None]) -> object:
        self.timers.append((self.now + seconds, act))
        return act

    def pass_until(self, moment: float) -> None:
        while self.timers and self.timers[0][0] <= moment:
            self.now, act = self.timers.pop(0)
            act()
        self.now = moment

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def resume_reading(self) -> None:
        pass


def test_a_connection_has_one_timer_for_all_its_rests_and_is_closed_when_one_was_long_enough() -> None:
    hand, connection = Hand(), object.__new__(HotHttp)
    parts = {
        "loop": hand,
        "transport": hand,
        "flow": hand,
        "pipeline": (),
        "server_state": SimpleNamespace(total_requests=0),
        "timeout_keep_alive": 75,
        "timeout_keep_alive_task": None,
        "_rests_since": None,
        "_parsed": True,
    }
    for name, part in parts.items():
        setattr(connection, name, part)
    for moment in (0.0, 40.0, 70.0):
        hand.pass_until(moment)
        connection._unset_keepalive_if_required()
        connection.on_response_complete()
        assert len(hand.timers) == 1
    # One request begins while it rests, and takes until long after the timer.
    hand.pass_until(140.0)
    connection._unset_keepalive_if_required()
    hand.pass_until(300.0)
    assert (hand.timers, hand.closed) == ([], False)
    connection.on_response_complete()
    hand.pass_until(374.9)
    assert not hand.closed
    hand.pass_until(375.0)
    assert (hand.timers, hand.closed) == ([], True)
