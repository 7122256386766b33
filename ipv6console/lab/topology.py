"""The small internet: who is in it, which addresses they have, and what the ISP can do to its customer."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Interface, IPv6Network

from ipv6console.lab.error import LabError
from ipv6console.lab.node import FOREVER, Node
from ipv6console.lab.plan import DEFAULT_PREFIX, GLOBAL_UNICAST, Mode

LIFETIMES = (1_800, 3_600)
"""Preferred and valid seconds the ISP gives its customer's prefix; it renews them long before."""

_DEFAULT = IPv6Network("::/0")
# The second one serves a lab whose prefix contains the first.
_SITES = (IPv6Network("2001:db8:ffff::/64"), IPv6Network("3fff:fff:ffff::/64"))
_DELEGATED = (IPv6Network("3fff:aaaa::/40"), IPv6Network("3fff:bbbb::/40"))
_ISP = IPv6Interface("fe80::1/64")
_NEIGHBOUR = IPv6Interface("fe80::2/64")
_UPLINK = "up0"
_LAN = "lan0"
_DOWNLINK = "dn0"
_SWITCH = "switch0"
_CUSTOMER_PORT = "egress"
_ECHOES = 3


@dataclass(frozen=True, slots=True)
class Lease:
    """One prefix the ISP serves, the address the customer has in it, and that of the ISP's router if it has one there."""

    prefix: IPv6Network
    host: IPv6Interface
    gateway: IPv6Address | None = None


