"""What the engine knows of subscribers' prefixes as metric families."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from ipv6console.engine.lifefigures import LifeFigures


def life_families(figures: LifeFigures) -> Iterator[Metric]:
    """Yield every family; tenants are labels, in bounded number, addresses and subscribers never are."""
    prefixes = GaugeMetricFamily(
        "ipv6console_prefixes", "Subscribers' prefixes, by the pool they are from and state.", labels=("pool", "state")
    )
    for labels, number in sorted(figures.prefixes.items()):
        prefixes.add_metric(labels, number)
    yield prefixes
    operations = CounterMetricFamily(
        "ipv6console_lifecycle_operations",
        "Operations on subscribers' prefixes, by how they were answered.",
        labels=("operation", "result", "tenant"),
    )
    for names, number in sorted(figures.operations.items()):
        operations.add_metric(names, number)
    yield operations
    durations = HistogramMetricFamily(
        "ipv6console_lifecycle_operation_duration_seconds",
        "Operations, from the request to its answer.",
        labels=("operation",),
    )
    for name, taken in sorted(figures.durations.items()):
        buckets = [
            ("+Inf" if bound == float("inf") else repr(bound), float(count)) for bound, count in taken.cumulative()
        ]
        durations.add_metric((name,), buckets, taken.total)
    yield durations
    yield _gauge("pool_utilization_ratio", "The part of a space that is not available.", "pool", figures.utilization)
    yield _gauge("stuck_prefixes", "Prefixes that have been in a state for too long.", "state", figures.stuck)
    yield _gauge("outbox_steps", "Steps that wait for IPAM or RADIUS.", "step", figures.outbox)
    yield GaugeMetricFamily(
        "ipv6console_outbox_age_seconds", "How long the oldest of them has waited.", value=figures.outbox_age
    )
    leaks = GaugeMetricFamily("ipv6console_leaks", "Prefixes on which store, IPAM, kernel and DHCPv6 disagree.")
    if figures.leaks is not None:
        leaks.add_metric((), figures.leaks)
    yield leaks


def _gauge(name: str, told: str, label: str, samples: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"ipv6console_{name}", told, labels=(label,))
    for value, number in sorted(samples.items()):
        family.add_metric((value,), number)
    return family
