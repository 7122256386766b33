"""Asking the network: a real upstream that has the prefix on-link, or routes it, or does not answer."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix, Reachability
from ipv6console.linux.ndp import asking
from ipv6console.linux.ndp.asking import PATIENCE, ask
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import select
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Level
from tests.linux.conftest import GATEWAY, NOBODY, PREFIX, Host, Peer, seen_from, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

ELSEWHERE = "2001:db8:5::/56"
SILENT = "nft add table ip6 quiet; nft add chain ip6 quiet in '{ type filter hook input priority 0; }'; nft add rule ip6 quiet in meta l4proto ipv6-icmp icmpv6 type echo-request drop"
UNPRIVILEGED = """
import asyncio
from ipv6console.config import NetworkSettings
from ipv6console.linux.ndp.asking import ask
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import select
from ipv6console.linux.watch import KernelWatch

async def main():
    netlink = Netlink()
    (prefix,) = (await KernelWatch(NetworkSettings(), netlink).view()).prefixes
    print((await ask(prefix, await netlink.dump())).text)
    await netlink.close()

asyncio.run(main())
"""


async def only(reach: HostReach) -> Reachability:
    (row,) = await reach.inspect()
    return row


async def found(netlink: Netlink, settings: NetworkSettings | None = None) -> HostPrefix:
    (prefix,) = (await KernelWatch(settings or NetworkSettings(), netlink).view()).prefixes
    return prefix


def route_here(host: Host, upstream: Peer, prefix: str) -> None:
    """Have the upstream send the whole of `prefix` to this host, as a provider does with a routed prefix."""
    host.shell("ip addr add fe80::2/64 dev up0 nodad")
    upstream.shell(f"ip -6 route replace {prefix} via fe80::2 dev dn0")


@pytest.fixture
async def reach(host: Host, netlink: Netlink, tmp_path: Path) -> AsyncIterator[HostReach]:
    here = HostReach(NetworkSettings(), tmp_path / "state", netlink)
    yield here
    await here.withdraw_all()


async def test_a_gateway_that_asks_who_has_an_address_shows_that_the_prefix_is_on_link(
    upstream: Peer, netlink: Netlink
) -> None:
    evidence = await ask(await found(netlink), await netlink.dump())

    assert (evidence.on_link, evidence.interface) == (True, "up0")
    assert evidence.text.startswith("fe80::1 asked who has 2001:db8:4f8:10:")
    assert evidence.text.endswith("on up0")


async def test_a_gateway_that_answers_at_once_shows_that_the_prefix_is_routed(
    host: Host, upstream: Peer, netlink: Netlink
) -> None:
    route_here(host, upstream, ELSEWHERE)

    evidence = await ask(await found(netlink, NetworkSettings(prefixes=(ELSEWHERE,))), await netlink.dump())

    assert (evidence.on_link, evidence.interface) == (False, "up0")
    assert "fe80::1 answered 2001:db8:5:" in evidence.text
    assert evidence.text.endswith("on up0 without asking who has it")


async def test_a_gateway_inside_the_prefix_is_asked_although_the_local_route_hides_it(
    host: Host, upstream: Peer, netlink: Netlink
) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0 && ip -6 route add local {PREFIX} dev lo")

    evidence = await ask(await found(netlink), await netlink.dump())

    assert evidence.on_link
    assert f"{GATEWAY} asked" in evidence.text or "fe80::" in evidence.text


async def test_a_gateway_that_says_nothing_is_given_up_after_a_second_and_the_loop_goes_on(
    upstream: Peer, netlink: Netlink
) -> None:
    upstream.shell(SILENT)
    prefix, dump = await found(netlink), await netlink.dump()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    turning = asyncio.create_task(turn())
    began = time.monotonic()
    evidence = await ask(prefix, dump)
    took = time.monotonic() - began
    turning.cancel()

    assert (evidence.on_link, evidence.interface) == (None, None)
    assert evidence.text.startswith("nobody answered a packet from 2001:db8:4f8:10:")
    assert PATIENCE <= took < PATIENCE + 10
    assert turns > 20


async def test_an_answer_that_came_while_the_host_was_too_busy_to_look_counts(
    upstream: Peer, netlink: Netlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, dump = await found(netlink), await netlink.dump()
    asked = 0

    def busy() -> float:
        nonlocal asked
        asked += 1
        if asked == 2:
            upstream.shell(f"ping -c1 -W2 {GATEWAY}")  # what was sent before has arrived by then
        return 0.0 if asked == 1 else 60.0

    monkeypatch.setattr(asking, "time", SimpleNamespace(monotonic=busy))

    assert (await ask(prefix, dump)).on_link


async def test_without_a_gateway_the_neighbours_are_asked(host: Host, upstream: Peer, netlink: Netlink) -> None:
    host.shell("ip -6 route del default")
    assert (await ask(await found(netlink), await netlink.dump())).text == (
        "there is neither a gateway nor a neighbour to ask"
    )
    host.shell(f"ping -c1 -W2 {GATEWAY}")

    evidence = await ask(await found(netlink), await netlink.dump())

    assert evidence.on_link


async def test_without_the_capability_it_says_so(host: Host, upstream: Peer) -> None:
    child = await asyncio.create_subprocess_exec(
        *NOBODY, sys.executable, "-c", UNPRIVILEGED, stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    told = (await child.communicate())[0].decode()

    assert told == "CAP_NET_RAW is missing, so the network could not be asked\n"


async def test_auto_states_the_evidence_it_went_by(upstream: Peer, netlink: Netlink, reach: HostReach) -> None:
    await reach.announce(await found(netlink))

    async def stated() -> bool:
        row = await only(reach)
        return row.ndp.why.endswith("on up0: on-link; ndppd is installed") and row.on_link is True

    await until(stated)
    row = await only(reach)
    assert row.ndp.why.startswith("fe80::1 asked who has 2001:db8:4f8:10:")
    assert row.ndp.strategy == "ndppd"


async def test_an_on_link_prefix_that_turns_out_to_be_routed_needs_no_daemon(
    host: Host, upstream: Peer, netlink: Netlink, reach: HostReach
) -> None:
    """As with providers who put the host's own address on the wire and route the /64 to it."""
    upstream.shell(f"ip addr del {GATEWAY}/64 dev dn0")
    route_here(host, upstream, PREFIX)
    await reach.announce(await found(netlink))

    async def routed() -> bool:
        row = await only(reach)
        return row.ndp.strategy == "routed" and row.on_link is False

    await until(routed)
    row = await only(reach)
    assert row.ndp.why.endswith("without asking who has it: routed")
    assert row.ndp.level is Level.OK
    assert await seen_from("2001:db8:4f8:10::beef") == "2001:db8:4f8:10::beef"