class Topology:
    """All hosts, built by this call inside the sandbox, with `prefix` served in `mode`.

    isp, egress and neighbour share a link, which is a switch; lan is behind egress, site behind isp. With
    `gateway_inside` the customer's gateway is an address of isp inside the prefix, instead of its link-local one.
    """

    def __init__(self, prefix: IPv6Network, mode: Mode, *, gateway_inside: bool = False) -> None:
        self.mode = mode
        self.gateway_inside = gateway_inside
        self.site_net = next(net for net in _SITES if not net.overlaps(prefix))
        self.isp, self.egress, self.site, self.lan = (Node(name) for name in ("isp", "egress", "site", "lan"))
        self.switch, self.neighbour = Node("switch"), Node("neighbour")
        self.nodes = (self.isp, self.egress, self.site, self.lan, self.switch, self.neighbour)
        self._lay_cables()
        self.routed = prefix
        self.current = self.serve(prefix, detect_duplicates=False)

    @property
    def interface(self) -> str:
        """The interface of egress that carries the prefix."""
        return _UPLINK if self.mode is Mode.ONLINK else _LAN

    @property
    def site_address(self) -> IPv6Address:
        """The address of the web site."""
        return self.site_net[0x80]

    @property
    def echo_addresses(self) -> tuple[IPv6Address, ...]:
        """The addresses of the check URLs, which answer as the web site does."""
        return tuple(self.site_net[0x81 + number] for number in range(_ECHOES))

    @property
    def ipam_address(self) -> IPv6Address:
        """The address of the IPAM, if there is one; it stands beside the web site."""
        return self.site_net[0x90]

    @property
    def radius_address(self) -> IPv6Address:
        """The address of the NAS, if there is one; it stands beside the web site."""
        return self.site_net[0x91]

    @property
    def delegated(self) -> IPv6Network:
        """What the IPAM cuts subscribers' prefixes out of; nothing else in the lab is in it."""
        return next(net for net in _DELEGATED if not net.overlaps(self.routed.supernet(new_prefix=32)))

    def house(self, address: IPv6Address) -> None:
        """Give the host of the web site one more address."""
        self.site.add_address("eth0", IPv6Interface((address, self.site_net.prefixlen)))

    def node(self, name: str) -> Node:
        """Return the node called `name`. Raises LabError."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise LabError(f"there is no node {name!r} in the lab", f"There are: {known}.")

    def serve(self, prefix: IPv6Network, *, detect_duplicates: bool = True) -> Lease:
        """Route `prefix` to the customer and give it an address in it; from now on this is the current lease."""
        self._route(prefix)
        host = IPv6Interface((prefix[2 if self.mode is Mode.ONLINK else 1], prefix.prefixlen))
        self.egress.add_address(self.interface, host, detect_duplicates=detect_duplicates, lifetimes=LIFETIMES)
        gateway = prefix[1] if self.gateway_inside else None
        if gateway is not None:
            self.isp.add_address(_DOWNLINK, IPv6Interface((gateway, 128)))
            self.egress.add_route(_DEFAULT, _UPLINK, via=gateway)
        self.current = Lease(prefix, host, gateway)
        self._renewing = True
        return self.current

    def renew(self) -> None:
        """Give the current lease its full lifetimes again, as each router advertisement does, while the ISP means it."""
        if self._renewing:
            self.egress.set_lifetimes(self.interface, self.current.host, LIFETIMES)

    def deprecate(self, lease: Lease, valid: int) -> None:
        """Tell the customer to use `lease` for nothing new, and that it ends in `valid` seconds (at least one)."""
        if lease == self.current:
            self._renewing = False
        self.egress.set_lifetimes(self.interface, lease.host, (0, max(valid, 1)))

    def move_route(self) -> IPv6Network:
        """Route the successor of the customer's prefix to it instead, and tell it nothing; return that prefix."""
        old, new = self.routed, self.successor(self.routed)
        self._renewing = False
        self.isp.remove_route(old, _DOWNLINK)
        self._route(new)
        return new

    def unroute(self, prefix: IPv6Network, *, but: IPv6Network) -> None:
        """Route `prefix` to the customer no more, unless it is `but`."""
        if prefix != but:
            self.isp.remove_route(prefix, _DOWNLINK)

    def withdraw(self, lease: Lease) -> None:
        """Take the customer's address of `lease` and stop routing its prefix.

        The customer's on-link route goes too, as with an advertised valid lifetime of 0 (RFC 4861, 6.3.4): the kernel
        would keep that of an address with a lifetime until its collector comes by.
        """
        self.egress.remove_address(self.interface, lease.host)
        self.egress.remove_route(lease.prefix, self.interface)
        self.isp.remove_route(lease.prefix, _DOWNLINK)
        if lease.gateway is not None:
            self.isp.remove_address(_DOWNLINK, IPv6Interface((lease.gateway, 128)))

    def plug(self, *, up: bool) -> None:
        """Give the customer's end of the link a carrier, or take it away."""
        if up:
            self.switch.up(_CUSTOMER_PORT)
        else:
            self.switch.down(_CUSTOMER_PORT)

    def bounce(self) -> None:
        """Take the customer's uplink down and up at once; it keeps its addresses and gets its default route back.

        The kernel keeps no address that has a lifetime, so the one of the lease has none meanwhile (ip-sysctl,
        keep_addr_on_down), and none that is link-local.
        """
        self.egress.sysctl(f"conf/{_UPLINK}/keep_addr_on_down", 1)
        self.egress.set_lifetimes(_UPLINK, self.current.host, (FOREVER, FOREVER), detect_duplicates=False)
        self.egress.down(_UPLINK)
        self.egress.up(_UPLINK)
        self._face_isp(self.current.gateway)
        # Of an address without end the kernel gives the on-link route an end in the past first, and the right one then.
        for _ in range(2):
            self.egress.set_lifetimes(_UPLINK, self.current.host, LIFETIMES)

    def claim(self, address: IPv6Address) -> str:
        """Give `address` to the other customer without asking whether it is free; return its link-layer address."""
        self.neighbour.add_address("eth0", IPv6Interface((address, self.current.prefix.prefixlen)))
        return self.neighbour.hardware_address("eth0")

    def customers(self) -> list[IPv6Address]:
        """Return the addresses on the link the ISP's router knows."""
        return self.isp.neighbours(_DOWNLINK)

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

    def _route(self, prefix: IPv6Network) -> None:
        self.isp.add_route(prefix, _DOWNLINK, via=None if self.mode is Mode.ONLINK else _NEIGHBOUR.ip)
        self.routed = prefix

    def _face_isp(self, gateway: IPv6Address | None) -> None:
        self.egress.add_address(_UPLINK, _NEIGHBOUR)
        self.egress.add_route(_DEFAULT, _UPLINK, via=gateway or _ISP.ip)

    def _lay_cables(self) -> None:
        self.switch.add_switch(_SWITCH)
        for node, interface in ((self.isp, _DOWNLINK), (self.egress, _UPLINK), (self.neighbour, "eth0")):
            self.switch.connect(node.name, node, interface)
            self.switch.plug_into(_SWITCH, node.name)
        self.isp.sysctl("conf/all/forwarding", 1)
        self.isp.add_address(_DOWNLINK, _ISP)
        self._face_isp(None)
        self.egress.connect(_LAN, self.lan, "eth0")
        self.isp.connect("wan0", self.site, "eth0")
        self.isp.add_address("wan0", _ISP)
        self.site.add_address("eth0", _NEIGHBOUR)
        gateway = self.site_net[1]
        self.isp.add_address("wan0", IPv6Interface((gateway, self.site_net.prefixlen)))
        for address in (self.site_address, *self.echo_addresses):
            self.house(address)
        self.site.add_route(_DEFAULT, "eth0", via=gateway)
