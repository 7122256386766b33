"""However the console ends, the terminal is as it was: on a real pseudo-terminal, in a process of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipv6console.console.start import run
from tests.console.scene import RecordedOwner

ROOT = Path(__file__).parents[2]
DEADLINE = 30.0
ALTERNATE_ON, ALTERNATE_OFF = b"\x1b[?1049h", b"\x1b[?1049l"
CURSOR_ON, MOUSE_OFF = b"\x1b[?25h", b"\x1b[?1000l"


class Terminal:
    """A console process on a pseudo-terminal of 120x40."""

    def __init__(self, mode: str, *words: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.output = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.console.terminal", mode, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            start_new_session=True,
        )

    def read_until(self, wanted: bytes) -> None:
        """Read what it draws until `wanted` is among it."""
        end = time.monotonic() + DEADLINE
        while wanted not in self.output:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{wanted!r} did not come; the end of what came: {self.output[-2000:]!r}"
            self.output += os.read(self.master, 65_536)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> int:
        """Read to its end and return its exit code."""
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None:
            assert time.monotonic() < end, "the console did not end"
            self._drain(0.05)
        self._drain(0.0)
        return self.process.returncode

    def _drain(self, seconds: float) -> None:
        while select.select([self.master], [], [], seconds)[0]:
            self.output += os.read(self.master, 65_536)

    def assert_restored(self) -> None:
        after = termios.tcgetattr(self.slave)
        assert after[3] & termios.ICANON
        assert after[3] & termios.ECHO
        assert after[:4] == self.before[:4]
        assert self.output.rfind(ALTERNATE_OFF) > self.output.rfind(ALTERNATE_ON) > -1
        assert CURSOR_ON in self.output
        assert MOUSE_OFF in self.output

    def vanish(self) -> None:
        """Close both ends, as a connection that breaks does."""
        os.close(self.master)
        os.close(self.slave)
        self.master = self.slave = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master >= 0:
            self.vanish()


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(mode: str, *words: str) -> Terminal:
        opened.append(Terminal(mode, *words))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.parametrize("keys", [b"q", b"\x03", b"\x11"], ids=["q", "ctrl+c", "ctrl+q"])
def test_a_key_that_leaves_restores_the_terminal(terminal: Callable[..., Terminal], keys: bytes) -> None:
    console = terminal("calm")
    console.read_until(b"shop-de")
    console.press(keys)
    assert console.end() == 0
    console.assert_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_restores_the_terminal(terminal: Callable[..., Terminal], number: signal.Signals) -> None:
    console = terminal("calm")
    console.read_until(b"shop-de")
    console.process.send_signal(number)
    assert console.end() == 0
    console.assert_restored()


def test_a_signal_leaves_an_own_engine_with_live_leases_running(terminal: Callable[..., Terminal]) -> None:
    console = terminal("owned")
    console.read_until(b"shop-de")
    console.process.send_signal(signal.SIGTERM)
    assert console.end() == 0
    console.assert_restored()
    assert b"OWNER leave_running" in console.output
    assert b"Attach to it again with: ipv6console" in console.output


def test_q_and_enter_leave_an_own_engine_with_live_leases_running(terminal: Callable[..., Terminal]) -> None:
    console = terminal("owned")
    console.read_until(b"shop-de")
    console.press(b"q")
    console.read_until(b"Leave the engine running")
    console.press(b"\r")
    assert console.end() == 0
    console.assert_restored()
    assert b"OWNER leave_running" in console.output


@pytest.mark.parametrize("leave", [b"q", None], ids=["q", "SIGTERM"])
def test_a_lab_ends_with_its_console_and_nothing_else_is_promised(
    terminal: Callable[..., Terminal], leave: bytes | None
) -> None:
    console = terminal("lab")
    console.read_until(b"shop-de")
    if leave is None:
        console.process.send_signal(signal.SIGTERM)
    else:
        console.press(leave)
    assert console.end() == 0
    console.assert_restored()
    assert b"OWNER stop" in console.output
    assert b"Attach to it again" not in console.output


@pytest.mark.parametrize(("mode", "told"), [("owned", "OWNER leave_running"), ("lab", "OWNER stop")])
@pytest.mark.parametrize("number", [signal.SIGHUP, None], ids=["SIGHUP", "unsaid"])
def test_a_console_ends_with_its_terminal(
    terminal: Callable[..., Terminal], tmp_path: Path, mode: str, told: str, number: signal.Signals | None
) -> None:
    file = tmp_path / "told"
    console = terminal(mode, str(file))
    console.read_until(b"shop-de")
    console.vanish()
    if number is not None:
        console.process.send_signal(number)
    assert console.process.wait(DEADLINE) == 0
    assert file.read_text().splitlines() == [told]


def test_an_engine_that_was_given_up_is_named_and_not_stopped_again(terminal: Callable[..., Terminal]) -> None:
    console = terminal("failed")
    console.read_until(b"shop-de")
    console.press(b"q")
    assert console.end() == 1
    console.assert_restored()
    said = console.output[console.output.rfind(ALTERNATE_OFF) :]
    assert b"the engine ended with code 70" in said
    assert b"OWNER" not in said


def test_a_crash_restores_the_terminal_and_says_what_happened(terminal: Callable[..., Terminal]) -> None:
    console = terminal("crash")
    assert console.end() == 1
    console.assert_restored()
    said = console.output[console.output.rfind(ALTERNATE_OFF) :]
    assert b"the console stopped on an error of its own: ValueError: a frame nobody foresaw" in said
    assert b"The engine is not affected" in said
    assert b"OWNER leave_running" in said


def test_without_a_terminal_it_says_what_to_use_instead(capsys: pytest.CaptureFixture[str]) -> None:
    owner = RecordedOwner()
    assert run("/run/nowhere.sock", owner=owner) == 2
    assert "ipv6console status" in capsys.readouterr().err
    assert owner.told == ["stop"]
