"""Real sockets for the client's tests: a network namespace, a site that notes its callers, an engine that leases.

`network` moves the test's thread into a fresh network namespace in which only POOL is routed to lo and binding foreign
addresses is off. `Site` answers HTTP/1.1 and HTTP/2 on SITE. `StubEngine` speaks the engine's contract for scrapers on
a Unix socket, with a pool of given addresses, and can be told to be empty or to refuse.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h2.config
import h2.connection
import h2.events
import h11
import pytest

from ipv6console.client.hold import Hold

POOL = "2001:db8:77::/64"
SITE = "2001:db8:ffff::1"
OWN = "2001:db8:beef::1"
"""The host's own address: what the site sees of everybody who does not bind a source."""

ADDRS = tuple(f"2001:db8:77::{number:x}" for number in range(0xA1, 0xA9))

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def network() -> Iterator[None]:
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_LIBC.unshare(_CLONE_NEWNET))
        try:
            run_ip("link", "set", "lo", "up")
            # A route is there when the command returns; an address gets its own a moment later.
            run_ip("route", "add", "local", f"{SITE}/128", "dev", "lo")
            run_ip("route", "add", "local", POOL, "dev", "lo")
            run_ip("address", "add", f"{OWN}/128", "dev", "lo", "nodad")
            assert Path("/proc/sys/net/ipv6/ip_nonlocal_bind").read_text() == "0\n"
            yield
        finally:
            _check(_LIBC.setns(before, _CLONE_NEWNET))
    finally:
        os.close(before)


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{os.strerror(code)}: these tests need root or `unshare -Urn`")


def run_ip(*arguments: str) -> None:
    subprocess.run(["ip", "-6", *arguments], check=True, timeout=10)


