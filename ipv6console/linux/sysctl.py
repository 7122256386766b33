"""Kernel settings of this network namespace, with the way back (ip-sysctl)."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ipv6console.linux.record import RecordFile
from ipv6console.linux.trouble import HostError

NONLOCAL_BIND = "net.ipv6.ip_nonlocal_bind"
"""Lets every program bind addresses of the pool; our own sockets set IPV6_FREEBIND and do not need it."""


def read(key: str) -> str:
    """Return the value of `key`; raises HostError when the kernel has no such setting."""
    try:
        return _file(key).read_text().strip()
    except OSError as error:
        absent = "; is IPv6 switched off, or the interface gone?" if error.errno == errno.ENOENT else ""
        raise HostError(error.errno or errno.EIO, f"reading {key} failed: {error.strerror}{absent}") from error


def write(key: str, value: str) -> None:
    """Set `key`; raises HostError with the command that would do it."""
    try:
        _file(key).write_text(value)
    except OSError as error:
        sentence = f"setting {key} failed: {error.strerror}; as root: `{command(key, value)}`"
        raise HostError(error.errno or errno.EIO, sentence) from error


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
        noted = key in self.changed()
        self._record.remember_sysctl(key, before)
        try:
            write(key, value)
        except OSError:
            if not noted:
                self._record.forget_sysctl(key)
            raise
        return True

    def changed(self) -> dict[str, str]:
        """Return the settings that are changed, with what they were."""
        return self._record.read().sysctls

    def restore(self, keys: Iterable[str] | None = None) -> tuple[tuple[str, str], ...]:
        """Set those of `keys` that we changed back, all when None, the last changed first; returns key and value of each.

        A setting whose interface has gone needs no way back. Raises OSError after trying all; what failed stays on record.
        """
        changed = self.changed()
        wanted = changed.keys() if keys is None else changed.keys() & frozenset(keys)
        done, failures = [], []
        for key in [key for key in reversed(changed) if key in wanted]:
            if _file(key).exists():
                try:
                    write(key, changed[key])
                except OSError as error:
                    failures.append(error)
                    continue
                done.append((key, changed[key]))
            self._record.forget_sysctl(key)
        if failures:
            raise failures[0]
        return tuple(done)


@lru_cache(maxsize=256)
def _file(key: str) -> Path:
    return Path("/proc/sys", *(part.replace("/", ".") for part in key.split(".")))
