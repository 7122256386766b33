"""What is delegated in fact: routes of the kernel, and the lease file of a Kea."""

from __future__ import annotations

import time
from collections.abc import Sequence
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from ipv6console.engine.protocol import DelegatedPrefix
from ipv6console.linux.delegations import KeaLeases, RoutedDelegations
from ipv6console.linux.netlink import Netlink
from tests.linux.conftest import Host, Peer

pytestmark = pytest.mark.anyio

HEAD = (
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,"
    "hostname,hwaddr,state,user_context,hwtype,hwaddr_source"
)


def shown(found: Sequence[DelegatedPrefix]) -> dict[str, str]:
    return {str(IPv6Network((it.network, it.length))): it.text for it in found}


def lease(prefix: str, *, state: int = 0, kind: int = 2, left: float = 3_600.0, lifetime: int = 4_000) -> str:
    """Return a line of kea-dhcp6 2.2's memfile."""
    address, length = prefix.split("/")
    expire = int(time.time() + left)
    return f"{address},00:03:00:01:02,{lifetime},{expire},1,3000,{kind},2,{length},0,0,,02:00:00:00:00:01,{state},,1,2"


@pytest.mark.privileged
async def test_routes_to_a_next_hop_and_those_that_hold_back_a_prefix_are_delegations(
    host: Host, upstream: Peer, netlink: Netlink
) -> None:
    host.shell(
        "ip -6 route add 2001:db8:4:100::/56 via fe80::9 dev up0;"
        "ip -6 route add unreachable 2001:db8:4:200::/56;"
        "ip -6 route add 2001:db8:4:300::/56 dev up0;"
        "ip -6 route add 2001:db8:4:400::7/128 via fe80::9 dev up0;"
        "ip -6 route add fd00:4::/48 via fe80::9 dev up0;"
        "ip -6 route add local 2001:db8:4:500::/64 dev lo"
    )
    assert shown(await RoutedDelegations(netlink).look()) == {
        "2001:db8:4:100::/56": "routed via fe80::9 on up0",
        "2001:db8:4:200::/56": "a route that is unreachable",
    }


async def test_of_a_lease_file_the_last_line_of_each_prefix_counts(tmp_path: Path) -> None:
    file = tmp_path / "kea-leases6.csv"
    lines = [
        HEAD,
        lease("2001:db8:4:100::/56"),
        lease("2001:db8:4:200::/56"),
        lease("2001:db8:4:300::/56", left=-5.0),
        lease("2001:db8:4:400::/56", left=-5.0, lifetime=0xFFFF_FFFF),
        lease("2001:db8:4:5::1/128", kind=0),
        lease("2001:db8:4:200::/56", state=2),
        lease("2001:db8:4:600::/56", lifetime=0),
        "2001:db8:4:700::,00:03",
    ]
    file.write_text("\n".join(lines))
    (tmp_path / "kea-leases6.csv.2").write_text(
        "\n".join([HEAD, lease("2001:db8:4:800::/56"), lease("2001:db8:4:200::/56")])
    )
    assert set(shown(await KeaLeases(file).look())) == {
        "2001:db8:4:100::/56",
        "2001:db8:4:400::/56",
        "2001:db8:4:800::/56",
    }


@pytest.mark.parametrize(
    "text",
    [None, f"{HEAD}\n{lease('nonsense/56')}\n", f"{HEAD}\n{lease('2001:db8::/640')}\n"],
    # The leases have the time in them, and every worker has to call the tests the same.
    ids=["absent", "prefix", "length"],
)
async def test_a_lease_file_that_cannot_be_read_is_told_with_its_name(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "kea-leases6.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(OSError, match=r"kea-leases6\.csv"):
        await KeaLeases(file).look()
