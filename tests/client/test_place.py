from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipv6console.client import Place, find_place, place

URL = "http://192.0.2.1:1"


@pytest.fixture(autouse=True)
def system_socket(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> Path:
    path = own_home / "system.sock"
    monkeypatch.setattr(place, "SYSTEM_SOCKET", path)
    return path


@pytest.fixture
def runtime(own_home: Path) -> Path:
    folder = own_home / "run"
    (folder / "ipv6console").mkdir()
    return folder


@pytest.fixture
def listening() -> Iterator[list[socket.socket]]:
    listeners: list[socket.socket] = []
    yield listeners
    for listener in listeners:
        listener.close()


def _listen(listening: list[socket.socket], path: Path) -> Path:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listening.append(listener)
    return path


def test_arguments_come_before_the_environment() -> None:
    environ = {"IPV6CONSOLE_URL": URL, "IPV6CONSOLE_SOCKET": "/x"}
    assert find_place("http://h:2", environ=environ) == Place("http://h:2")
    assert find_place(socket="/s", environ=environ) == Place("http://localhost", "/s")


def test_the_url_of_the_environment_comes_before_its_socket() -> None:
    assert find_place(environ={"IPV6CONSOLE_URL": URL, "IPV6CONSOLE_SOCKET": "/x"}) == Place(URL)
    assert find_place(environ={"IPV6CONSOLE_SOCKET": "/x"}) == Place("http://localhost", "/x")
    assert find_place(environ={"IPV6CONSOLE_URL": "", "IPV6CONSOLE_SOCKET": "/x"}) == Place("http://localhost", "/x")


def test_the_users_own_engine_comes_before_the_systems(
    runtime: Path, system_socket: Path, listening: list[socket.socket]
) -> None:
    environ = {"XDG_RUNTIME_DIR": str(runtime)}
    _listen(listening, system_socket)
    assert find_place(environ=environ).socket == str(system_socket)
    own = _listen(listening, runtime / "ipv6console" / "engine.sock")
    assert find_place(environ=environ).socket == str(own)


def test_a_socket_file_that_a_dead_engine_left_is_passed_over(
    runtime: Path, system_socket: Path, listening: list[socket.socket]
) -> None:
    _listen(listening, runtime / "ipv6console" / "engine.sock")
    listening.pop().close()
    _listen(listening, system_socket)
    assert find_place(environ={"XDG_RUNTIME_DIR": str(runtime)}).socket == str(system_socket)


def test_without_anything_it_is_the_loopback_port() -> None:
    assert find_place(environ={}) == Place("http://127.0.0.1:16000")


def test_two_engines_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="two engines"):
        find_place(URL, "/s")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:16000",
        "ftp://host",
        "http://",
        "/run/engine.sock",
        "http://host:99999",
        "http://host:port",
        "http://[::1:16000",
        "http://:16000",
        "http://host/?a=b",
    ],
)
def test_what_is_no_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match=r"no engine URL; it looks like http://127\.0\.0\.1:16000"):
        find_place(url)


@pytest.mark.parametrize(
    ("base", "stream"),
    [
        (Place("http://h:1"), "ws://h:1/stream"),
        (Place("https://h/base"), "wss://h/base/stream"),
        (Place("http://localhost", "/s"), "ws://localhost/stream"),
    ],
)
def test_a_stream_has_the_websocket_url_of_the_place(base: Place, stream: str) -> None:
    assert base.stream_url("/stream") == stream


def test_a_url_in_capitals_is_as_secure_as_another() -> None:
    assert find_place("HTTPS://host").secure
    assert not find_place("HTTP://host").secure
    assert not find_place(socket="/https:").secure
