"""What this engine changed on the host, on disk, so that a crashed engine's changes can be undone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ipv6console.linux.wholefile import replace_file

NAME = "host.json"
_NAMESPACE = Path("/proc/thread-self/ns/net")
_Version = tuple[int, int, int]
"""Inode, time of the last change and size of a file: others when somebody wrote it again."""


@dataclass(frozen=True, slots=True)
class HostRecord:
    """Sysctls with the value they had before, and the prefixes whose local route was set up."""

    sysctls: dict[str, str] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()


class RecordFile:
    """The record in the state directory; one from before a reboot or of another network namespace counts as empty."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / NAME
        self._parsed: tuple[_Version, dict[str, Any]] | None = None

    def read(self) -> HostRecord:
        """Return the record, empty when there is none; raises OSError when the file cannot be read or understood."""
        try:
            data = self._data()
        except FileNotFoundError:
            return HostRecord()
        except ValueError as error:
            raise self._damaged(error) from error
        try:
            if data["where"] != _where():
                return HostRecord()
            return HostRecord(dict(data["sysctls"]), tuple(data["prefixes"]))
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error

    def write(self, record: HostRecord) -> None:
        """Replace the record, or remove it when nothing is left to undo; raises OSError."""
        self._parsed = None
        if record == HostRecord():
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, json.dumps({"where": _where(), **asdict(record)}, indent=1))

    def _data(self) -> dict[str, Any]:
        """Return what the file holds; it is looked at every second, so it is parsed only when it is another one."""
        found = self.path.stat()
        version = found.st_ino, found.st_mtime_ns, found.st_size
        if self._parsed is None or self._parsed[0] != version:
            self._parsed = version, json.loads(self.path.read_text())
        return self._parsed[1]

    def _damaged(self, error: Exception) -> OSError:
        return OSError(f"{self.path} is damaged ({error}); move it away, then check `ipv6console net plan`")

    def remember_sysctl(self, key: str, value: str) -> None:
        """Note that `key` was `value` before it was changed; the first note stays."""
        record = self.read()
        if key not in record.sysctls:
            self.write(replace(record, sysctls={**record.sysctls, key: value}))

    def forget_sysctl(self, key: str) -> None:
        """Drop the note about `key`."""
        record = self.read()
        self.write(replace(record, sysctls={k: v for k, v in record.sysctls.items() if k != key}))

    def remember_prefix(self, prefix: str) -> None:
        """Note that the local route of `prefix` was set up."""
        record = self.read()
        if prefix not in record.prefixes:
            self.write(replace(record, prefixes=(*record.prefixes, prefix)))

    def forget_prefix(self, prefix: str) -> None:
        """Drop the note about `prefix`."""
        record = self.read()
        self.write(replace(record, prefixes=tuple(p for p in record.prefixes if p != prefix)))


def _where() -> list[str]:
    """Return what a change to the running kernel lives in: this boot and this network namespace."""
    return [_boot(), _NAMESPACE.readlink().name]


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