async def test_a_prefix_on_another_interface_that_the_gateway_asks_for_is_answered_where_it_asks(
    host: Host, upstream: Peer, netlink: Netlink, reach: HostReach
) -> None:
    """As with a /64 that somebody put on an inner interface although the provider has it on the wire."""
    host.shell(
        "ip link add lan0 type veth peer name lan1 && ip link set lan0 up && ip link set lan1 up && ip addr flush dev up0 scope global"
    )
    host.shell("ip addr add 2001:db8:4f8:10::2/64 dev lan0 nodad")
    prefix = await found(netlink)
    assert (prefix.interface, prefix.on_link) == ("lan0", False)
    await reach.announce(prefix)

    async def answered() -> bool:
        row = await only(reach)
        return (row.ndp.strategy, row.ndp.interface, row.ndp.level) == ("ndppd", "up0", Level.OK)

    await until(answered)
    assert await seen_from("2001:db8:4f8:10::beef") == "2001:db8:4f8:10::beef"


async def test_when_nobody_answers_the_routes_decide_and_that_is_said(
    upstream: Peer, netlink: Netlink, reach: HostReach
) -> None:
    upstream.shell(SILENT)
    await reach.announce(await found(netlink))

    async def said() -> bool:
        return (await only(reach)).ndp.why.startswith("nobody answered a packet from")

    await until(said)
    row = await only(reach)
    assert "by the routes it is on-link" in row.ndp.why
    assert (row.ndp.strategy, row.on_link) == ("ndppd", None)


async def test_a_prefix_is_announced_before_anybody_has_answered(
    upstream: Peer, netlink: Netlink, reach: HostReach
) -> None:
    """A renumbering must not wait for a gateway that says nothing."""
    upstream.shell(SILENT)

    await reach.announce(await found(netlink))

    assert (await only(reach)).ndp.why.startswith("on-link: neighbours on up0")
    assert await seen_from("2001:db8:4f8:10::beef") == "2001:db8:4f8:10::beef"


async def test_a_gateway_that_comes_later_is_asked_then(
    host: Host, upstream: Peer, netlink: Netlink, reach: HostReach
) -> None:
    host.shell("ip -6 route del default")
    await reach.announce(await found(netlink))

    async def unasked() -> bool:
        return "neither a gateway" in (await only(reach)).ndp.why

    await until(unasked)
    host.shell("ip -6 route add default via fe80::1 dev up0")

    async def asked() -> bool:
        return "fe80::1 asked who has" in (await only(reach)).ndp.why

    await until(asked)


async def test_a_strategy_that_is_named_asks_nobody(upstream: Peer, netlink: Netlink, tmp_path: Path) -> None:
    reach = HostReach(NetworkSettings(ndp="responder"), tmp_path / "state", netlink)
    await reach.announce(await found(netlink))

    row = await only(reach)

    assert (row.ndp.why, row.on_link) == ("network.ndp says so", None)
    await reach.withdraw_all()


async def test_addresses_outside_the_prefix_are_never_used_to_ask(upstream: Peer, netlink: Netlink) -> None:
    prefix = replace(await found(netlink), network=parse_address("2001:db8:4f8:10::ab00"), length=120)

    evidence = await ask(prefix, await netlink.dump())

    assert "2001:db8:4f8:10::ab" in evidence.text


async def test_of_a_prefix_that_is_all_taken_nobody_is_asked(host: Host, upstream: Peer, netlink: Netlink) -> None:
    host.shell("for n in 1 2 3; do ip addr add 2001:db8:7::$n/126 dev up0 nodad; done")
    dump = await netlink.dump()
    small = next(prefix for prefix in select(dump, NetworkSettings()).prefixes if prefix.length == 126)

    assert (await ask(small, dump)).text == "every address of the prefix is in use, so none is left to ask with"
