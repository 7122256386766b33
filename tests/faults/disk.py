"""Disks that fail under load: what is not saved is refused, nobody loses what was acknowledged, and it ends by itself."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from tests.faults.host import LEASES, REFUSED, SERVED, Host, loaded

BLOCK = bytes(4_096)


@contextmanager
def full(host: Host) -> Iterator[None]:
    """Leave no room on the disk."""
    ballast = host.state() / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(BLOCK):
            pass
    yield
    ballast.unlink()


@contextmanager
def failing(host: Host) -> Iterator[None]:
    """Let writing and syncing the log fail with EIO, as the kernel would say it."""
    assert host.engine is not None
    calls = "pwrite64,fdatasync"
    words = ["strace", "-f", "-o", os.devnull, "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO"]
    words += ["-P", f"{host.database}-wal", "-p", str(host.engine.pid)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        yield
        tracer.send_signal(signal.SIGINT)


@dataclass(frozen=True)
class Fault:
    """What the disk does, and what the engine's log says of it."""

    strikes: Callable[[Host], AbstractContextManager[None]]
    said: str


FULL = Fault(full, "the disk is full")
FAILING = Fault(failing, "SQLITE_IOERR")


def suffer(host: Host, fault: Fault, seed: str, *, killed: bool) -> None:
    """Let the disk fail under load and be well again, with a kill -9 in between or without, and judge what is left.

    Raises AssertionError with the seed.
    """
    with loaded(host, seed) as scrapers:
        with fault.strikes(host):
            scrapers.wait_until_told(REFUSED)
            if killed:
                host.kill()
        if killed:
            scrapers.wait_until_parked()
            host.start()
            host.wait_until_well()
            scrapers.go()
        scrapers.wait_until_told(SERVED, LEASES)
        assert fault.said in host.log()
