"""Echo requests over real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ipv6console.engine.echo import Echo, EchoFailed

pytestmark = pytest.mark.anyio


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
