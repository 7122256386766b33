"""Kernel settings of this network namespace, with the way back (ip-sysctl)."""

from __future__ import annotations

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


def _file(key: str) -> Path:
    return Path("/proc/sys", *key.split("."))
