"""What can go wrong in the lab: each fault touches the kernel, daemons and packets, never the engine."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ipv6console.lab.error import LabError
from ipv6console.lab.node import Node
from ipv6console.lab.plan import Mode
from ipv6console.lab.topology import Topology

DEFAULT_GRACE = 3.0
"""Seconds between the end of a prefix's use for anything new and its removal."""


class Scene(Protocol):
    """Where a fault happens."""

    topology: Topology

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` once, `seconds` from now."""
        ...

    def note(self, text: str) -> None:
        """Write `text` into the lab's log."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what people call it, what it does, and how; `cause` gets the grace and returns what was done."""

    name: str
    help: str
    cause: Callable[[Scene, float], list[str]]


def cause_fault(scene: Scene, name: str, grace: float | None) -> list[str]:
    """Make the fault called `name` happen; return what was done, a sentence each. Raises LabError."""
    fault = FAULTS.get(name)
    if fault is None:
        known = "\n".join(f"  {fault.name:<10} {fault.help}" for fault in FAULTS.values())
        raise LabError(f"the lab has no fault {name!r}", f"It has:\n{known}")
    if grace is not None and not 0 <= grace <= 3_600:
        raise LabError(f"a grace of {grace} s is out of bounds", "Give 0 to 3600 seconds.")
    done = fault.cause(scene, DEFAULT_GRACE if grace is None else grace)
    for line in done:
        scene.note(f"{name}: {line}")
    return done


def _renumber(scene: Scene, grace: float) -> list[str]:
    topology = scene.topology
    old = topology.current
    new = topology.serve(topology.successor(old.prefix))
    where = f"egress {topology.interface}"
    done = [
        f"isp routes {new.prefix} to egress",
        f"{where} has {new.host}, tentative until the kernel has probed for it",
    ]

    def withdraw() -> None:
        topology.withdraw(old)
        scene.note(f"renumber: {where} has lost {old.host}; isp has no route to {old.prefix}")

    if grace > 0:
        topology.deprecate(old, math.ceil(grace) + 1)
        scene.later(grace, withdraw)
        done += [
            f"{where}: {old.host} is deprecated (preferred lifetime 0)",
            f"in {grace:g} s egress loses {old.host} and isp its route to {old.prefix}",
        ]
    else:
        withdraw()
        done.append(f"{where} has lost {old.host} and isp its route to {old.prefix}")
    return done


def _kill_ndppd(scene: Scene, _grace: float) -> list[str]:
    found = processes_named("ndppd", scene.topology.egress)
    if not found:
        fix = "Is the engine up? See engine.log in the lab's directory."
        if scene.topology.mode is Mode.ROUTED:
            fix = "A routed prefix needs none; start the lab with --mode onlink."
        raise LabError("no ndppd runs on egress", fix)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return [f"ndppd (process {pid} of the lab) is killed by SIGKILL" for pid in found]


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("renumber", "the ISP gives another prefix of the same length, the old one ends after a grace", _renumber),
        Fault("ndp-kill", "SIGKILL to ndppd", _kill_ndppd),
    )
}
"""Every fault by its name."""


def processes_named(name: str, node: Node) -> list[int]:
    """Return the processes called `name` in the network namespace of `node`, found in /proc."""
    inode = node.inode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if (entry / "comm").read_text().strip() == name and (entry / "ns/net").stat().st_ino == inode:
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return sorted(found)
