"""The database file: opened, checked, set aside when damaged; one connection for everything."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, NullPool, create_engine

from ipv6console.engine.protocol import Durability, StoreError
from ipv6console.pool.change import Snapshot
from ipv6console.store.fault import Cause, DamagedError, Fault, diagnose
from ipv6console.store.revision import bring_up_to_date
from ipv6console.store.rows import driver_of
from ipv6console.store.snapshot import read_snapshot
from ipv6console.wire.status import Finding, Level

logger = logging.getLogger(__name__)

_SYNCHRONOUS = {Durability.PROCESS: "NORMAL", Durability.POWER: "FULL"}


class OthersWriteError(Exception):
    """Another program is writing, and a transaction that was not to wait did not begin."""


class DatabaseFile:
    """An open SQLite database in WAL mode, used by one thread at a time; built by `open_file`.

    The next transaction `begins_log` when it writes to a new write-ahead log: then SQLite syncs, whatever the durability.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self._durability = Durability.PROCESS
        self._marks = 0
        self._patient = True
        self.begins_log = True
        self.connection = self._connect()

    @contextmanager
    def transaction(self, durability: Durability, *, patient: bool = True) -> Iterator[Connection]:
        """Begin, and commit with `durability` at the end of the block; any exception rolls everything back.

        While another program writes this waits up to `busy_timeout`, or if it is not `patient` raises OthersWriteError.
        """
        connection = self.connection
        driver = driver_of(connection)
        if patient is not self._patient:
            driver.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1_000) if patient else 0}")
            self._patient = patient
        if durability is not self._durability:
            driver.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
            self._durability = durability
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not patient and diagnose(error, self.path).cause is Cause.LOCKED:
                raise OthersWriteError from error
            raise
        try:
            if durability is Durability.POWER:
                self._mark(driver)
            before = driver.total_changes
            yield connection
            driver.execute("COMMIT")
            self.begins_log = self.begins_log and driver.total_changes == before
        except BaseException:
            self._roll_back()
            raise

    def shorten_log(self) -> None:
        """Copy what no reader needs of the write-ahead log into the database file, so that the log begins anew."""
        self.begins_log = True
        self.connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the database file and sync it; raises StoreError when a reader is in the way."""
        self.begins_log = True
        _, frames, copied = self.connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
        if copied < frames:
            raise StoreError(
                f"{frames - copied} of {frames} pages are not in {self.path} yet: another program is reading it"
                " (everything is safe in its write-ahead log)",
                f"find the reader with `fuser -v {self.path}`, close it and save again",
            )

    def reopen(self) -> None:
        """Close, open anew and check the whole file as it is on the disk, not as it is in memory.

        After a failed sync the kernel may call pages clean that never reached the disk (fsync(2), "EIO"), and a later
        sync would succeed falsely. So the log is first copied into the file, which writes its pages once more, and
        only then the cached pages are dropped and everything is read back. Raises DamagedError.
        """
        self.connection.close()
        if not self.path.exists():
            raise StoreError(
                f"{self.path} was taken away under the running engine",
                "put the file back and try again, or restart the engine to begin with an empty pool",
            )
        self.connection = self._connect()
        _, frames, copied = self.connection.exec_driver_sql("PRAGMA wal_checkpoint(FULL)").one()
        if copied < frames:
            raise StoreError(
                f"{self.path} could not be checked after a disk error: another program is using it",
                f"find it with `fuser -v {self.path}` and let it finish",
            )
        self.connection.close()
        self._drop_cached_pages()
        self.connection = self._connect()
        self.check()

    def check(self) -> None:
        """Read the whole file and raise DamagedError with the first damage found."""
        first = str(self.connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
        if first != "ok":
            raise DamagedError(first)

    def close(self) -> None:
        """Close; SQLite copies the write-ahead log into the file and removes it."""
        self.connection.close()

    def _mark(self, driver: sqlite3.Connection) -> None:
        # Rows that are already there as they are to be written make no transaction at all, so nothing would be synced,
        # not even those very rows when a commit without sync had put them there. A number in the header always differs.
        self._marks = (self._marks + 1) & 0x7FFFFFFF
        driver.execute(f"PRAGMA user_version = {self._marks}")

    def _roll_back(self) -> None:
        driver = driver_of(self.connection)
        # SQLite rolls some failures back by itself, and a ROLLBACK without a transaction is an error of its own.
        if driver.in_transaction:
            driver.execute("ROLLBACK")

    def _drop_cached_pages(self) -> None:
        # Never while connected: closing any descriptor of the file drops the locks SQLite has on it (fcntl(2)).
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)

    def _connect(self) -> Connection:
        engine = create_engine(
            URL.create("sqlite", database=str(self.path)),
            poolclass=NullPool,
            # Transactions are begun by hand, so that a batch takes the write lock at once or not at all.
            isolation_level="AUTOCOMMIT",
            # Lease tokens are parameters, and errors are logged.
            hide_parameters=True,
            connect_args={"timeout": self._busy_timeout, "check_same_thread": False},
        )
        connection = engine.connect()
        self.begins_log = True
        try:
            self._use_log(connection)
            # By hand, in `shorten_log`: it syncs, and a commit need not.
            connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 0")
            connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            self._durability = Durability.PROCESS
            self._patient = True
            self._marks = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_log(self, connection: Connection) -> None:
        mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar_one()
        if mode != "wal":
            raise StoreError(
                f"the file system of {self.path} has no shared memory for a write-ahead log (journal mode {mode})",
                "keep the state on a local file system: --state-dir DIR",
            )


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A database ready for use, what it holds, and what there is to say about it."""

    file: DatabaseFile
    snapshot: Snapshot
    findings: tuple[Finding, ...]


def open_file(path: Path, *, check: bool, busy_timeout: float) -> OpenedFile:
    """Open and read the database at `path`, made or migrated as needed; with `check` every page is looked at first.

    A damaged file is set aside under a name with the time, never deleted, and the finding says so. Raises StoreError.
    """
    findings: tuple[Finding, ...] = ()
    while True:
        try:
            file, snapshot = _attempt(path, check=check, busy_timeout=busy_timeout)
            return OpenedFile(file, snapshot, findings)
        except Exception as error:
            fault = diagnose(error, path)
            if fault.cause is not Cause.DAMAGED or findings:
                raise fault.error() from error
            findings = (set_aside(path, fault),)


def set_aside(path: Path, fault: Fault) -> Finding:
    """Rename the damaged database and what belongs to it; return what to tell the operator."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    # The log first: were we to die in between, the damaged file without its log is still recognised as damaged.
    for suffix in ("-wal", "-shm", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(target.with_name(target.name + suffix))
    text = (
        f"{fault.text}. The damaged file is kept as {target}; the engine started with an empty pool:"
        " leases, bad verdicts and revocations from before are not known"
    )
    logger.error("%s", text)
    return Finding(
        subject="store",
        level=Level.FAIL,
        text=text,
        fix=f"sqlite3 {target} .recover | sqlite3 {path.with_name('recovered.db')}",
    )


def _attempt(path: Path, *, check: bool, busy_timeout: float) -> tuple[DatabaseFile, Snapshot]:
    _make_private(path)
    database = DatabaseFile(path, busy_timeout)
    try:
        if check:
            database.check()
        bring_up_to_date(database.connection, path)
        # A file that can be read and not written would fail only the first scraper.
        with database.transaction(Durability.PROCESS):
            snapshot = read_snapshot(database.connection)
    except BaseException:
        database.close()
        raise
    return database, snapshot


def _make_private(path: Path) -> None:
    # SQLite gives its log and index the mode of the database; lease tokens are secrets.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
