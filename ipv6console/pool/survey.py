"""What an operator's act would touch, counted before it is done."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice

from ipv6console.pool.address import format_address
from ipv6console.pool.mirror import Mirror
from ipv6console.pool.pool import Pool

_SAMPLE = 10


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
    return _survey(pool, None, pool.generation)


def survey_networks(pool: Pool, networks: tuple[tuple[int, int], ...]) -> Survey:
    """Survey a revocation of prefixes and, with length 128, single addresses."""
    rows: list[int] = []
    for network, length in networks:
        if length == 128:
            row = pool.table.find(network)
            rows.extend([] if row is None else [row])
        else:
            rows.extend(pool.table.rows_within(network, length))
    return _survey(pool, rows, (networks, hash(tuple(rows))))


def _survey(pool: Pool, rows: list[int] | None, fingerprint: Hashable) -> Survey:
    chosen = None if rows is None else set(rows)
    leases = 0
    hurt: list[str] = []
    for mirror in pool.mirrors.values():
        held = len(mirror.leases) if chosen is None else sum(row in chosen for row in mirror.leases)
        leases += held
        if held:
            hurt.append(mirror.name)
    return Survey(
        count=pool.table.live if rows is None else len(rows),
        sample=_sample(pool, list(islice(pool.table.rows(), _SAMPLE)) if rows is None else rows),
        leases=leases,
        mirrors=tuple(hurt),
        fingerprint=fingerprint,
    )


def _sample(pool: Pool, rows: list[int]) -> tuple[str, ...]:
    return tuple(format_address(pool.table.address(row)) for row in rows[:_SAMPLE])
