"""What every part of the address spaces shares: the rules in memory, who may see and change which, and their commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite

from ipv6console.engine.caller import Caller
from ipv6console.engine.core import Core
from ipv6console.engine.errors import Forbidden, InvalidRequest
from ipv6console.engine.ipamerrors import refusing
from ipv6console.engine.protocol import Durability
from ipv6console.ipam import errors
from ipv6console.ipam.change import Change
from ipv6console.ipam.space import Space
from ipv6console.ipam.spaces import Spaces as Rules
from ipv6console.ipam.span import Span
from ipv6console.pool.change import Snapshot
from ipv6console.pool.prefix import Standing

LONGEST_TIME = 3_650 * 86_400.0
"""Seconds: the longest rest of an address, and the longest life of a binding that ends by itself."""

_LONGEST_TEXT = 200
_LISTED = "`ipv6console space list` names the spaces there are"


class Estate:
    """The rules of all spaces and who may do what with them.

    Memory is changed first and committed after; when a commit fails, everything is read back from the store.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.rules = Rules(core.random)
        self.revision = 0
        self._under_way = 0
        core.taken = self.taken
        core.followers.append(self._follow)

    def taken(self, address: int) -> bool:
        """Return whether an IPv6 address is bound, reserved or delegated in any space, so that the pool may not have it."""
        return self.rules.taken(address)

    def pooled(self, span: Span) -> bool:
        """Return whether addresses of the scrapers' pool are in a span."""
        return self.first_pooled(span) is not None

    def first_pooled(self, span: Span) -> int | None:
        """Return an address of the scrapers' pool that is in a span, None when there is none."""
        pool = self.core.pool
        if span.family == 4:
            return None
        if span.first == span.last:
            return None if pool.table.find(span.first) is None else span.first
        length = span.length
        for prefix in pool.prefixes.values():
            end = prefix.network | (1 << (128 - prefix.length)) - 1
            if prefix.standing is Standing.GONE or prefix.network > span.last or end < span.first:
                continue
            rows = pool.table.rows() if length is None else pool.table.rows_within(span.first, length)
            return next((found for found in map(pool.table.address, rows) if span.first <= found <= span.last), None)
        return None

    def visible(self, space: Space, caller: Caller) -> bool:
        """Return whether a space is there for a caller: its tenant's, everybody's, or the caller is an operator of all."""
        return caller.tenant is None or space.row.tenant in ("", caller.tenant)

    def seen(self, name: str, caller: Caller) -> Space:
        """Return a space to look at; raises ipam's NotFound, also for one of another tenant."""
        try:
            space = self.rules.find(name)
        except errors.NotFound:
            space = None
        if space is None or not self.visible(space, caller):
            raise errors.NotFound(f"there is no space {name[:80]!r}", next=_LISTED)
        return space

    def own(self, space: Space, caller: Caller) -> Space:
        """Return a space that the caller sees, to change it; raises Forbidden for everybody's when the caller has a tenant."""
        if caller.tenant is not None and space.row.tenant != caller.tenant:
            raise Forbidden(
                f"space {space.row.name} is everybody's; {caller.label} may read it, and change what is of tenant"
                f" {caller.tenant} alone",
                next=f"make a space of your own: ipv6console space create NAME --tenant {caller.tenant}",
            )
        return space

    @contextmanager
    def deciding(self) -> Iterator[Rules]:
        """Let the rules decide inside the block; raises Unavailable while the store is broken, and what they refuse."""
        self.core.working()
        with refusing():
            yield self.rules

    async def commit(self, *changes: Change) -> None:
        """Return once the changes survive a loss of power; raises Unavailable."""
        self.revision += 1
        self._under_way += 1
        try:
            await self.core.commit(*changes, durability=Durability.POWER)
        finally:
            self._under_way -= 1
        self.core.changed.set_soon()

    @property
    def unsettled(self) -> bool:
        """Whether memory may say what is not committed yet."""
        return self._under_way > 0

    def _follow(self, snapshot: Snapshot) -> None:
        self.revision += 1
        self.rules.restore(snapshot.space)


def check_line(what: str, text: str) -> str:
    """Return one line for people, stripped; raises InvalidRequest."""
    line = text.strip()
    if len(line) > _LONGEST_TEXT or not (line.isprintable() or not line):
        raise InvalidRequest(
            f"the {what} is longer than {_LONGEST_TEXT} characters, or has line ends or control characters",
            next="write one line of text",
        )
    return line


def check_time(what: str, seconds: float, *, least: float) -> float:
    """Return a length of time in seconds; raises InvalidRequest."""
    if not (isfinite(seconds) and least <= seconds <= LONGEST_TIME):
        raise InvalidRequest(
            f"{what} {seconds} is not possible", next=f"give seconds from {least:g} to {LONGEST_TIME:.0f}"
        )
    return seconds
