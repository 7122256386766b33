"""Choosing addresses of a space that the scrapers' pool does not have.

The rules of a space know nothing of the pool. What they choose and the pool has is taken back, kept reserved in memory alone
while they choose again, and free again in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ipv6console.ipam.answer import Bound, Cut
from ipv6console.ipam.change import BindingRecorded
from ipv6console.ipam.errors import PoolFull
from ipv6console.ipam.space import Space
from ipv6console.ipam.spaces import Spaces as Rules
from ipv6console.ipam.spaces import Wanted
from ipv6console.ipam.span import Span, block

_TRIES, _CUTS = 5_000, 100
_FULL_NEXT = "add a range that is not of the pool's prefixes, or withdraw what the pool has: ipv6console revoke PREFIX --reason TEXT"

Pooled = Callable[[Span], bool]
"""Tells whether the scrapers' pool has addresses in a span."""


def bind(rules: Rules, wanted: Sequence[Wanted], now: float, pooled: Pooled) -> tuple[Bound, ...]:
    """Bind several, all or none, no address of the pool; raises ipam's errors."""
    with _kept_apart(now) as apart:
        for _ in range(_TRIES):
            bound = rules.bind(wanted, now)
            pairs = list(zip(wanted, bound, strict=True))
            unfit = [
                (want.space, span)
                for want, one in pairs
                if one.created and want.address is None and pooled(span := _spot(one.row))
            ]
            if not unfit:
                return bound
            for want, one in reversed(pairs):
                want.space.withdraw(one)
            for space, span in unfit:
                apart(space, span)
    raise PoolFull("the free addresses that were looked at are all the scrapers' pool's", next=_FULL_NEXT)


def cut(rules: Rules, choose: Callable[[], Cut], now: float, pooled: Pooled) -> Cut:
    """Cut a prefix by `choose`, none with addresses of the pool; raises ipam's errors."""
    with _kept_apart(now) as apart:
        for _ in range(_CUTS):
            made = choose()
            span = block(6, made.row.network, made.row.length)
            if not (made.created and pooled(span)):
                return made
            space, _row = rules.find_delegation(made.row.id)
            space.give_back(made.row.id)
            apart(space, span)
    raise PoolFull("the free prefixes that were looked at all have addresses of the scrapers' pool", next=_FULL_NEXT)


@contextmanager
def _kept_apart(now: float) -> Iterator[Callable[[Space, Span], None]]:
    apart: list[tuple[Space, int]] = []

    def keep(space: Space, span: Span) -> None:
        apart.append((space, space.reserve(span, "", "", now).row.id))

    try:
        yield keep
    finally:
        for space, number in apart:
            space.unreserve(number)


def _spot(row: BindingRecorded) -> Span:
    return Span(row.family, row.address, row.address)
