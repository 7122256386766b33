"""One host of the lab: a network namespace, and what the lab does to its kernel."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from pyroute2 import IPRoute, netns
from pyroute2.netlink.exceptions import NetlinkError

from ipv6console.lab.error import LabError
from ipv6console.lab.sandbox import NETNS
from ipv6console.lab.syscall import CLONE_NEWNET, setns

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREVER = 0xFFFFFFFF
"""A lifetime that does not end."""

_IFA_F_NODAD = 0x02
_ABSENT = (errno.ESRCH, errno.ENOENT, errno.EADDRNOTAVAIL)


class Node:
    """A network namespace named `name`, made by this call. Every method may raise NetlinkError, OSError or LabError."""

    def __init__(self, name: str) -> None:
        self.name = name
        netns.create(name)
        with self.entered():
            self._kernel = IPRoute()
        # Nothing in the lab configures itself: addresses come from its plan and the faults alone.
        for scope in ("all", "default"):
            self.sysctl(f"conf/{scope}/accept_ra", 0)
            self.sysctl(f"conf/{scope}/addr_gen_mode", 1)
        self.up("lo")

    def close(self) -> None:
        """Close the netlink socket; the namespace goes with the sandbox."""
        self._kernel.close()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Put this thread, and what it starts meanwhile, into the namespace."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(NETNS / self.name, os.O_RDONLY)
        try:
            setns(there, CLONE_NEWNET)
            yield
        finally:
            setns(home, CLONE_NEWNET)
            os.close(there)
            os.close(home)

    def inode(self) -> int:
        """Return the number that identifies the namespace, as in /proc/PID/ns/net."""
        return (NETNS / self.name).stat().st_ino

    def sysctl(self, key: str, value: int) -> None:
        """Set net/ipv6/`key`."""
        with self.entered():
            Path(f"/proc/sys/net/ipv6/{key}").write_text(str(value))

    def connect(self, interface: str, peer: Node, peer_interface: str) -> None:
        """Lay a cable between `interface` here and `peer_interface` there, and bring both ends up."""
        self._kernel.link("add", ifname=interface, kind="veth", peer={"ifname": peer_interface, "net_ns_fd": peer.name})
        self.up(interface)
        peer.up(peer_interface)

    def add_switch(self, name: str) -> None:
        """Make a bridge called `name` that forwards at once and floods multicast."""
        self._kernel.link("add", ifname=name, kind="bridge", br_forward_delay=0, br_mcast_snooping=0)
        self.up(name)

    def plug_into(self, switch: str, interface: str) -> None:
        """Make `interface` a port of the bridge `switch`."""
        self._kernel.link("set", index=self._index(interface), master=self._index(switch))

    def hardware_address(self, interface: str) -> str:
        """Return the link-layer address of `interface`, in colon form."""
        return str(self._kernel.get_links(self._index(interface))[0].get("address"))

    def down(self, interface: str) -> None:
        """Bring `interface` down."""
        self._kernel.link("set", index=self._index(interface), state="down")

    def up(self, interface: str) -> None:
        """Bring `interface` up."""
        self._kernel.link("set", index=self._index(interface), state="up")

    def add_address(
        self,
        interface: str,
        address: IPv6Interface,
        *,
        detect_duplicates: bool = False,
        lifetimes: tuple[int, int] = (FOREVER, FOREVER),
    ) -> None:
        """Assign `address` with `lifetimes` (preferred, valid; seconds).

        With `detect_duplicates` it stays tentative until the kernel has probed for it (RFC 4862).
        """
        self._put(interface, address, lifetimes, flags=0 if detect_duplicates else _IFA_F_NODAD)

    def set_lifetimes(
        self, interface: str, address: IPv6Interface, lifetimes: tuple[int, int], *, detect_duplicates: bool = True
    ) -> None:
        """Change how long an assigned `address` is preferred and valid (seconds).

        Without `detect_duplicates` it is not probed for when its interface comes up.
        """
        self._put(interface, address, lifetimes, flags=0 if detect_duplicates else _IFA_F_NODAD)

    def remove_address(self, interface: str, address: IPv6Interface) -> None:
        """Take `address` away; one that has expired meanwhile is as good."""
        with _absent_is_fine():
            self._kernel.addr(
                "del", index=self._index(interface), address=str(address.ip), prefixlen=address.network.prefixlen
            )

    def add_route(self, destination: IPv6Network, interface: str, via: IPv6Address | None = None) -> None:
        """Route `destination` out of `interface`, to the router `via` or as neighbours on that link."""
        gateway = {} if via is None else {"gateway": str(via)}
        self._kernel.route("replace", dst=str(destination), oif=self._index(interface), family=10, **gateway)

    def remove_route(self, destination: IPv6Network, interface: str) -> None:
        """Drop the route to `destination` and forget the neighbours in it."""
        index = self._index(interface)
        with _absent_is_fine():
            self._kernel.route("del", dst=str(destination), oif=index, family=10)
        for entry in list(self._kernel.get_neighbours(family=10, ifindex=index)):
            neighbour = entry.get("dst")
            if neighbour and IPv6Address(neighbour) in destination:
                with _absent_is_fine():
                    self._kernel.neigh("del", dst=neighbour, ifindex=index, family=10)

    def drop(self, destination: IPv6Address) -> None:
        """Drop what is to be forwarded to `destination`, without a word to the sender."""
        self._kernel.route("replace", dst=f"{destination}/128", type="blackhole", family=10)

    def pass_on(self, destination: IPv6Address) -> bool:
        """Forward to `destination` again; return whether it had been dropped."""
        try:
            self._kernel.route("del", dst=f"{destination}/128", type="blackhole", family=10)
        except NetlinkError as error:
            if error.code not in _ABSENT:
                raise
            return False
        return True

    def neighbours(self, interface: str) -> list[IPv6Address]:
        """Return the neighbours on `interface` whose link-layer address is known."""
        entries = self._kernel.get_neighbours(family=10, ifindex=self._index(interface))
        return sorted(IPv6Address(entry.get("dst")) for entry in entries if entry.get("lladdr"))

    def _put(self, interface: str, address: IPv6Interface, lifetimes: tuple[int, int], flags: int) -> None:
        preferred, valid = lifetimes
        self._kernel.addr(
            "replace",
            index=self._index(interface),
            address=str(address.ip),
            prefixlen=address.network.prefixlen,
            flags=flags,
            preferred_lft=preferred,
            valid_lft=valid,
        )

    def _index(self, interface: str) -> int:
        found = self._kernel.link_lookup(ifname=interface)
        if not found:
            raise LabError(f"{self.name} has no interface {interface} any more", "Lay it again, or start another lab.")
        return int(found[0])


@contextmanager
def kernel_refusals() -> Iterator[None]:
    """Turn what the kernel refuses into LabErrors: people do things to a lab that its plan knows nothing of."""
    try:
        yield
    except (NetlinkError, OSError) as error:
        reason = os.strerror(error.code) if isinstance(error, NetlinkError) else str(error)
        fix = "Set right what was changed by hand, or start another lab."
        raise LabError(f"the lab's kernel refuses that: {reason}", fix) from error


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code not in _ABSENT:
            raise
