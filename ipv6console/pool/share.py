"""How many addresses each prefix gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ipv6console.pool.prefix import Prefix, parse_prefix


class Shares:
    """Deals addresses out to prefixes in proportion to their weights, evenly also over many small rounds.

    `weights` are texts PREFIX=WEIGHT; a prefix that is not named has weight 1.
    """

    def __init__(self, weights: Iterable[str] = ()) -> None:
        self._weights = {}
        for text in weights:
            prefix, _, weight = text.partition("=")
            self._weights[parse_prefix(prefix)] = int(weight)
        self._credit: Counter[int] = Counter()

    def deal(self, prefixes: Sequence[Prefix], count: int) -> dict[int, int]:
        """Return how many of `count` each prefix gives, by its id."""
        weights = {prefix.id: self.weight(prefix) for prefix in prefixes}
        total = sum(weights.values())
        shares: Counter[int] = Counter()
        for _ in range(count):
            for number, weight in weights.items():
                self._credit[number] += weight
            chosen = max(weights, key=lambda number: self._credit[number])
            self._credit[chosen] -= total
            shares[chosen] += 1
        return dict(shares)

    def weight(self, prefix: Prefix) -> int:
        """Return the weight of one prefix."""
        return self._weights.get((prefix.network, prefix.length), 1)
