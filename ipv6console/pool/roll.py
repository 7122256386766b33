"""An operator's list of addresses, in place of random ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ipv6console.pool.prefix import Prefix


class Roll:
    """Gives the addresses of a list in turn, over and over: one that failed its check may pass it later."""

    def __init__(self, addresses: tuple[int, ...]) -> None:
        self._addresses = deque(addresses)
        self._parts: dict[int, Roll] = {}

    def of(self, prefix: Prefix) -> Roll:
        """Return the part of the list that lies inside `prefix`, with a turn of its own."""
        part = self._parts.get(prefix.id)
        if part is None:
            part = self._parts[prefix.id] = Roll(tuple(a for a in self._addresses if a in prefix))
        return part

    def take(self, count: int, unwanted: Callable[[int], bool]) -> list[int]:
        """Return up to `count` different addresses that are not `unwanted`."""
        taken: list[int] = []
        for _ in range(len(self._addresses)):
            if len(taken) >= count:
                break
            address = self._addresses[0]
            self._addresses.rotate(-1)
            if not unwanted(address):
                taken.append(address)
        return taken
