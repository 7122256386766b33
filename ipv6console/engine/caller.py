"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What a caller may do; each includes the ones before it."""

    READ = "read"
    SCRAPE = "scrape"
    OPERATE = "operate"


class Grant(NamedTuple):
    """What a bearer token gives: its name, what who shows it may do, and whose things alone, None for everybody's."""

    token: str
    scopes: frozenset[Scope]
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller: a label for people ("unix pid 812 uid 0", "tcp 127.0.0.1"), what it may do, its process.

    `token` names the bearer token it showed, `tenant` whose spaces and subscribers alone it may see, None for all.
    """

    label: str
    scopes: frozenset[Scope]
    pid: int | None = None
    uid: int | None = None
    token: str | None = None
    tenant: str | None = None

    @property
    def process(self) -> str | None:
        """What is known of the caller that it cannot choose: its process or token; None of one over plain TCP."""
        if self.pid is None and self.token is None:
            return None
        return self.label.removeprefix("unix ")[:200]
