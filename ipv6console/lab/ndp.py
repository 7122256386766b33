"""Faults of neighbour discovery on the customer's link: its daemon, and another host that wants an address."""

from __future__ import annotations

import os
import signal
import socket
import struct
from ipaddress import IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING

from ipv6console.lab.error import LabError
from ipv6console.lab.plan import Mode
from ipv6console.lab.scene import Scene, Wish

if TYPE_CHECKING:
    from ipv6console.lab.node import Node

_ALL_NODES = "ff02::1"
_ADVERTISEMENT = 136
_OVERRIDE = 0x20000000
_TARGET_ADDRESS_OPTION = 2
_DISCARD_PORT = 9


def kill(scene: Scene, _wish: Wish) -> list[str]:
    """Kill the daemons that answer for the customer."""
    return _signal(scene, signal.SIGKILL, "is killed by SIGKILL")


def stop(scene: Scene, _wish: Wish) -> list[str]:
    """Stop the daemons that answer for the customer, without ending them."""
    return _signal(scene, signal.SIGSTOP, "is stopped by SIGSTOP")


def spin(scene: Scene, _wish: Wish) -> list[str]:
    """Leave ndppd with a packet socket in error, which it polls at full speed until a neighbour asks."""
    found = [pid for pid, name in daemons(scene.topology.egress) if name == "ndppd"]
    if not found:
        raise LabError("no ndppd runs on egress", _fix(scene))
    scene.topology.bounce()
    return [
        "up0 of egress went down and came up, and has kept its addresses",
        *(
            f"the packet socket of ndppd (process {pid} of the lab) is in error, which it polls until a neighbour asks"
            for pid in found
        ),
    ]


def claim(scene: Scene, wish: Wish) -> list[str]:
    """Have another host on the link take an address of the customer's prefix, say so to all and greet the customer."""
    topology = scene.topology
    if topology.mode is Mode.ROUTED:
        raise LabError("nobody shares the link of a routed prefix", "Start the lab with --mode onlink.")
    address = IPv6Address(wish.address) if wish.address else _address_in_use(scene)
    host = topology.current.host.ip
    if address not in topology.current.prefix or address == host:
        fix = f"Give one in {topology.current.prefix} other than {host}, its own."
        raise LabError(f"{address} is no address of egress's pool", fix)
    hardware = topology.claim(address)
    _advertise(topology.neighbour, address, hardware)
    _greet(topology.neighbour, address, host)
    return [
        f"neighbour has {address} at {hardware} and has told everyone on the link so",
        f"it has sent a packet from {address} to {host}",
    ]


def daemons(node: Node) -> list[tuple[int, str]]:
    """Return the NDP daemons in the network namespace of `node`, found in /proc: process and name."""
    inode = node.inode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if (entry / "ns/net").stat().st_ino == inode and (name := _daemon(entry)):
                found.append((int(entry.name), name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return sorted(found)


def _daemon(entry: Path) -> str | None:
    if (entry / "comm").read_text().strip() == "ndppd":
        return "ndppd"
    arguments = (entry / "cmdline").read_bytes().split(b"\0")
    return "responder" if any(argument.endswith(b"/ndp/responder.py") for argument in arguments) else None


def _signal(scene: Scene, number: signal.Signals, what: str) -> list[str]:
    found = daemons(scene.topology.egress)
    if not found:
        raise LabError("no ndppd and no responder runs on egress", _fix(scene))
    for pid, _ in found:
        os.kill(pid, number)
    return [f"{name} (process {pid} of the lab) {what}" for pid, name in found]


def _fix(scene: Scene) -> str:
    if scene.topology.mode is Mode.ROUTED:
        return "A routed prefix needs none; start the lab with --mode onlink."
    return "Is the engine up, and did the lab start without --ndp? See engine.log in the lab's directory."


def _address_in_use(scene: Scene) -> IPv6Address:
    lease = scene.topology.current
    known = [address for address in scene.topology.customers() if address in lease.prefix and address != lease.host.ip]
    if not known:
        raise LabError("the ISP knows no address of the pool on the link", "Give one with --address.")
    return known[0]


def _advertise(node: Node, address: IPv6Address, hardware: str) -> None:
    """Send an unsolicited neighbour advertisement that overrides what others know (RFC 4861, 4.4 and 7.2.6)."""
    option = struct.pack("!BB6s", _TARGET_ADDRESS_OPTION, 1, bytes.fromhex(hardware.replace(":", "")))
    message = struct.pack("!BBHI16s", _ADVERTISEMENT, 0, 0, _OVERRIDE, address.packed) + option
    with node.entered(), socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sender:
        sender.bind((str(address), 0))
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth0"))
        sender.sendto(message, (_ALL_NODES, 0))


def _greet(node: Node, address: IPv6Address, host: IPv6Address) -> None:
    with node.entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.bind((str(address), 0))
        sender.sendto(b"hello", (str(host), _DISCARD_PORT))
