"""Drawing random addresses from a prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from ipv6console.pool.exclusion import subnet_anycast

_CYCLE_BITS = 16
_TRIES = 64


class Draw:
    """Random addresses of one prefix, spread evenly over its subnets of `spread` bits.

    Sites ban by /64, so consecutive draws come from different subnets for as long as there are any.
    """

    def __init__(self, network: int, length: int, *, spread: int, random: Random) -> None:
        self._network = network
        self._length = length
        self._subnet_length = max(length, spread)
        self._random = random
        self._subnets = self._cycle()

    def take(self, count: int, unwanted: Callable[[int], bool]) -> list[int]:
        """Return up to `count` different addresses that are not `unwanted`; fewer when the prefix has no more."""
        taken: dict[int, None] = {}
        while len(taken) < count:
            address = self._one(lambda candidate: candidate in taken or unwanted(candidate))
            if address is None:
                break
            taken[address] = None
        return list(taken)

    def _one(self, unwanted: Callable[[int], bool]) -> int | None:
        for _ in range(_TRIES):
            address = next(self._subnets) | self._random.getrandbits(128 - self._subnet_length)
            if not (subnet_anycast(address, self._subnet_length) or unwanted(address)):
                return address
        return self._sweep(unwanted)

    def _sweep(self, unwanted: Callable[[int], bool]) -> int | None:
        """Look at every address of a small prefix, from a random place on; a large one is never that full."""
        host_bits = 128 - self._length
        if host_bits > _CYCLE_BITS:
            return None
        size = 1 << host_bits
        start = self._random.randrange(size)
        for step in range(size):
            address = self._network | ((start + step) % size)
            if not (subnet_anycast(address, self._subnet_length) or unwanted(address)):
                return address
        return None

    def _cycle(self) -> Iterator[int]:
        shift = 128 - self._subnet_length
        bits = self._subnet_length - self._length
        if bits == 0:
            while True:
                yield self._network
        if bits > _CYCLE_BITS:
            while True:
                yield self._network | self._random.getrandbits(bits) << shift
        order = list(range(1 << bits))
        while True:
            self._random.shuffle(order)
            for subnet in order:
                yield self._network | subnet << shift
