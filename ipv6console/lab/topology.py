"""The small internet: who is in it, which addresses they have, and what the ISP can do to its customer."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Interface, IPv6Network

from ipv6console.lab.error import LabError
from ipv6console.lab.node import Node
from ipv6console.lab.plan import DEFAULT_PREFIX, GLOBAL_UNICAST, Mode

LIFETIMES = (1_800, 3_600)
"""Preferred and valid seconds the ISP gives its customer's prefix; it renews them long before."""

_DEFAULT = IPv6Network("::/0")
# The second one serves a lab whose prefix contains the first.
_SITES = (IPv6Network("2001:db8:ffff::/64"), IPv6Network("3fff:fff:ffff::/64"))
_ISP = IPv6Interface("fe80::1/64")
_NEIGHBOUR = IPv6Interface("fe80::2/64")
_UPLINK = "up0"
_LAN = "lan0"
_DOWNLINK = "dn0"


@dataclass(frozen=True, slots=True)
class Lease:
    """One prefix the ISP serves, and the address the customer has in it."""

    prefix: IPv6Network
    host: IPv6Interface


class Topology:
    """isp, egress, site and lan, built by this call inside the sandbox, with `prefix` served in `mode`."""

    def __init__(self, prefix: IPv6Network, mode: Mode) -> None:
        self.mode = mode
        self.site_net = next(net for net in _SITES if not net.overlaps(prefix))
        self.isp, self.egress, self.site, self.lan = (Node(name) for name in ("isp", "egress", "site", "lan"))
        self.nodes = (self.isp, self.egress, self.site, self.lan)
        self._lay_cables()
        self.current = self.serve(prefix, detect_duplicates=False)

    @property
    def interface(self) -> str:
        """The interface of egress that carries the prefix."""
        return _UPLINK if self.mode is Mode.ONLINK else _LAN

    def site_address(self, number: int = 0) -> IPv6Address:
        """Return one of the addresses the site answers on."""
        return self.site_net[0x80 + number]

    def node(self, name: str) -> Node:
        """Return the node called `name`. Raises LabError."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise LabError(f"there is no node {name!r} in the lab", f"There are: {known}.")

    def serve(self, prefix: IPv6Network, *, detect_duplicates: bool = True) -> Lease:
        """Route `prefix` to the customer and give it an address in it; from now on this is the current lease."""
        onlink = self.mode is Mode.ONLINK
        self.isp.add_route(prefix, _DOWNLINK, via=None if onlink else _NEIGHBOUR.ip)
        host = IPv6Interface((prefix[2 if onlink else 1], prefix.prefixlen))
        self.egress.add_address(self.interface, host, detect_duplicates=detect_duplicates, lifetimes=LIFETIMES)
        self.current = Lease(prefix, host)
        return self.current

    def renew(self) -> None:
        """Give the current lease its full lifetimes again, as each router advertisement does."""
        self.egress.set_lifetimes(self.interface, self.current.host, LIFETIMES)

    def deprecate(self, lease: Lease, valid: int) -> None:
        """Tell the customer to use `lease` for nothing new, and that it ends in `valid` seconds (at least one)."""
        self.egress.set_lifetimes(self.interface, lease.host, (0, max(valid, 1)))

    def withdraw(self, lease: Lease) -> None:
        """Take the customer's address of `lease` and stop routing its prefix.

        The customer's on-link route goes too, as with an advertised valid lifetime of 0 (RFC 4861, 6.3.4): the kernel
        would keep that of an address with a lifetime until its collector comes by.
        """
        self.egress.remove_address(self.interface, lease.host)
        self.egress.remove_route(lease.prefix, self.interface)
        self.isp.remove_route(lease.prefix, _DOWNLINK)

    def successor(self, prefix: IPv6Network) -> IPv6Network:
        """Return the next prefix of the same length that is free in the lab."""
        size = prefix.num_addresses
        number = int(prefix.network_address)
        while True:
            number += size
            if number + size > int(GLOBAL_UNICAST.broadcast_address):
                number = int(DEFAULT_PREFIX.supernet(new_prefix=32).network_address)
            candidate = IPv6Network((number, prefix.prefixlen))
            if not any(candidate.overlaps(net) for net in _SITES):
                return candidate

    def close(self) -> None:
        """Close the netlink sockets."""
        for node in self.nodes:
            node.close()

    def _lay_cables(self) -> None:
        self.isp.sysctl("conf/all/forwarding", 1)
        self.isp.connect(_DOWNLINK, self.egress, _UPLINK)
        self.isp.add_address(_DOWNLINK, _ISP)
        self.egress.add_address(_UPLINK, _NEIGHBOUR)
        self.egress.add_route(_DEFAULT, _UPLINK, via=_ISP.ip)
        self.egress.connect(_LAN, self.lan, "eth0")
        self.isp.connect("wan0", self.site, "eth0")
        self.isp.add_address("wan0", _ISP)
        self.site.add_address("eth0", _NEIGHBOUR)
        gateway = self.site_net[1]
        self.isp.add_address("wan0", IPv6Interface((gateway, self.site_net.prefixlen)))
        for number in range(3):
            self.site.add_address("eth0", IPv6Interface((self.site_address(number), self.site_net.prefixlen)))
        self.site.add_route(_DEFAULT, "eth0", via=gateway)
