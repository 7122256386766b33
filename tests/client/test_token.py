from __future__ import annotations

import logging
from pathlib import Path

import anyio
import pytest

from ipv6console.client import AsyncIPv6Client, EngineUnreachable, IPv6Client
from ipv6console.client.token import find_token
from tests.client.conftest import StubEngine

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture(autouse=True)
def no_token_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPV6CONSOLE_TOKEN_FILE", raising=False)
    monkeypatch.delenv("IPV6CONSOLE_TOKEN", raising=False)


def test_a_token_is_taken_from_the_argument_the_file_or_the_environments_file(file: Path) -> None:
    environ = {"IPV6CONSOLE_TOKEN_FILE": str(file)}
    assert find_token("given", environ=environ) == "given"
    assert find_token(token_file=file, environ={}) == SECRET
    assert find_token(environ=environ) == SECRET
    assert find_token(environ={}) is None
    assert find_token(environ={"IPV6CONSOLE_TOKEN_FILE": ""}) is None


def test_the_environment_may_hold_the_token_itself_and_a_file_goes_first(file: Path) -> None:
    assert find_token(environ={"IPV6CONSOLE_TOKEN": "abc"}) == "abc"
    assert find_token(environ={"IPV6CONSOLE_TOKEN": "abc", "IPV6CONSOLE_TOKEN_FILE": str(file)}) == SECRET
    with pytest.raises(ValueError, match="IPV6CONSOLE_TOKEN holds no bearer token"):
        find_token(environ={"IPV6CONSOLE_TOKEN": "two words"})


def test_an_empty_token_is_none_whatever_the_environment_has(file: Path) -> None:
    assert find_token("", environ={"IPV6CONSOLE_TOKEN_FILE": str(file)}) is None


def test_two_tokens_are_one_too_many(file: Path) -> None:
    with pytest.raises(ValueError, match="two tokens"):
        find_token("given", file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"IPV6CONSOLE_TOKEN_FILE names .*/none, .*No such file"):
        find_token(environ={"IPV6CONSOLE_TOKEN_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("text", ["", "two words", "secret\r\nX-More: 1", "sécret"])
def test_what_is_no_token_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(ValueError, match="token") as caught:
        find_token(token_file=path)
    assert text == "" or text not in str(caught.value)


def test_a_client_shows_its_token_with_every_request(engine: StubEngine, file: Path) -> None:
    with IPv6Client(socket=engine.path, token_file=file) as client:
        client.pick(ttl=60.0)
    assert engine.asks[0].headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.anyio
async def test_an_async_client_does_so_too(engine: StubEngine) -> None:
    async with AsyncIPv6Client(socket=engine.path, token=SECRET) as client:
        await client.pick(ttl=60.0)
    assert engine.asks[0].headers["authorization"] == f"Bearer {SECRET}"


def test_without_a_token_none_is_shown(engine: StubEngine) -> None:
    with IPv6Client(socket=engine.path) as client:
        client.pick(ttl=60.0)
    assert "authorization" not in engine.asks[0].headers


@pytest.mark.anyio
async def test_a_stream_shows_the_token_follows_no_redirect_and_writes_neither_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heads: list[bytes] = []

    async def redirect(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            heads.append(await stream.receive())
            await stream.send(b"HTTP/1.1 307 Gone\r\nLocation: ws://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n")

    caplog.set_level(logging.DEBUG)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, redirect)
        async with AsyncIPv6Client(f"http://127.0.0.1:{port}", token=SECRET) as client:
            with pytest.raises(Exception, match="307"):
                async with client.stream():
                    pytest.fail("there is no stream")
        tasks.cancel_scope.cancel()
    await listener.aclose()
    assert f"Authorization: Bearer {SECRET}".encode() in heads[0]
    assert len(heads) == 1
    assert SECRET not in caplog.text


def test_nothing_a_client_says_holds_the_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with IPv6Client(socket=tmp_path / "none", token=SECRET) as client:
        with pytest.raises(EngineUnreachable) as caught:
            client.stats()
        assert SECRET not in repr(client) + str(client.place) + repr(caught.value) + caplog.text
