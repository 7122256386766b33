"""Which events tell of a fault, and which tell that it is over: pure rules."""

from __future__ import annotations

from dataclasses import dataclass

from ipv6console.wire.event import Event

FAULTS = {
    "engine.crashed": "engine.crashed",
    "engine.failed": "engine.failed",
    "ipam.failed": "ipam",
    "leak.found": "leak.found",
    "lease.lost": "lease.lost",
    "notify.failed": "notify",
    "notify.lost": "notify.lost",
    "pool.failed": "pool",
    "prefix.deprecated": "deprecation",
    "prefix.gone": "presence",
    "prefix.refused": "refusal",
    "prefix.silent": "silence",
    "prefix.unknown": "kernel",
    "prefix.unproved": "prefix.unproved",
    "radius.failed": "radius",
    "reach.broken": "reach",
    "reach.changed": "reach",
    "reach.unknown": "reach",
    "store.failed": "store",
    "store.found": "store.found",
    "subscriber.stuck": "subscriber.stuck",
    "upgrade.refused": "upgrade.refused",
}
"""The family of each kind of fault: with the subject it names the fault, whatever the kind it began with."""

_ENDS = {
    "ipam.recovered": ("ipam",),
    "notify.recovered": ("notify",),
    "pool.recovered": ("pool",),
    "prefix.accepted": ("refusal",),
    "prefix.appeared": ("presence", "refusal", "deprecation", "silence"),
    "prefix.gone": ("reach", "refusal", "deprecation", "silence"),
    "prefix.known": ("kernel",),
    "prefix.returned": ("silence",),
    "prefix.withdrawn": ("reach", "refusal"),
    "radius.recovered": ("radius",),
    "reach.recovered": ("reach",),
    "revoke.prefix": ("reach", "refusal", "deprecation", "silence"),
    "store.recovered": ("store",),
}


TOLD_ANEW = frozenset({"ipam", "kernel", "notify", "pool", "radius", "reach", "refusal", "store"})
"""Families of faults that an engine which has just started tells of again while they last; others end by an event."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What stays the same from the first event of a fault to its end."""

    family: str
    subject: str | None


def begun(event: Event) -> Fault:
    """Return the fault that `event` tells of; one that is none by itself is a family of its own, without an end."""
    return Fault(FAULTS.get(event.kind, event.kind), event.subject)


def ended(event: Event) -> tuple[Fault, ...]:
    """Return the faults that `event` ends, if there are any."""
    return tuple(Fault(family, event.subject) for family in _ENDS.get(event.kind, ()))


def lasts(fault: Fault) -> bool:
    """Return whether something can tell the end of such a fault."""
    return any(fault.family in families for families in _ENDS.values())
