"""What went wrong in the database, said so that an operator can act."""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from ipv6console.engine.protocol import StoreError


class Cause(StrEnum):
    """Why the database could not do its work."""

    FULL = "full"
    IO = "io"
    READ_ONLY = "read-only"
    LOCKED = "locked"
    DAMAGED = "damaged"
    CANNOT_OPEN = "cannot-open"
    CONTRADICTION = "contradiction"
    REFUSED = "refused"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure: the cause, what to say, what helps."""

    cause: Cause
    text: str
    fix: str

    @property
    def suspect(self) -> bool:
        """Whether the open connection can no longer be trusted: it is opened anew and checked before further use."""
        return self.cause in {Cause.IO, Cause.READ_ONLY, Cause.DAMAGED, Cause.CANNOT_OPEN, Cause.UNEXPECTED}

    @property
    def hopeless(self) -> bool:
        """Whether the same rows would fail again, on any disk."""
        return self.cause in {Cause.CONTRADICTION, Cause.UNEXPECTED}

    def error(self) -> StoreError:
        """Return a fresh exception; one instance raised in many tasks would collect all their tracebacks."""
        return StoreError(self.text, self.fix)


class DamagedError(Exception):
    """The integrity check found damage; the message is what it found first."""


_PREFIXES = {
    "SQLITE_FULL": Cause.FULL,
    "SQLITE_IOERR": Cause.IO,
    "SQLITE_READONLY": Cause.READ_ONLY,
    "SQLITE_PERM": Cause.READ_ONLY,
    "SQLITE_BUSY": Cause.LOCKED,
    "SQLITE_LOCKED": Cause.LOCKED,
    "SQLITE_CORRUPT": Cause.DAMAGED,
    "SQLITE_NOTADB": Cause.DAMAGED,
    "SQLITE_CANTOPEN": Cause.CANNOT_OPEN,
    "SQLITE_CONSTRAINT": Cause.CONTRADICTION,
}

_ERRNO = {
    errno.ENOSPC: Cause.FULL,
    errno.EDQUOT: Cause.FULL,
    errno.EACCES: Cause.READ_ONLY,
    errno.EPERM: Cause.READ_ONLY,
    errno.EROFS: Cause.READ_ONLY,
}


def diagnose(error: Exception, path: Path) -> Fault:
    """Return what `error`, raised while working on the database at `path`, means."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(original, StoreError):
        return Fault(Cause.REFUSED, str(original), original.fix)
    if isinstance(original, DamagedError):
        return _fault(Cause.DAMAGED, str(original), path)
    if isinstance(original, OSError):
        return _fault(_ERRNO.get(original.errno or 0, Cause.IO), original.strerror or str(original), path)
    name = str(getattr(original, "sqlite_errorname", "")) if isinstance(original, sqlite3.Error) else ""
    for prefix, cause in _PREFIXES.items():
        if name.startswith(prefix):
            return _fault(cause, f"{original} ({name})", path)
    return _fault(Cause.UNEXPECTED, f"{type(original).__name__}: {original}", path)


def _fault(cause: Cause, detail: str, path: Path) -> Fault:
    text, fix = {
        Cause.FULL: (
            f"the disk is full, nothing can be saved in {path}: {detail}",
            f"free space on the file system of {path.parent} (df -h {path.parent})",
        ),
        Cause.IO: (
            f"the disk under {path} fails: {detail}",
            "look for disk errors with `journalctl -k` and move the state to a sound disk",
        ),
        Cause.READ_ONLY: (
            f"{path} cannot be written: {detail}",
            f"give the engine's user the right to write {path.parent}, or another directory with --state-dir DIR",
        ),
        Cause.LOCKED: (
            f"another program keeps {path} locked: {detail}",
            f"find it with `fuser -v {path}` and let it finish",
        ),
        Cause.DAMAGED: (
            f"{path} is damaged: {detail}",
            "restart the engine: it sets the damaged file aside, whole, and starts with an empty pool",
        ),
        Cause.CANNOT_OPEN: (
            f"{path} cannot be opened: {detail}",
            f"check that {path.parent} exists and that the engine's user may write there",
        ),
        Cause.CONTRADICTION: (
            f"a change contradicts what is stored in {path}: {detail}",
            "this is a defect of ipv6console; report it with this message",
        ),
        Cause.UNEXPECTED: (
            f"{path} could not be used: {detail}",
            "this is a defect of ipv6console; report it with the engine's log",
        ),
    }[cause]
    return Fault(cause, text, fix)
