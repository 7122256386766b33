"""`ipv6console lab` on a terminal: the console comes up alive, shows a fault, and gives the terminal back."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipv6console.lab.handle import LabHandle, directory_of
from tests.integration.conftest import REPOSITORY, elapsed_until

pytestmark = pytest.mark.privileged

_CONTROL = re.compile(rb"\x1b\[[0-9;:?<>=$]*[ -/]*[@-~]|\x1b[()][0-9A-B]|\x1b[=>78]")


class Terminal:
    """A lab on a pseudo-terminal of 160 columns and 50 rows, and everything it has written."""

    def __init__(self, name: str) -> None:
        self.directory = directory_of(name)
        self.written = b""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-W", "error", "-m", "ipv6console", "lab", "--name", name, "-n", "10"],
            cwd=REPOSITORY,
            # These two win over the terminal's own size, and a plugin of pytest sets them.
            env={key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES"}},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        self._theirs = theirs

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str, within: float) -> None:
        self.wait_until(lambda: text.encode() in self.text(), within, f"{text!r} on the screen")

    def wait_for_end(self, within: float) -> int:
        self.wait_until(lambda: self.process.poll() is not None, within, "the lab ends")
        return self.process.returncode

    def attributes(self) -> list[object]:
        return list(termios.tcgetattr(self._theirs))

    def text(self) -> bytes:
        return _CONTROL.sub(b"", self.written)

    def forget(self) -> None:
        self.written = b""

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.wait_for_end(20)
        os.close(self._ours)
        os.close(self._theirs)

    def wait_until(self, condition: Callable[[], bool], within: float, what: str) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, (
                f"not within {within:g} s: {what}\n{self.text().decode(errors='replace')}"
            )
            if select.select([self._ours], [], [], 0.05)[0]:
                self.written += os.read(self._ours, 65_536)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal(f"test-{uuid.uuid4().hex[:12]}")
    try:
        yield terminal
    finally:
        terminal.close()


def test_the_console_comes_alive_shows_a_fault_within_five_seconds_and_quits(terminal: Terminal) -> None:
    terminal.wait_for("2001:db8:0:1::/64", 20)
    terminal.wait_for("prices", 30)
    lab = LabHandle(terminal.directory)
    terminal.forget()
    lab.fault("ndp-kill")
    terminal.wait_for("killed by signal 9", 5)
    terminal.forget()
    lab.fault("renumber", grace=1)
    terminal.wait_for("2001:db8:0:2::/64", 5)
    terminal.wait_until(
        lambda: re.findall(rb"leased +([0-9]+)", terminal.text())[-1:] not in ([], [b"0"]),
        20,
        "the console shows that a scraper has a lease again",
    )
    terminal.type("q")
    assert terminal.wait_for_end(20) == 0
    assert terminal.attributes() == terminal.before
    assert b"\x1b[?1049l" in terminal.written
    assert not terminal.directory.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back_when_the_lab_is_told_to_end(terminal: Terminal, number: signal.Signals) -> None:
    terminal.wait_for("2001:db8:0:1::/64", 20)
    terminal.process.send_signal(number)
    terminal.wait_for_end(20)
    assert terminal.attributes() == terminal.before
    assert b"\x1b[?1049l" in terminal.written
    assert not terminal.directory.exists()


def test_nothing_is_left_when_the_terminal_s_lab_is_killed(terminal: Terminal) -> None:
    terminal.wait_for("2001:db8:0:1::/64", 20)
    mark = f"IPV6CONSOLE_LAB={terminal.directory}".encode()
    terminal.process.kill()
    terminal.wait_for_end(5)

    def gone() -> bool:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    return False
            except OSError:
                continue  # it has ended
        return not terminal.directory.exists()

    elapsed_until(gone, 5, "processes and files are gone")
