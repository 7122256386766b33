"""Faults of the way out: the prefix the ISP gives, the cable to it, and the road to the check URLs."""

from __future__ import annotations

import math

from ipv6console.lab.error import LabError
from ipv6console.lab.scene import Scene, Wish

_LINGER = 3_600


def renumber(scene: Scene, wish: Wish) -> list[str]:
    """Give the customer another prefix of the same length; the old one ends after the grace, or without a word."""
    if wish.silent:
        return _renumber_silently(scene)
    topology = scene.topology
    old, routed = topology.current, topology.routed
    new = topology.serve(topology.successor(routed))
    topology.unroute(routed, but=old.prefix)
    where = f"egress {topology.interface}"
    done = [
        f"isp routes {new.prefix} to egress",
        f"{where} has {new.host}, tentative until the kernel has probed for it",
    ]

    def withdraw() -> None:
        topology.withdraw(old)
        scene.note(f"renumber: {where} has lost {old.host}; isp has no route to {old.prefix}")

    if wish.grace > 0:
        topology.deprecate(old, math.ceil(wish.grace) + 1)
        scene.later(wish.grace, withdraw)
        done += [
            f"{where}: {old.host} is deprecated (preferred lifetime 0)",
            f"in {wish.grace:g} s egress loses {old.host} and isp its route to {old.prefix}",
        ]
    else:
        withdraw()
        done.append(f"{where} has lost {old.host} and isp its route to {old.prefix}")
    return done


def _renumber_silently(scene: Scene) -> list[str]:
    topology = scene.topology
    old, new = topology.routed, topology.move_route()
    return [
        f"isp routes {new} to egress, and {old} no more",
        f"egress is told nothing: it keeps {topology.current.host}, and no answer to its addresses arrives",
    ]


def deprecate(scene: Scene, _wish: Wish) -> list[str]:
    """Give the customer's address the preferred lifetime 0, and no other prefix."""
    topology = scene.topology
    lease = topology.current
    topology.deprecate(lease, _LINGER)
    return [f"egress {topology.interface}: {lease.host} is deprecated (preferred lifetime 0, valid {_LINGER} s)"]


def cut(scene: Scene, _wish: Wish) -> list[str]:
    """Unplug the customer from the switch: no carrier, everything else stays as it was."""
    scene.topology.plug(up=False)
    return ["the switch has taken egress's port down: up0 of egress has no carrier"]


def mend(scene: Scene, _wish: Wish) -> list[str]:
    """Plug the customer in again."""
    scene.topology.plug(up=True)
    return ["the switch has brought egress's port up: up0 of egress has a carrier"]


def hide_echo(scene: Scene, wish: Wish) -> list[str]:
    """Have the ISP drop what is sent to the check URLs, without a word to the sender."""
    hidden = scene.topology.echo_addresses[: wish.urls]
    for address in hidden:
        scene.topology.isp.drop(address)
    return [f"isp drops packets to {address}" for address in hidden]


def show_echo(scene: Scene, _wish: Wish) -> list[str]:
    """Let packets to every check URL pass again."""
    shown = [address for address in scene.topology.echo_addresses if scene.topology.isp.pass_on(address)]
    if not shown:
        raise LabError(
            "packets to the check URLs arrive already", "Stop them with: ipv6console lab fault check-url-down"
        )
    return [f"isp passes packets to {address}" for address in shown]