@dataclass(frozen=True)
class Ask:
    """One request as a server saw it; `connection` numbers the connections in the order they came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    peer: str
    connection: int
    version: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    parts: tuple[bytes, ...] = ()
    ends: bool = True


class Asked(list[Ask]):
    """What a server was asked, in order."""

    def __init__(self) -> None:
        super().__init__()
        self._came = threading.Condition()

    def append(self, ask: Ask) -> None:
        with self._came:
            super().append(ask)
            self._came.notify_all()

    def wait_for(self, path_end: str) -> bool:
        """Wait until something at such a path was asked."""
        with self._came:
            return self._came.wait_for(lambda: any(ask.path.endswith(path_end) for ask in self), timeout=10)


class Server:
    """An HTTP server on a thread of its own; subclasses answer."""

    def __init__(self) -> None:
        self.asks = Asked()
        self.peers: list[str] = []
        self.said: list[tuple[str, bytes]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._servers: list[asyncio.Server] = []

    def answer(self, ask: Ask) -> Answer | None:
        """Return the answer; None closes the connection without one."""
        raise NotImplementedError

    def listen(self, **options: Any) -> None:
        async def start() -> None:
            opener = asyncio.start_unix_server if "path" in options else asyncio.start_server
            self._servers.append(await opener(self._accepted, **options))

        asyncio.run_coroutine_threadsafe(start(), self._loop).result(10)

    @property
    def port(self) -> int:
        port: int = self._servers[-1].sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        async def finish() -> None:
            await _settle()  # before the close: asyncio leaves a socket open that it accepted but has no server for
            for server in self._servers:
                server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}  # those that accept, and those that answer
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in self._writers:
                writer.transport.abort()
            await _settle()

        if self._loop.is_running():
            asyncio.run_coroutine_threadsafe(finish(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: one that is cancelled before its first step would leave the socket open.
        self._writers.add(writer)
        peer = writer.get_extra_info("peername")
        self.peers.append(peer[0] if isinstance(peer, tuple) else "unix")
        self._tasks.add(self._loop.create_task(self._converse(reader, writer, len(self.peers))))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        tls = writer.get_extra_info("ssl_object")
        try:
            if tls is not None and tls.selected_alpn_protocol() == "h2":
                await self._speak_h2(reader, writer, number)
            else:
                await self._speak_h1(reader, writer, number)
        except (ConnectionError, h11.RemoteProtocolError):
            pass  # the client went away
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    def _noted(
        self, number: int, method: str, target: str, *, version: str, headers: dict[str, str], body: bytes
    ) -> Ask:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = target if method == "CONNECT" else parts.path
        ask = Ask(method, path, query, headers, body, self.peers[number - 1], number, version)
        self.asks.append(ask)
        return ask

    async def _speak_h1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        connection = h11.Connection(h11.SERVER)
        while (asked := await _next_h1(connection, reader)) is not None:
            request, body = asked
            headers = {name.decode(): value.decode() for name, value in request.headers}
            answer = self.answer(
                self._noted(
                    number,
                    request.method.decode(),
                    request.target.decode(),
                    version="1.1",
                    headers=headers,
                    body=body,
                )
            )
            if answer is None:
                return
            if answer.status == 101 or request.method == b"CONNECT":
                kind = h11.InformationalResponse if answer.status == 101 else h11.Response
                writer.write(connection.send(kind(status_code=answer.status, headers=list(answer.headers))) or b"")
                while said := await reader.read(65_536):
                    self.said.append((self.peers[number - 1], said))
                    writer.write(said)
                return
            length = [] if answer.parts else [("content-length", str(len(answer.body)))]
            head = h11.Response(status_code=answer.status, headers=[*answer.headers, *length])
            writer.write(connection.send(head) or b"")
            for part in answer.parts or (answer.body,):
                writer.write(connection.send(h11.Data(data=part)) or b"")
                await writer.drain()
            if not answer.ends:
                await reader.read()
                return
            writer.write(connection.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            if connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _speak_h2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        while data := await reader.read(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    headers = {str(name): str(value) for name, value in event.headers or ()}
                    answer = self.answer(
                        self._noted(
                            number, headers[":method"], headers[":path"], version="2", headers=headers, body=b""
                        )
                    )
                    assert answer is not None
                    assert event.stream_id is not None
                    connection.send_headers(event.stream_id, [(":status", str(answer.status)), *answer.headers])
                    connection.send_data(event.stream_id, answer.body, end_stream=True)
            writer.write(connection.data_to_send())
            await writer.drain()


async def _settle() -> None:
    """Let what is on its way through the loop arrive: a socket is accepted, or closed, over a few of its turns."""
    for _ in range(10):
        await asyncio.sleep(0)


async def _next_h1(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes] | None:
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return request, body
        else:
            return None


class Site(Server):
    """The web site: who calls, and what browsers do."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.banned: set[str] = set()
        self.listen(host="::", port=0, ssl=tls)
        self.listen(host="0.0.0.0", port=self.port, ssl=tls)  # so that it sees who comes over IPv4, too
        self.url = f"{'https' if tls else 'http'}://[{SITE}]:{self.port}"

        self.pages: dict[str, Callable[[Ask], Answer | None]] = {
            "/ip": lambda ask: Answer(ask.peer.encode()),
            "/echo": lambda ask: Answer(ask.body),
            "/redirect": lambda ask: Answer(status=302, headers=(("location", ask.query["to"]),)),
            "/set-cookie": lambda _: Answer(headers=(("set-cookie", "flavour=oat"),)),
            "/cookies": lambda ask: Answer(ask.headers.get("cookie", "").encode()),
            "/parts": lambda _: Answer(parts=(b"one", b"two", b"three")),
            "/status": lambda ask: Answer(ask.peer.encode(), int(ask.query["code"])),
            "/ban": lambda ask: Answer(ask.peer.encode(), 403 if ask.peer in self.banned else 200),
            "/hanging": lambda _: Answer(parts=(b"one",), ends=False),
            "/drop": lambda _: None,
            "/digest": _digest,
            "shop.example:443": lambda _: Answer(),
            "/socket": lambda _: Answer(status=101, headers=(("upgrade", "echo"), ("connection", "upgrade"))),
        }

    def answer(self, ask: Ask) -> Answer | None:
        return self.pages[ask.path](ask)


def _digest(ask: Ask) -> Answer:
    if ask.headers.get("authorization", "").startswith("Digest "):
        return Answer(ask.peer.encode())
    return Answer(status=401, headers=(("www-authenticate", 'Digest realm="site", nonce="n", qop="auth"'),))


@dataclass
class Refusal:
    status: int
    title: str = "Refused"
    detail: str = "the test says so"
    next: str = "change the test"

    def answer(self) -> Answer:
        return _document({"type": "refused", **self.__dict__}, self.status)


