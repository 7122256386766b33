"""One engine for one state directory: a locked file beside the database, that also tells how the last one ended."""

from __future__ import annotations

import fcntl
import os
from enum import StrEnum
from pathlib import Path

from ipv6console.engine.protocol import StoreError

_CLOSED = b"closed\n"


class Ending(StrEnum):
    """How the engine that used the directory before came to its end."""

    NONE = "none"
    CLEAN = "clean"
    UNCLEAN = "unclean"


class StateLock:
    """Holds the lock file from construction to `release`; raises StoreError when another engine holds it.

    The kernel lets go of the lock when its holder dies, however it dies (flock(2)); the pid inside is for the message.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"the engine cannot keep its state in {path.parent}: {error.strerror}",
                f"give its user the right to write {path.parent}, or another directory with --state-dir DIR",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            who = f"another engine (pid {holder})" if holder.isdigit() else "another engine"
            raise StoreError(
                f"{who} uses the state directory {path.parent}",
                "stop that engine or attach to it, or give this one another directory with --state-dir DIR",
            ) from None
        except BaseException:
            os.close(self._descriptor)
            raise
        self._said = os.pread(self._descriptor, 32, 0)
        self.before = Ending.NONE if not self._said else Ending.CLEAN if self._said == _CLOSED else Ending.UNCLEAN
        self._write(f"{os.getpid()}\n".encode())

    def release(self, *, clean: bool) -> None:
        """Let go; `clean` says that the database was closed whole and needs no check next time."""
        if clean:
            self._write(_CLOSED)
        os.close(self._descriptor)

    def abandon(self) -> None:
        """Let go as if the lock had never been held: the database was not opened."""
        self._write(self._said)
        os.close(self._descriptor)

    def _write(self, said: bytes) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, said, 0)
