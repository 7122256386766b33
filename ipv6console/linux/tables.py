"""The kernel's tables as they are, read again only where the kernel said that something changed."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from ipv6console.linux.dump import POOLED_METRIC, Address, Dump, Link, Neighbour, Notice, NoticeKind, Route
from ipv6console.linux.message import (
    GET_ADDRESS,
    GET_LINK,
    GET_NEIGHBOUR,
    GET_ROUTE,
    asking,
    read_address,
    read_link,
    read_neighbour,
    read_notice,
    read_routes,
)
from ipv6console.linux.rtnetlink import Hearing, Questions

_FRESH = 600.0
"""Seconds after which everything is read again although nobody said anything: a safety net, not how changes are found."""
Place = tuple[int, int]
"""Interface index and address."""


class Tables:
    """Remembers what was read; what the kernel says meanwhile is taken up before each answer, so none is ever old.

    Neighbours and the addresses of the pool are many and come one by one, so what is said of them is applied. All other
    tables are short and what is said of one may concern another, so they are read again.
    """

    def __init__(self, receive_buffer: int) -> None:
        self._hearing = Hearing(receive_buffer)
        self._questions = Questions()
        self._links: tuple[Link, ...] | None = None
        self._routes: tuple[Route, ...] | None = None
        self._addresses: tuple[Address, ...] | None = None
        self._pooled: dict[Place, Address] = {}
        self._pooled_told: tuple[Address, ...] | None = None
        self._neighbours: dict[Place, Neighbour] | None = None
        self._proxy_rows: list[bytes] = []
        self._proxies: tuple[Neighbour, ...] = ()
        self._told: Dump | None = None
        self._read_at = 0.0
        self._due = 0.0

    @property
    def asked(self) -> int:
        """How many tables the kernel has been asked for."""
        return self._questions.asked

    def fileno(self) -> int:
        """Return the descriptor that is readable when `hear` has something to tell."""
        return self._hearing.fileno()

    def hear(self) -> tuple[Notice, ...]:
        """Take up what the kernel has said since, without waiting, and return what of it is news; raises OSError."""
        messages, lost = self._hearing.take()
        if lost:
            self._forget()
            return (Notice(NoticeKind.OVERRUN),)
        return tuple(notice for kind, body in messages for notice in read_notice(kind, body) if self._take(notice))

    def read(self) -> Dump:
        """Return all tables as they are now, `hear` being called just before; raises OSError."""
        now = time.monotonic()
        if now >= self._due:
            self._forget()
            self._due = now + _FRESH
        if self._told is None:
            self._told = self._gather()
        return replace(self._told, at=time.time())

    def proxies(self) -> tuple[Neighbour, ...]:
        """Return the proxy entries of all interfaces, of whose changes the kernel says nothing; raises OSError.

        The very same tuple as long as they are the same.
        """
        rows = self._questions.table(GET_NEIGHBOUR, asking(GET_NEIGHBOUR, proxies=True))
        if rows != self._proxy_rows:
            self._proxies = tuple(row for body in rows if (row := read_neighbour(body)) is not None)
            self._proxy_rows = rows
        return self._proxies

    def assigned(self, addresses: Collection[int], index: int, flags: int) -> None:
        """Take up addresses of the pool that were just assigned.

        The kernel tells of a new address from a work queue, a moment after it is there; of one that goes it tells at once.
        """
        if self._addresses is not None:
            for address in addresses:
                row = Address(index, address, 128, flags, metric=POOLED_METRIC)
                self._pooled.setdefault((index, address), row)
            self._told = self._pooled_told = None

    def close(self) -> None:
        """Close the sockets."""
        self._hearing.close()
        self._questions.close()

    def _gather(self) -> Dump:
        if self._links is None:
            self._links = tuple(read_link(body) for body in self._table(GET_LINK))
        if self._addresses is None:
            self._read_at = time.time()
            found = [row for body in self._table(GET_ADDRESS) if (row := read_address(body)) is not None]
            self._addresses = tuple(row for row in found if not row.pooled)
            self._pooled = {(row.index, row.address): row for row in found if row.pooled}
            self._pooled_told = None
        if self._routes is None:
            self._routes = tuple(route for body in self._table(GET_ROUTE) for route in read_routes(body))
        if self._neighbours is None:
            near = [one for body in self._table(GET_NEIGHBOUR) if (one := read_neighbour(body)) is not None]
            self._neighbours = {(one.index, one.address): one for one in near}
        if self._pooled_told is None:
            self._pooled_told = tuple(self._pooled.values())
        return Dump(
            at=time.time(),
            read_at=self._read_at,
            links=self._links,
            addresses=self._addresses,
            routes=self._routes,
            neighbours=tuple(self._neighbours.values()),
            pooled=self._pooled_told,
        )

    def _table(self, kind: int) -> list[bytes]:
        return self._questions.table(kind, asking(kind))

    def _forget(self) -> None:
        self._links = self._routes = self._addresses = self._neighbours = self._told = None

    def _take(self, notice: Notice) -> bool:
        """Make old what `notice` makes old, or apply it; returns whether it is news to anybody."""
        row = notice.row
        if isinstance(row, Neighbour):
            return self._take_neighbour(row, removed=notice.removed)
        self._told = None
        if isinstance(row, Address) and notice.kind is NoticeKind.POOLED:
            if notice.removed:
                self._pooled.pop((row.index, row.address), None)
            else:
                self._pooled[row.index, row.address] = row
            self._pooled_told = None
        elif notice.kind is NoticeKind.LINK:
            # With a link go routes and addresses, not each with a word of its own.
            self._links = self._routes = self._addresses = self._neighbours = None
        elif notice.kind is NoticeKind.ADDRESS:
            self._addresses = self._routes = None
        else:
            self._routes = None
        return True

    def _take_neighbour(self, row: Neighbour, *, removed: bool) -> bool:
        if self._neighbours is None:
            return True
        place = row.index, row.address
        before = self._neighbours.get(place)
        was = before is not None and before.known
        self._told = None
        if removed:
            self._neighbours.pop(place, None)
            return was
        self._neighbours[place] = row
        return not was or before is None or before.router != row.router
