"""A copy of the database, made while the engine runs, and put back while none does."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipv6console.engine.protocol import StoreError
from ipv6console.store.fault import diagnose
from ipv6console.store.lock import StateLock
from ipv6console.store.schema import REVISION

_NEXT = "name a file made by: ipv6console backup FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was written: where, how large (bytes), and how many live leases and addresses are in it."""

    path: str
    size: int
    addresses: int
    leases: int
    set_aside: str | None = None


def back_up(database: Path, target: Path) -> Copied:
    """Copy `database` as it is at one moment to the new file `target`, for its owner alone; raises StoreError.

    An engine may go on committing meanwhile; what it commits before the copy is complete is in it. A target that is there
    is left alone. (https://sqlite.org/backup.html)
    """
    if not database.is_file():
        raise StoreError(f"there is no database at {database}", "name the engine's folder with --state-dir DIR")
    if target.exists():
        raise StoreError(f"{target} is there already", "name another file")
    with (
        _whole(target) as unfinished,
        _saying(database),
        closing(_read(database)) as source,
        closing(sqlite3.connect(unfinished)) as copy,
    ):
        # In one read of the log, which no writer waits for; piece by piece, each commit would begin it anew.
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        addresses, leases = _inspected(copy, target)
    return Copied(path=str(target), size=target.stat().st_size, addresses=addresses, leases=leases)


def restore(backup: Path, database: Path) -> Copied:
    """Put `backup` in the place of `database`, which is set aside with what belongs to it; raises StoreError.

    Nothing is touched while an engine uses the folder, nor when the backup is damaged, foreign or of a newer version.
    """
    if not backup.is_file():
        raise StoreError(f"there is no file {backup}", _NEXT)
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the state directory {database.parent} cannot be made: {error.strerror}",
            "name one you may write with --state-dir DIR",
        ) from error
    lock = StateLock(database.with_name(database.name + ".lock"))
    try:
        with _whole(database, replacing=True) as unfinished:
            with _saying(backup), closing(_read(backup)) as source, closing(sqlite3.connect(unfinished)) as copy:
                _inspected(source, backup)
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                addresses, leases = _inspected(copy, backup)
            aside = _set_aside(database)
    except BaseException:
        lock.abandon()
        raise
    # The next engine looks at every page.
    lock.release(clean=False)
    size = database.stat().st_size
    return Copied(path=str(database), size=size, addresses=addresses, leases=leases, set_aside=aside)


@contextmanager
def _whole(target: Path, *, replacing: bool = False) -> Iterator[Path]:
    """Give a file of mode 0600 to write; it gets its name when it is complete and on the disk, or is gone."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}", "name a file in another folder") from error
    try:
        yield unfinished
        _sync(unfinished)
        if not replacing:
            _claim(unfinished, target)
        unfinished.replace(target)
        _sync(target.parent)
    except FileExistsError as error:
        raise StoreError(f"{target} is there already", "name another file") from error
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}", "name a file in another folder") from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                unfinished.with_name(unfinished.name + suffix).unlink()


def _claim(unfinished: Path, target: Path) -> None:
    """Take the name `target`, whole at once where the file system has links; raises FileExistsError."""
    try:
        os.link(unfinished, target)
    except FileExistsError:
        raise
    except OSError:
        # FAT on a stick has none, and some network file systems.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextmanager
def _saying(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise diagnose(error, path).error() from error


def _read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)


def _inspected(connection: sqlite3.Connection, path: Path) -> tuple[int, int]:
    """Return how many addresses and live leases there are; raises StoreError for what the engine could not open."""

    def asked(question: str) -> Any:
        return connection.execute(question).fetchone()[0]

    try:
        found = asked("PRAGMA quick_check(1)")
        if found != "ok":
            raise StoreError(f"{path} is damaged: {found}", "restore another backup")
        if not asked("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"):
            raise StoreError(f"{path} is no database of ipv6console", _NEXT)
        revision = asked("SELECT version_num FROM alembic_version")
        if revision > REVISION:
            raise StoreError(
                f"{path} was written by a newer version of ipv6console (schema {revision}, this one knows {REVISION})",
                "upgrade ipv6console",
            )
        return int(asked("SELECT count(*) FROM address")), int(
            asked("SELECT count(*) FROM usage WHERE token IS NOT NULL")
        )
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is no whole database: {error}", _NEXT) from error


def _set_aside(database: Path) -> str | None:
    if not database.exists():
        return None
    target = database.with_name(f"{database.name}.before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    # The log first, as in file.set_aside: a file without its log is recognised as incomplete.
    for suffix in ("-wal", "-shm", ""):
        source = database.with_name(database.name + suffix)
        if source.exists():
            source.rename(target.with_name(target.name + suffix))
    return str(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
