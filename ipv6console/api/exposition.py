"""What the engine knows as metric families, named as Prometheus names things (base units, _total, no address as a label)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import nan
from urllib.parse import urlsplit

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.registry import Collector

from ipv6console.api.lifeexposition import life_families
from ipv6console.engine.lifefigures import LifeFigures
from ipv6console.engine.traffic import Distribution, Traffic
from ipv6console.wire.state import CheckUrl, MirrorRow, NdpRow, PoolState, PrefixRow, PrefixState, State, StoreState
from ipv6console.wire.status import Level

Samples = Iterable[tuple[Sequence[str], float | None]]


@dataclass(frozen=True, slots=True, eq=False)
class Exposition(Collector):
    """One scrape: the state document, the verdict on it, and what passed through."""

    state: State
    level: Level
    traffic: Traffic
    life: LifeFigures

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        state = self.state
        yield InfoMetricFamily(
            "ipv6console_engine", "The engine.", {"version": state.engine.version, "role": state.engine.role}
        )
        yield _states("ipv6console_health", "The verdict on everything.", (), [((), self.level)])
        yield _gauge(
            "start_time_seconds", "When the engine started, in unix seconds.", (), [((), state.engine.started_at)]
        )
        yield _gauge("watchers", "Open streams of state and events.", (), [((), state.engine.watchers)])
        yield from self._passed()
        yield from _pool(state.pool)
        yield from _check_urls(state.pool.check_urls)
        yield from _mirrors(state.mirrors)
        yield from _prefixes(state.prefixes)
        yield from _ndp(state.ndp)
        yield from _store(state.store)
        yield from life_families(self.life)

    def _passed(self) -> Iterator[Metric]:
        traffic = self.traffic
        ways = [(("hot",), traffic.hot), (("framework",), traffic.framework)]
        yield _counter("http_requests", "Requests, by what answered them.", ("path",), ways)
        yield _histogram("pick_duration_seconds", "Picks that did not wait, until they were durable.", traffic.picks)
        yield _histogram("store_commit_duration_seconds", "Commits, from the queue to the disk.", traffic.commits)
        kinds = [((kind,), number) for kind, number in sorted(traffic.events.items())]
        yield _counter("events", "Events written.", ("kind",), kinds)


def _pool(pool: PoolState) -> Iterator[Metric]:
    for name, told, value in (
        ("pool_addresses", "Verified addresses.", pool.total),
        ("pool_max_addresses", "The most there may be (pool.max_total).", pool.max_total),
        ("pool_idle_addresses", "Idle addresses of the neediest mirror.", pool.idle),
        ("pool_usable_num", "Idle addresses the neediest mirror is to have (pool.usable_num).", pool.usable_num),
        ("pool_leases", "Live leases in all mirrors.", pool.leased),
        ("pool_spawning_addresses", "Addresses being checked before they enter the pool.", pool.spawning),
        ("pool_pace_used_addresses", "Fresh on-link addresses in the window of pacing.", pool.pace_used),
        ("pool_pace_limit_addresses", "The most fresh on-link addresses in that window.", pool.pace_limit),
        ("pool_up", "1 while the pool has what its mirrors need.", _up(pool.level)),
    ):
        yield _gauge(name, told, (), [((), value)])
    yield _counter("pool_spawned_addresses", "Addresses verified and added.", (), [((), pool.spawned)])
    yield _counter("pool_failed_checks", "Checks that did not prove their address.", (), [((), pool.checks_failed)])


def _check_urls(urls: Sequence[CheckUrl]) -> Iterator[Metric]:
    label = ("url",)
    yield _gauge(
        "check_url_up", "1 while the check URL answers.", label, [((_bare(row.url),), _up(row.level)) for row in urls]
    )
    asked = [
        ((_bare(row.url), result), number)
        for row in urls
        for result, number in (("ok", row.ok), ("failed", row.failed))
    ]
    yield _counter("check_url_requests", "Checks through this URL, by outcome.", ("url", "result"), asked)


def _mirrors(rows: Sequence[MirrorRow]) -> Iterator[Metric]:
    label = ("mirror",)
    in_states = [
        ((row.name, state), number)
        for row in rows
        for state, number in (("idle", row.idle), ("using", row.using), ("bad", row.bad))
    ]
    yield _gauge("mirror_addresses", "Addresses of a mirror, by state.", ("mirror", "state"), in_states)
    yield _gauge("mirror_up", "1 while the mirror can be picked from.", label, _each(rows, lambda row: _up(row.level)))
    yield _gauge(
        "mirror_draining", "1 while the mirror hands out nothing.", label, _each(rows, lambda row: row.draining)
    )
    yield _counter("mirror_picks", "Addresses leased.", label, _each(rows, lambda row: row.picks))
    yield _counter("mirror_reports", "Leases ended by a report.", label, _each(rows, lambda row: row.reports))
    yield _counter("mirror_bans", "Bad verdicts.", label, _each(rows, lambda row: row.bans))
    yield _counter("mirror_expired_leases", "Leases nobody ended in time.", label, _each(rows, lambda row: row.expired))


def _each(rows: Sequence[MirrorRow], value: Callable[[MirrorRow], float | None]) -> Samples:
    return [((row.name,), value(row)) for row in rows]


def _prefixes(rows: Sequence[PrefixRow]) -> Iterator[Metric]:
    rows = [row for row in rows if row.state in {PrefixState.ACTIVE, PrefixState.DRAINING}]
    label = ("prefix", "interface")
    for name, told, value in (
        ("prefix_active", "1 while addresses are handed out, 0 while the prefix drains.", lambda row: row.state is PrefixState.ACTIVE),
        ("prefix_addresses", "Verified addresses of the prefix.", lambda row: row.addresses),
        ("prefix_leases", "Live leases on the prefix.", lambda row: row.leased),
        ("prefix_preferred_until_seconds", "When it is deprecated, in unix seconds.", lambda row: row.preferred_until),
        ("prefix_valid_until_seconds", "When it ends, in unix seconds.", lambda row: row.valid_until),
        ("prefix_route_up", "1 while the local route is there.", lambda row: _up(row.route)),
    ):  # fmt: skip
        yield _gauge(name, told, label, [((row.prefix, row.interface), value(row)) for row in rows])


def _ndp(rows: Sequence[NdpRow]) -> Iterator[Metric]:
    label = ("prefix", "interface", "strategy")

    def each(value: Callable[[NdpRow], float | None]) -> Samples:
        return [((row.prefix, row.interface, row.strategy), value(row)) for row in rows]

    yield _gauge("ndp_up", "1 while neighbours are answered.", label, each(lambda row: _up(row.level)))
    yield _counter("ndp_restarts", "Times what answers was started anew.", label, each(lambda row: row.restarts))
    yield _counter("ndp_solicitations", "Solicitations seen.", label, each(lambda row: row.solicited))
    yield _counter("ndp_advertisements", "Solicitations answered.", label, each(lambda row: row.answered))


def _store(store: StoreState) -> Iterator[Metric]:
    yield _gauge("store_up", "1 while commits succeed.", (), [((), _up(store.level))])
    yield _gauge("store_queue_commits", "Commits that wait for the disk.", (), [((), store.queue)])
    yield _counter("store_commits", "Transactions committed.", (), [((), store.commits)])


def _up(level: Level) -> float | None:
    """Return 1 or 0; NaN, which fails every comparison, for what is not known, and nothing for what is switched off."""
    return {Level.OFF: None, Level.UNKNOWN: nan, Level.FAIL: 0.0}.get(level, 1.0)


def _bare(url: str) -> str:
    """Leave out what may be secret: who asks, and what for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _gauge(name: str, told: str, labels: Sequence[str], samples: Samples) -> Metric:
    return _filled(GaugeMetricFamily(f"ipv6console_{name}", told, labels=labels), samples)


def _counter(name: str, told: str, labels: Sequence[str], samples: Samples) -> Metric:
    return _filled(CounterMetricFamily(f"ipv6console_{name}", told, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    for labels, value in samples:
        if value is not None:
            family.add_metric(labels, float(value))
    return family


def _states(name: str, told: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], Level]]) -> Metric:
    family = StateSetMetricFamily(name, told, labels=labels)
    for values, level in samples:
        family.add_metric(values, {known.value: known is level for known in Level})
    return family


def _histogram(name: str, told: str, durations: Distribution) -> Metric:
    family = HistogramMetricFamily(f"ipv6console_{name}", told)
    buckets = [
        ("+Inf" if bound == float("inf") else repr(bound), float(number)) for bound, number in durations.cumulative()
    ]
    family.add_metric((), buckets, durations.total)
    return family
