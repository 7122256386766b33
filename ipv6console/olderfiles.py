"""The files of the older address pool (webu.ipv6), read into one request to import them.

`ipv6_global_addrs.json` holds {prefix, addrs: {ADDR: {addr, created_at}}}, each `ipv6_mirrors/NAME.json`
{dbname, addrs: {ADDR: {addr, status, last_used_at, use_count}}}. Times are local, without a zone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

from ipv6console.wire.importing import ImportedAddress, ImportedMirror, ImportedUsage, ImportRequest

POOL_FILE = "ipv6_global_addrs.json"
MIRROR_FOLDER = "ipv6_mirrors"

PART_ADDRESSES = 500
"""Each is proved before it is taken in, on a link 1,000 in 30 s: such a part fits in the client's timeout."""

PART_ROWS = 5_000
"""Addresses and usages together; about 120 bytes each, so that a part fits in the 1 MiB an engine reads."""

_STATUSES = ("idle", "using", "bad")
_DBNAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
_GROUPS = re.compile(r"[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,7}", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?")


class OlderFileError(ValueError):
    """A file that cannot be imported; the message names it, the place in it and the cause."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A value in a JSON file, and the keys that lead to it."""

    file: str
    keys: tuple[str, ...]
    value: Any

    def wrong(self, cause: str) -> OlderFileError:
        return OlderFileError(
            f"{self.file}: {' > '.join(self.keys)}: {cause}" if self.keys else f"{self.file}: {cause}"
        )

    def __getitem__(self, key: str) -> _Place:
        if key not in self.table():
            raise self.wrong(f"{key} is missing")
        return _Place(self.file, (*self.keys, key), self.value[key])

    def table(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.wrong(f"an object is expected, got {_shown(self.value)}")
        return self.value

    def items(self) -> Iterator[tuple[str, _Place]]:
        return ((key, self[key]) for key in self.table())

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong(f"text is expected, got {_shown(self.value)}")
        return self.value


def read(paths: Iterable[Path]) -> ImportRequest:
    """Return what the files, and the folders of such files, in `paths` hold. Raises OlderFileError."""
    places = [_load(file) for path in paths for file in _files(path)]
    pools = [place for place in places if "prefix" in place.table()]
    mirrors = [place for place in places if "prefix" not in place.table()]
    if len(pools) != 1:
        names = ", ".join(pool.file for pool in pools) or "none of the files"
        raise OlderFileError(f"exactly one file must be the pool's own ({POOL_FILE}, which has a prefix); {names} is")
    network = _network(pools[0]["prefix"])
    found: dict[str, ImportedMirror] = {}
    for place in mirrors:
        mirror = _mirror(place, network)
        if mirror.dbname in found:
            raise place["dbname"].wrong(f"another file is mirror {mirror.dbname} already")
        found[mirror.dbname] = mirror
    return ImportRequest(
        prefix=str(network), addresses=tuple(_addresses(pools[0], network)), mirrors=tuple(found.values())
    )


def parts(request: ImportRequest) -> Iterator[ImportRequest]:
    """Yield `request` in parts that an engine takes at once; each has addresses with all that is known of them.

    The first makes every mirror. What mirrors know of addresses that are not in the pool is left out.
    """
    known: dict[str, list[tuple[str, ImportedUsage]]] = {row.addr: [] for row in request.addresses}
    for mirror in request.mirrors:
        for usage in mirror.usages:
            if usage.addr in known:
                known[usage.addr].append((mirror.dbname, usage))
    names = [mirror.dbname for mirror in request.mirrors]
    addresses: list[ImportedAddress] = []
    usages: dict[str, list[ImportedUsage]] = {name: [] for name in names}
    rows = 0
    for address in request.addresses:
        more = 1 + len(known[address.addr])
        if addresses and (rows + more > PART_ROWS or len(addresses) >= PART_ADDRESSES):
            yield _part(request.prefix, addresses, usages)
            addresses, usages, rows = [], {}, 0
        addresses.append(address)
        for name, usage in known[address.addr]:
            usages.setdefault(name, []).append(usage)
        rows += more
    if addresses or usages:
        yield _part(request.prefix, addresses, usages)


def _part(prefix: str, addresses: list[ImportedAddress], usages: dict[str, list[ImportedUsage]]) -> ImportRequest:
    mirrors = tuple(ImportedMirror(dbname=name, usages=tuple(rows)) for name, rows in usages.items())
    return ImportRequest(prefix=prefix, addresses=tuple(addresses), mirrors=mirrors)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    pool = path / POOL_FILE
    if not pool.exists():
        raise OlderFileError(f"{path}: there is no {POOL_FILE} in this folder")
    return [pool, *sorted((path / MIRROR_FOLDER).glob("*.json"))]


def _load(path: Path) -> _Place:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OlderFileError(f"{path}: it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        return _Place(str(path), (), json.loads(text, object_pairs_hook=_once))
    except json.JSONDecodeError as error:
        end = " (the file ends there: it is cut short)" if not text[error.pos :].strip() else ""
        raise OlderFileError(f"{path}:{error.lineno}:{error.colno}: {error.msg}{end}") from error
    except (ValueError, RecursionError) as error:
        raise OlderFileError(f"{path}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(f"{key} is given twice")
        table[key] = value
    return table


def _network(place: _Place) -> IPv6Network:
    """Return a prefix that is written as its leading groups (2001:0db8:0000:0001), or in CIDR form."""
    text = place.text().strip()
    groups = text.removesuffix("::").removesuffix(":")
    if "/" not in text and _GROUPS.fullmatch(groups):
        count = groups.count(":") + 1
        text = f"{groups}::/{count * 16}" if count < 8 else f"{groups}/128"
    try:
        network = IPv6Network(text)
    except ValueError as error:
        raise place.wrong(f"an IPv6 prefix is expected, got {_shown(place.value)} ({error})") from error
    if not 32 <= network.prefixlen <= 128:
        raise place.wrong(f"a prefix length from /32 to /128 is allowed, got {network}")
    return network


def _addresses(pool: _Place, network: IPv6Network) -> Iterator[ImportedAddress]:
    for address, entry in _entries(pool, network):
        yield ImportedAddress(addr=address, created_at=_seconds(entry["created_at"]))


def _mirror(place: _Place, network: IPv6Network) -> ImportedMirror:
    dbname = place["dbname"]
    if not _DBNAME.fullmatch(dbname.text()):
        raise dbname.wrong(f"1 to 64 of A-Z a-z 0-9 . _ - are expected, no dot first, got {_shown(dbname.value)}")
    usages = tuple(
        ImportedUsage(
            addr=address,
            status=_status(entry["status"]),
            last_used_at=_optional_seconds(entry["last_used_at"]),
            use_count=_count(entry["use_count"]),
        )
        for address, entry in _entries(place, network)
    )
    return ImportedMirror(dbname=dbname.text(), usages=usages)


def _entries(place: _Place, network: IPv6Network) -> Iterator[tuple[str, _Place]]:
    """Yield each address of `addrs` in its usual spelling, with what the file says of it."""
    seen: set[IPv6Address] = set()
    for key, entry in place["addrs"].items():
        address = _address(key, entry)
        if address not in network:
            raise entry.wrong(f"it is not inside the pool's prefix {network}")
        if address in seen:
            raise entry.wrong("it is listed twice, in two spellings")
        if _address(entry["addr"].text(), entry["addr"]) != address:
            raise entry["addr"].wrong("it is another address than its key")
        seen.add(address)
        yield str(address), entry


def _address(text: str, place: _Place) -> IPv6Address:
    try:
        address = IPv6Address(text)
    except ValueError as error:
        raise place.wrong(f"an IPv6 address is expected ({error})") from error
    if address.scope_id is not None:
        raise place.wrong("an address without a zone is expected")
    return address


def _seconds(place: _Place) -> float:
    text = place.text()
    if not _TIME.fullmatch(text):
        raise place.wrong(f"a time like 2026-06-30 14:05:09.123 is expected, got {_shown(text)}")
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise place.wrong(f"there is no such time: {_shown(text)} ({error})") from error


def _optional_seconds(place: _Place) -> float | None:
    return None if place.value in (None, "") else _seconds(place)


def _status(place: _Place) -> str:
    if place.value not in _STATUSES:
        raise place.wrong(f"one of {', '.join(_STATUSES)} is expected, got {_shown(place.value)}")
    return place.text()


def _count(place: _Place) -> int:
    value = place.value
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise place.wrong(f"a whole number from 0 is expected, got {_shown(value)}")
    return value


def _shown(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
