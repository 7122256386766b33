"""Echo requests over real sockets on loopback."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ipv6console.engine.echo import Echo, EchoFailed

pytestmark = pytest.mark.anyio

PATIENCE = 30.0


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """Serve `answer` to every request on ::1; None never answers, and {peer} is the caller's address."""
    forever = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await forever.wait()
        else:
            writer.write(answer.replace(b"{peer}", writer.get_extra_info("peername")[0].encode()))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "::1", 0)
    try:
        yield f"http://[::1]:{server.sockets[0].getsockname()[1]}/ip"
    finally:
        forever.set()
        server.close()
        await server.wait_closed()


async def test_the_address_in_the_answer_is_returned_as_an_address() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n 0:0:0:0:0:0:0:1\n") as url:
        assert await Echo(2.0).ask(url, 1) == 1


async def test_chunked_answers_are_understood() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n::\r\n1\r\n1\r\n0\r\n\r\n"
    async with answering(answer) as url:
        assert await Echo(2.0).ask(url, 1) == 1


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async with answering(b"HTTP/1.0 200 OK\r\n\r\n{peer}") as url:
        assert await Echo(2.0).ask(url, 1) == 1


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n", "HTTP 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n192.0.2.100", "IPv4 address"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "no IPv6 address"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not an HTTP answer"),
    ],
)
async def test_a_server_that_answers_wrongly_is_told_apart_from_one_not_reached(answer: bytes, complaint: str) -> None:
    async with answering(answer) as url:
        with pytest.raises(EchoFailed, match=complaint) as failed:
            await Echo(2.0).ask(url, 1)
    assert failed.value.reached


async def test_a_server_that_never_answers_fails_in_time() -> None:
    async with answering(None) as url:
        with pytest.raises(EchoFailed, match=r"no answer within 0\.05 s") as failed:
            await Echo(0.05).ask(url, 1)
    assert not failed.value.reached


async def test_a_source_the_host_does_not_route_to_itself_fails_with_the_kernels_word() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n::1") as url:
        with pytest.raises(EchoFailed):
            await Echo(0.2).ask(url, int("20010db8" + "0" * 23 + "7", 16))


@pytest.mark.parametrize("url", ["http://echo.test:99999/", "http://a..test/", "http://[echo.test/"])
async def test_a_url_that_cannot_be_asked_is_a_failure_like_any_other(url: str) -> None:
    with pytest.raises(EchoFailed, match="the URL cannot be asked"):
        await Echo(2.0).ask(url, None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for ::1, which nobody trusts yet, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key, both = folder / "key.pem", folder / "both.pem"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=echo"
    done = subprocess.run(
        [*words.split(), "-addext", "subjectAltName=IP:::1", "-keyout", str(key)], check=True, capture_output=True
    )
    both.write_bytes(key.read_bytes() + done.stdout)
    return both


@dataclass
class Secure:
    """Answers callers over TLS with their address, and counts who resumed a session.

    It is `deaf` to those; `endless` answers have no length and end with the connection.
    """

    url: str = ""
    context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    resumed: int = 0
    anew: int = 0
    deaf: bool = False
    endless: bool = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        resumed = writer.get_extra_info("ssl_object").session_reused
        self.resumed += resumed
        self.anew += not resumed
        if not (resumed and self.deaf):
            peer = writer.get_extra_info("peername")[0].encode()
            length = b"" if self.endless else b"Content-Length: %d\r\n" % len(peer)
            writer.write(b"HTTP/1.1 200 OK\r\n%s\r\n%s" % (length, peer))
        writer.close()


@pytest.fixture
async def secure(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Secure]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    site = Secure()
    site.context.load_cert_chain(certificate)
    server = await asyncio.start_server(site.answer, "::1", 0, ssl=site.context)
    site.url = f"https://[::1]:{server.sockets[0].getsockname()[1]}/ip"
    yield site
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_was_proved_once_is_not_proved_anew_by_every_check(
    secure: Secure, version: ssl.TLSVersion
) -> None:
    secure.context.maximum_version = version
    echo = Echo(PATIENCE)
    assert [await echo.ask(secure.url, 1) for _ in range(4)] == [1] * 4
    assert (secure.anew, secure.resumed) == (1, 3)


async def test_a_server_whose_sessions_end_is_proved_anew(secure: Secure, certificate: Path) -> None:
    echo = Echo(PATIENCE)
    assert await echo.ask(secure.url, 1) == 1
    # Its tickets cannot be read any more, as after a restart.
    again = Secure()
    again.context.load_cert_chain(certificate)
    server = await asyncio.start_server(again.answer, "::1", 0, ssl=again.context)
    url = f"https://[::1]:{server.sockets[0].getsockname()[1]}/ip"
    assert [await echo.ask(url, 1) for _ in range(2)] == [1, 1]
    assert (again.anew, again.resumed) == (1, 1)
    server.close()
    await server.wait_closed()


async def test_a_server_that_minds_a_resumed_session_costs_one_check(secure: Secure) -> None:
    secure.deaf = True
    echo = Echo(PATIENCE)
    assert await echo.ask(secure.url, 1) == 1
    with pytest.raises(EchoFailed):
        await echo.ask(secure.url, 1)
    assert await echo.ask(secure.url, 1) == 1
    assert (secure.anew, secure.resumed) == (2, 1)


async def test_a_server_without_a_trusted_certificate_is_not_believed(
    secure: Secure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(EchoFailed, match="certificate verify failed") as failed:
        await Echo(PATIENCE).ask(secure.url, 1)
    assert not failed.value.reached


async def test_a_server_with_another_name_is_not_believed(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = Echo(PATIENCE)
    assert await echo.ask(secure.url, 1) == 1

    async def resolve(host: str) -> str:
        return "::1"

    monkeypatch.setattr(echo, "_resolve", resolve)
    with pytest.raises(EchoFailed, match="certificate verify failed"):
        await echo.ask(secure.url.replace("[::1]", "echo.test"), 1)


async def test_an_answer_over_tls_without_a_length_ends_with_the_connection(secure: Secure) -> None:
    secure.endless = True
    assert await Echo(PATIENCE).ask(secure.url, 1) == 1


async def test_a_server_that_ends_the_handshake_is_not_reached() -> None:
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write_eof()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(end, "::1", 0)
    with pytest.raises(EchoFailed, match="closed in the TLS handshake") as failed:
        await Echo(PATIENCE).ask(f"https://[::1]:{server.sockets[0].getsockname()[1]}/ip", 1)
    assert not failed.value.reached
    server.close()
    await server.wait_closed()
