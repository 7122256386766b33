"""What an operator's act would touch, counted before it is done."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import islice

from ipv6console.pool.address import format_address
from ipv6console.pool.lease import Lease
from ipv6console.pool.mirror import Mirror
from ipv6console.pool.pool import Pool
from ipv6console.pool.prefix import covers

_SAMPLE = 10
_COUNTED, _WHOLE = 64, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The set's size, a sample in text, the live leases and mirrors it hurts; equal fingerprints mean the same set."""

    count: int
    sample: tuple[str, ...]
    leases: int
    mirrors: tuple[str, ...]
    fingerprint: Hashable


def survey_mirror(pool: Pool, mirror: Mirror) -> Survey:
    """Survey a flush of one mirror: the addresses it holds or thinks bad.

    Scrapers change which ones at every pick, so the set an operator agrees to is this mirror over these addresses.
    """
    rows = list(mirror.touched())
    return Survey(
        count=len(rows),
        sample=_sample(pool, rows),
        leases=len(mirror.leases),
        mirrors=(mirror.name,),
        fingerprint=(mirror.id, pool.generation),
    )


def survey_pool(pool: Pool) -> Survey:
    """Survey emptying the pool."""
    return _survey(pool, pool.table.live, pool.table.rows_after(-1), pool.generation)


def survey_networks(pool: Pool, networks: tuple[tuple[int, int], ...]) -> Survey:
    """Survey a revocation of prefixes and, with length 128, single addresses."""
    table = pool.table
    count = 0
    singly: set[int] = set()
    sample: list[int] = []
    present: list[Hashable] = []
    for network, length in networks:
        if length <= _COUNTED:
            # There may be millions: they are counted as they come and go, and none is looked at here.
            census = table.census(network, length)
            count += census.live
            present.append(census)
            sample.extend(islice(table.rows_within(network, length), max(0, _SAMPLE - len(sample))))
        elif length < _WHOLE:
            rows = list(table.rows_within(network, length))
            count += len(rows)
            present.append(hash(tuple(rows)))
            sample.extend(rows)
        elif (row := table.find(network)) is not None:
            singly.add(row)
            present.append(row)
            sample.append(row)
    whole = [place for place in networks if place[1] < _WHOLE]

    def touches(lease: Lease) -> bool:
        return lease.row in singly or any(covers(*place, lease.address) for place in whole)

    return _survey(pool, count + len(singly), sample, (networks, *present), touches)


def _survey(
    pool: Pool,
    count: int,
    sample: Iterable[int],
    fingerprint: Hashable,
    touches: Callable[[Lease], bool] | None = None,
) -> Survey:
    """Survey with the leases that it `touches`, without that all of them."""
    leases = 0
    hurt: list[str] = []
    for mirror in pool.mirrors.values():
        held = len(mirror.leases) if touches is None else sum(map(touches, mirror.leases.values()))
        leases += held
        if held:
            hurt.append(mirror.name)
    return Survey(
        count=count, sample=_sample(pool, sample), leases=leases, mirrors=tuple(hurt), fingerprint=fingerprint
    )


def _sample(pool: Pool, rows: Iterable[int]) -> tuple[str, ...]:
    return tuple(format_address(pool.table.address(row)) for row in islice(rows, _SAMPLE))
