"""Sizes of a terminal, one after the other, faster than anybody drags a window."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import time
from pathlib import Path
from random import Random

from tests.console.test_terminal import Terminal

SIZES = 200
MOST_GROWTH = 20.0
"""Megabytes a console may grow by."""


def resident(pid: int | str) -> float:
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1_000


def resize(console: Terminal, columns: int, rows: int) -> None:
    fcntl.ioctl(console.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    console.process.send_signal(signal.SIGWINCH)  # the kernel does so for a controlling terminal


def drain(console: Terminal, seconds: float) -> None:
    """Take what the console writes for so long."""
    until = time.monotonic() + seconds
    while select.select([console.master], [], [], max(0.0, until - time.monotonic()))[0]:
        console.output += os.read(console.master, 65_536)


def there_and_back(console: Terminal) -> None:
    """Go to another page and come back."""
    for key, shown in ((b"2", b"ADDRESS"), (b"1", b"shop-de")):
        before, console.output = console.output, b""
        console.press(key)
        console.read_until(shown)
        console.output = before + console.output


def survives(console: Terminal, seconds: float) -> str:
    """Resize 200 times in so many seconds; the console shows its page, has not grown and leaves. Returns the growth."""
    console.read_until(b"shop-de")
    there_and_back(console)  # what is loaded after the first picture is there now
    before, chance = resident(console.process.pid), Random(1)
    for _ in range(SIZES):
        resize(console, chance.randint(20, 220), chance.randint(5, 70))
        drain(console, seconds / SIZES)
    resize(console, 120, 40)
    there_and_back(console)
    growth = resident(console.process.pid) - before
    console.press(b"q")
    assert console.end() == 0
    console.assert_restored()
    assert b"Traceback" not in console.output
    assert growth < MOST_GROWTH
    return f"{SIZES} sizes in {seconds:g} s: grown by {growth:.1f} MB from {before:.1f} MB"
