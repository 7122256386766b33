"""The lab's IPAM: `ipamserver` as its own process, and its outage, in which it keeps what it holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ipv6console.lab.error import LabError
from ipv6console.lab.plan import Partner
from ipv6console.lab.scene import Scene, Wish
from ipv6console.lab.secret import make_secret
from ipv6console.lab.service import Service

if TYPE_CHECKING:
    from ipv6console.lab.topology import Topology

CONTROL = "ipam.sock"
"""The Unix socket in the lab's directory that its switches are at."""

_TOKEN = "ipam.token"  # noqa: S105 - the name of a file


def ipam(directory: Path, topology: Topology) -> Service:
    """Prepare the IPAM, with one container that prefixes are cut out of."""
    token = directory / _TOKEN
    make_secret(token)
    command = [sys.executable, "-m", "ipv6console.lab.ipamserver", "--host", str(topology.ipam_address), "--port", "80"]
    command += ["--control", str(directory / CONTROL), "--token-file", str(token), str(topology.delegated)]
    return Service("ipam", command, ready="ready", address=topology.ipam_address, secret=token)


def hide_ipam(scene: Scene, _wish: Wish) -> list[str]:
    """Have the ISP drop what is sent to the IPAM, without a word to the sender."""
    _require(scene)
    address = scene.topology.ipam_address
    scene.topology.isp.drop(address)
    return [f"isp drops packets to {address}, the IPAM"]


def show_ipam(scene: Scene, _wish: Wish) -> list[str]:
    """Let packets to the IPAM pass again."""
    _require(scene)
    address = scene.topology.ipam_address
    if not scene.topology.isp.pass_on(address):
        raise LabError("packets to the IPAM arrive already", "Stop them with: ipv6console lab fault ipam-down")
    return [f"isp passes packets to {address}, the IPAM"]


def _require(scene: Scene) -> None:
    if Partner.IPAM not in scene.plan.partners:
        raise LabError("this lab has no IPAM", "Start it with: ipv6console lab --with radius,ipam")