@dataclass
class Pool:
    idle: list[str] = field(default_factory=lambda: list(ADDRS))
    leases: dict[str, str] = field(default_factory=dict)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    picked: int = 0


class StubEngine(Server):
    """The engine's side of a session: /pick, /report and renewal, by the engine's rules for owned leases."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = str(path)
        self.pool = Pool()
        self.refusal: Refusal | None = None
        self.silent = False
        self.renewed = threading.Semaphore(0)
        self.listen(path=self.path)

    def forget_leases(self) -> None:
        """End all leases, as a lost prefix does."""
        self.pool.leases.clear()

    def answer(self, ask: Ask) -> Answer | None:
        if self.silent:
            return None
        if self.refusal is not None:
            return self.refusal.answer()
        if ask.path == "/pick":
            return self._pick(ask)
        if ask.path == "/report":
            return self._report(ask)
        if ask.path.endswith("/renew"):
            return self._renew(ask)
        return Refusal(404, "There is no such thing", "not here").answer()

    def _pick(self, ask: Ask) -> Answer:
        dbname, pool = ask.query["dbname"], self.pool
        if not pool.idle:
            return _document({"success": False, "addr": None, "dbname": dbname, "detail": "all taken"})
        pool.picked += 1
        addr, lease = pool.idle.pop(0), f"token-{pool.picked}"
        pool.leases[lease] = addr
        ttl = float(ask.query.get("ttl", 21_600))
        return _document(
            {"success": True, "addr": addr, "dbname": dbname, "lease": lease, "expires_at": 1e9 + ttl, "ttl": ttl}
        )

    def _report(self, ask: Ask) -> Answer:
        document = ask.json()
        verdict, dbname = document["report_info"], document["dbname"]
        by_addr = {addr: lease for lease, addr in self.pool.leases.items()}
        verdict.setdefault("lease", by_addr.get(verdict["addr"]))
        if self.pool.leases.get(verdict["lease"]) != verdict["addr"]:
            return _document({"success": False, "dbname": dbname, "detail": "the lease has ended"})
        self.pool.verdicts.append(verdict)
        if verdict["status"] != "using":
            addr = self.pool.leases.pop(verdict["lease"])
            if verdict["status"] == "idle":
                self.pool.idle.append(addr)
        return _document({"success": True, "dbname": dbname})

    def _renew(self, ask: Ask) -> Answer:
        addr = self.pool.leases.get(ask.path.split("/")[2])
        if addr is None:
            return Refusal(404, "There is no such thing", "the lease has ended", "pick again").answer()
        ttl = ask.json()["ttl"]
        self.renewed.release()
        return _document({"success": True, "addr": addr, "dbname": "default", "expires_at": 1e9 + ttl, "ttl": ttl})


def _document(value: dict[str, Any], status: int = 200) -> Answer:
    kind = "application/json" if status == 200 else "application/problem+json"
    return Answer(json.dumps(value).encode(), status, (("content-type", kind),))


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


SOON = 20.0
"""Seconds of a TTL that is renewed `promptly`, and long enough for a busy machine."""


@pytest.fixture
def promptly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let leases of SOON seconds be renewed a moment after they were granted, others from half of their time on."""
    pause = {SOON: 0.1}
    monkeypatch.setattr(
        Hold, "renew_at", property(lambda hold: hold.ends_at - hold.ttl + pause.get(hold.ttl, hold.ttl / 2))
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[StubEngine]:
    # A Unix socket's path holds 108 bytes, which a test's own folder may not leave room for.
    folder = tmp_path / "e"
    folder.mkdir()
    server = StubEngine(folder / "s")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def site(network: None) -> Iterator[Site]:
    server = Site()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for SITE that is its own authority, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "site.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=site", "-addext", f"subjectAltName=IP:{SITE}"),
            *("-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    both = folder / "both.pem"
    both.write_text(key.read_text() + chain.read_text())
    return both


@pytest.fixture
def secure_site(network: None, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The site with TLS, trusted through SSL_CERT_FILE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Site(context)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def closed_port(network: None) -> int:
    """A port of SITE on which nothing listens."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::", 0))
        port: int = probe.getsockname()[1]
        return port
