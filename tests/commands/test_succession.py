"""What an engine that makes way for its successor hands on."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from ipv6console.succession import Succession


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    yield opened
    for sock in opened:
        sock.close()


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the command lines that this process would have become."""
    lines: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _program, words: lines.append(words))
    monkeypatch.setattr(os, "kill", lambda _pid, number: lines.append([signal.Signals(number).name]))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_: None)
    given = ["-W", "error", "-m", "ipv6console", "serve", "-n", "5", "--inherit", "7,8", "--tie", "9"]
    monkeypatch.setattr(sys, "orig_argv", ["python", *given])
    return lines


def test_a_successor_gets_the_same_command_line_and_sockets_that_others_may_close(
    sockets: list[socket.socket], executed: list[list[str]]
) -> None:
    made = Succession(sockets, None)
    for sock in sockets:
        sock.close()
    made.take_over()
    [words] = executed
    assert words[:-1] == [sys.executable, "-W", "error", "-m", "ipv6console", "serve", "-n", "5", "--inherit"]
    for number in map(int, words[-1].split(",")):
        with socket.socket(fileno=os.dup(number)) as kept:
            assert kept.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert os.get_inheritable(number)
    made.let_go()


def test_the_tie_to_a_console_is_handed_on_until_that_has_left(
    sockets: list[socket.socket], executed: list[list[str]]
) -> None:
    for left in (False, True):
        made = Succession(sockets, 0)
        if left:
            made.untie()
        made.take_over()
        assert ("--tie" in executed.pop()) is not left
        made.let_go()


def test_an_engine_that_is_to_end_has_no_successor_and_when_that_comes_too_late_the_successor_ends(
    sockets: list[socket.socket], executed: list[list[str]]
) -> None:
    made = Succession(sockets, None)
    made.wanted = True
    made.end()
    assert made.leaving() is False
    made.wanted = True
    assert made.leaving() is True
    made.end(signal.SIGINT)
    made.take_over()
    assert executed[0] == ["SIGINT"]
    assert executed[1][-2] == "--inherit"
    made.let_go()
