"""Moving in: pool and mirrors of the older system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedAddress:
    """One address of the older pool; `created_at` is unix seconds."""

    addr: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedUsage:
    """What an older mirror knows of one address: `status` is idle, using or bad, `last_used_at` unix seconds."""

    addr: str
    status: str
    last_used_at: float | None
    use_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedMirror:
    """One older mirror."""

    dbname: str
    usages: tuple[ImportedUsage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """The older system's files, read."""

    addresses: tuple[ImportedAddress, ...]
    mirrors: tuple[ImportedMirror, ...] = ()
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came of it: how many addresses are in the pool now, and which are not, each with the reason."""

    addresses: int
    mirrors: int
    bad: int
    skipped: dict[str, str]
