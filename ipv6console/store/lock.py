"""One engine for one state directory: a locked file beside the database, that also tells how the last one ended."""

from __future__ import annotations

import fcntl
import os
from enum import StrEnum
from pathlib import Path

from ipv6console.engine.protocol import StoreError
from ipv6console.store.fault import Cause, diagnose

_CLOSED = b"closed"
_SIZE = 32
"""What is said is always as long: written over what was there, it needs no space that a full disk does not have."""


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
            raise _refusal(error, path) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, _SIZE, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            who = f"another engine (pid {holder})" if holder.isdigit() else "another engine"
            raise StoreError(
                f"{who} uses the state directory {path.parent}",
                "stop that engine or attach to it, or give this one another directory with --state-dir DIR",
            ) from None
        except BaseException:
            os.close(self._descriptor)
            raise
        self._said = os.pread(self._descriptor, _SIZE, 0).strip()
        self.before = Ending.NONE if not self._said else Ending.CLEAN if self._said == _CLOSED else Ending.UNCLEAN
        try:
            self._write(str(os.getpid()).encode())
        except OSError as error:
            os.close(self._descriptor)
            raise _refusal(error, path) from error

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
        if said:
            os.pwrite(self._descriptor, said.ljust(_SIZE - 1) + b"\n", 0)
        else:
            os.ftruncate(self._descriptor, 0)


def _refusal(error: OSError, path: Path) -> StoreError:
    fault = diagnose(error, path)
    if fault.cause is Cause.FULL:
        return fault.error()
    return StoreError(
        f"the engine cannot keep its state in {path.parent}: {error.strerror}",
        f"give its user the right to write {path.parent}, or another directory with --state-dir DIR",
    )
