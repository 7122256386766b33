"""Kernel settings of this network namespace, with the way back (ip-sysctl)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ipv6console.linux.record import RecordFile

NONLOCAL_BIND = "net.ipv6.ip_nonlocal_bind"
"""Lets every program bind addresses of the pool; our own sockets set IPV6_FREEBIND and do not need it."""


def read(key: str) -> str:
    """Return the value of `key`; raises OSError when the kernel has no such setting."""
    return _file(key).read_text().strip()


def write(key: str, value: str) -> None:
    """Set `key`; raises OSError with the command that would do it."""
    try:
        _file(key).write_text(value)
    except OSError as error:
        raise OSError(
            error.errno,
            f"setting {key} failed: {error.strerror}; as root: `{command(key, value)}`",
        ) from error


def command(key: str, value: str) -> str:
    """Return the shell command that sets `key`."""
    return f"sysctl -w {key}={value}"


def of_interface(group: str, interface: str, name: str) -> str:
    """Return the key of the setting `name` of one interface; `group` is conf or neigh.

    A dot inside an interface's name is written as a slash, as sysctl(8) wants it.
    """
    return f"net.ipv6.{group}.{interface.replace('.', '/')}.{name}"


class Sysctls:
    """Settings changed by us, on record with what they were before."""

    def __init__(self, record: RecordFile) -> None:
        self._record = record

    def change(self, key: str, value: str) -> bool:
        """Set `key`; returns whether that changed anything. The earlier value is on disk before it is changed."""
        before = read(key)
        if before == value:
            return False
        self._record.remember_sysctl(key, before)
        write(key, value)
        return True

    def changed(self) -> dict[str, str]:
        """Return the settings that are changed, with what they were."""
        return self._record.read().sysctls

    def restore(self, keys: Iterable[str] | None = None) -> tuple[tuple[str, str], ...]:
        """Set those of `keys` that we changed back, all when None, the last changed first; returns key and value of each.

        A setting whose interface has gone needs no way back.
        """
        changed = self.changed()
        wanted = None if keys is None else frozenset(keys)
        done = []
        for key in reversed(list(changed)):
            if wanted is not None and key not in wanted:
                continue
            if _file(key).exists():
                write(key, changed[key])
                done.append((key, changed[key]))
            self._record.forget_sysctl(key)
        return tuple(done)


class NonlocalBind:
    """net.ipv6.ip_nonlocal_bind, switched on by us and back to what it was."""

    def __init__(self, record: RecordFile) -> None:
        self._record = record

    def on(self) -> bool:
        """Return whether it is on now."""
        return read(NONLOCAL_BIND) == "1"

    def enable(self) -> bool:
        """Switch it on; returns whether that changed anything. The earlier value is on disk before it is changed."""
        before = read(NONLOCAL_BIND)
        if before == "1":
            return False
        self._record.remember_sysctl(NONLOCAL_BIND, before)
        try:
            write(NONLOCAL_BIND, "1")
        except OSError:
            self._record.forget_sysctl(NONLOCAL_BIND)
            raise
        return True

    def restore(self) -> bool:
        """Set it back to what it was before `enable`, if that changed it; returns whether there was anything to undo."""
        before = self._record.read().sysctls.get(NONLOCAL_BIND)
        if before is None:
            return False
        write(NONLOCAL_BIND, before)
        self._record.forget_sysctl(NONLOCAL_BIND)
        return True


@lru_cache(maxsize=256)
def _file(key: str) -> Path:
    return Path("/proc/sys", *(part.replace("/", ".") for part in key.split(".")))
