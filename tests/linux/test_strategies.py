"""Every strategy that answers for live addresses alone, against a real neighbour: works, survives its faults, ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix, Reachability
from ipv6console.linux import sysctl
from ipv6console.linux.ndp import responder
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Level
from tests.linux.conftest import ADDRESS, PREFIX, SITE, Host, Peer, running, seen_from, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

LIVE = [f"2001:db8:4f8:10:dead:beef:0:{number:x}" for number in range(1, 9)]
REMOVALS = {"address": f"ip addr del {LIVE[0]}/128 dev up0", "proxy": f"ip -6 neigh del proxy {LIVE[0]} dev up0"}
STRATEGIES = ("responder", "address", "proxy")
Makes = Callable[[str], HostReach]


def numbers(texts: list[str]) -> list[int]:
    return [parse_address(text) for text in texts]


@pytest.fixture
async def makes(host: Host, netlink: Netlink, tmp_path: Path) -> AsyncIterator[Makes]:
    made: list[HostReach] = []

    def make(strategy: str, *, solicited_nodes: bool = False) -> HostReach:
        settings = NetworkSettings(ndp=strategy, solicited_nodes=solicited_nodes)
        made.append(HostReach(settings, tmp_path / "state", netlink))
        return made[-1]

    yield make
    for reach in made:
        await reach.withdraw_all()


@pytest.fixture
async def on_link(upstream: Peer, netlink: Netlink) -> HostPrefix:
    (prefix,) = (await KernelWatch(NetworkSettings(), netlink).view()).prefixes
    return prefix


async def only(reach: HostReach) -> Reachability:
    (row,) = await reach.inspect()
    return row


def answers(peer: Peer, address: str) -> bool:
    """Return whether the peer, having forgotten everything, finds a neighbour at `address`."""
    command = f"ip -6 neigh flush dev dn0; ping -c1 -W0.2 {address} >/dev/null; ip -6 neigh show {address} dev dn0"
    return "lladdr" in peer.shell(command)


def network_state(host: Host) -> str:
    return host.shell(
        "ip -6 route show table local; ip -6 route; ip -6 neigh show proxy; ip -6 -o addr show dev up0 | cut -d' ' -f1-7;"
        "sysctl net.ipv6.ip_nonlocal_bind net.ipv6.conf.up0.forwarding net.ipv6.conf.up0.proxy_ndp"
        " net.ipv6.conf.up0.accept_ra net.ipv6.neigh.up0.proxy_delay net.ipv6.conf.all.forwarding"
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_the_site_sees_live_addresses(strategy: str, on_link: HostPrefix, makes: Makes) -> None:
    reach = makes(strategy)
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))

    assert [await seen_from(source) for source in LIVE] == LIVE
    row = await only(reach)
    assert (row.ndp.strategy, row.ndp.level, row.route) == (strategy, Level.OK, Level.OK)
    assert "8 live addresses" in row.ndp.text


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_neighbours_are_answered_for_live_addresses_alone(
    strategy: str, upstream: Peer, on_link: HostPrefix, makes: Makes
) -> None:
    reach = makes(strategy)
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE[:2]))
    await reach.stop_answering(numbers(LIVE[:1]))

    await until(lambda: answers(upstream, LIVE[1]))
    assert not answers(upstream, LIVE[0])
    await until(lambda: answers(upstream, ADDRESS))

    await reach.answer_only(numbers(LIVE[2:3]))
    await until(lambda: answers(upstream, LIVE[2]))
    assert not answers(upstream, LIVE[1])


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_withdrawing_leaves_the_host_as_it_was(
    strategy: str, host: Host, on_link: HostPrefix, makes: Makes, tmp_path: Path
) -> None:
    before, reach = network_state(host), makes(strategy)

    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))
    pid = (await only(reach)).ndp.pid
    assert network_state(host) != before
    await reach.withdraw(on_link.network, on_link.length)
    await reach.withdraw_all()

    assert network_state(host) == before
    assert not running(pid)
    assert host.shell(f"ls {tmp_path}/state") == ""


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_addresses_told_before_their_prefix_are_answered_for(
    strategy: str, on_link: HostPrefix, makes: Makes
) -> None:
    reach = makes(strategy)
    await reach.answer_only(numbers(LIVE[:1]))

    await reach.announce(on_link)

    assert await seen_from(LIVE[0]) == LIVE[0]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_the_link_going_down_and_up_is_survived(
    strategy: str, host: Host, on_link: HostPrefix, makes: Makes
) -> None:
    """The kernel drops addresses and proxy entries with the link."""
    host.shell("sysctl -qw net.ipv6.conf.up0.keep_addr_on_down=0")
    reach = makes(strategy)
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))

    host.shell("ip link set up0 down && ip link set up0 up")
    host.shell(f"ip addr replace {ADDRESS}/64 dev up0 nodad && ip -6 route replace default via fe80::1 dev up0")

    async def seen() -> bool:
        await reach.inspect()
        try:
            return await seen_from(LIVE[3], within=3) == LIVE[3]
        except OSError:
            return False

    await until(seen)


@pytest.mark.parametrize("strategy", REMOVALS)
async def test_a_removed_entry_is_put_back_and_said(
    strategy: str, host: Host, upstream: Peer, on_link: HostPrefix, makes: Makes
) -> None:
    fault, reach = REMOVALS[strategy], makes(strategy)
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))
    await reach.inspect()
    host.shell(fault)

    async def said() -> bool:
        row = (await only(reach)).ndp
        return row.level is Level.WARN and "1 had been removed" in row.text

    await until(said)
    await until(lambda: answers(upstream, LIVE[0]))


@pytest.mark.parametrize("strategy", REMOVALS)
async def test_entries_of_an_engine_that_died_go_when_another_strategy_is_chosen(
    strategy: str, host: Host, on_link: HostPrefix, makes: Makes
) -> None:
    before, died, after = network_state(host), makes(strategy), makes("responder")
    await died.announce(on_link)
    await died.answer_for(numbers(LIVE))

    await after.announce(on_link)
    await after.inspect()

    assert LIVE[0] not in host.shell("ip -6 neigh show proxy; ip -6 addr show dev up0")
    await after.withdraw_all()
    assert network_state(host) == before


async def test_addresses_of_the_pool_are_not_taken_for_the_hosts_own(
    host: Host, upstream: Peer, on_link: HostPrefix, makes: Makes, netlink: Netlink
) -> None:
    watch = KernelWatch(NetworkSettings(), netlink)
    before = await watch.view()
    reach = makes("address")
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))

    after = await watch.view()

    assert (after.addresses, after.prefixes, after.findings) == (before.addresses, before.prefixes, before.findings)
    assert host.shell("ip -6 route get 2001:db8:ffff::1").split("src ")[1].split()[0] == ADDRESS


async def test_the_proxy_keeps_the_default_route_that_advertisements_brought(
    host: Host, upstream: Peer, on_link: HostPrefix, makes: Makes
) -> None:
    host.shell("ip -6 route replace default via fe80::1 dev up0 proto ra expires 600")
    reach = makes("proxy")

    await reach.announce(on_link)
    assert sysctl.read("net.ipv6.conf.up0.accept_ra") == "2"
    assert sysctl.read("net.ipv6.conf.all.forwarding") == "0"
    assert "default via fe80::1" in host.shell("ip -6 route")
    await reach.withdraw_all()

    assert sysctl.read("net.ipv6.conf.up0.accept_ra") == "1"
    assert "default via fe80::1" in host.shell("ip -6 route")


async def test_the_proxy_answers_at_once(upstream: Peer, on_link: HostPrefix, makes: Makes) -> None:
    """With the kernel's proxy_delay of 0.8 s one in eight of these would take 0.7 s."""
    reach = makes("proxy")
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))

    assert sysctl.read("net.ipv6.neigh.up0.proxy_delay") == "0"
    out = upstream.shell(f"for a in {' '.join(LIVE)}; do ping -c1 -W2 -I {SITE} $a; done")
    times = [float(line.split("time=")[1].split()[0]) for line in out.splitlines() if "time=" in line]
    assert len(times) == len(LIVE)
    assert max(times) < 400


async def test_a_setting_of_the_proxy_that_was_switched_off_is_put_back(
    host: Host, upstream: Peer, on_link: HostPrefix, makes: Makes
) -> None:
    reach = makes("proxy")
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))
    host.shell("sysctl -qw net.ipv6.conf.up0.proxy_ndp=0")

    await reach.inspect()

    async def back() -> bool:
        await reach.inspect()
        return answers(upstream, LIVE[0])

    await until(back)


async def test_the_responder_counts_what_it_sees_and_answers(upstream: Peer, on_link: HostPrefix, makes: Makes) -> None:
    reach = makes("responder")
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))
    upstream.shell("ip -6 neigh flush dev dn0")
    for source in LIVE:
        await seen_from(source)

    async def counted() -> bool:
        row = (await only(reach)).ndp
        return (row.solicited, row.answered) == (8, 8)

    await until(counted)
    assert not answers(upstream, "2001:db8:4f8:10::dead")

    async def unanswered() -> bool:
        row = (await only(reach)).ndp
        return (row.solicited or 0) > 8 and row.answered == 8

    await until(unanswered)


async def test_a_neighbour_that_claims_a_live_address_finds_it_taken(
    upstream: Peer, on_link: HostPrefix, makes: Makes
) -> None:
    reach = makes("responder")
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE[:1]))
    upstream.shell("sysctl -qw net.ipv6.conf.dn0.accept_dad=1")

    upstream.shell(f"ip addr add {LIVE[0]}/64 dev dn0 && ip addr add {LIVE[1]}/64 dev dn0")

    await until(lambda: "dadfailed" in upstream.shell(f"ip -6 addr show dev dn0 to {LIVE[0]}"))
    await until(lambda: "tentative" not in upstream.shell(f"ip -6 addr show dev dn0 to {LIVE[1]}"))
    assert "dadfailed" not in upstream.shell(f"ip -6 addr show dev dn0 to {LIVE[1]}")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_responder_that_dies_or_hangs_is_replaced_and_knows_all_addresses(
    number: signal.Signals, on_link: HostPrefix, makes: Makes
) -> None:
    reach = makes("responder")
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))
    first = (await only(reach)).ndp.pid
    assert first is not None

    os.kill(first, number)

    async def replaced() -> bool:
        row = (await only(reach)).ndp
        return row.pid not in (None, first) and row.level is Level.WARN

    await until(replaced)
    assert await seen_from(LIVE[5]) == LIVE[5]


async def test_a_vanished_interface_ends_the_responder_and_its_return_starts_it(
    host: Host, upstream: Peer, on_link: HostPrefix, makes: Makes
) -> None:
    reach = makes("responder")
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE))
    host.shell("ip link del up0")
    assert "up0 is gone" in (await only(reach)).ndp.text

    host.shell(f"ip link add up0 type veth peer name dn0 netns {upstream.pid} && ip link set up0 up")
    upstream.shell(f"ip link set dn0 up && ip addr add {PREFIX.replace('::/', '::1/')} dev dn0 nodad")

    await until(lambda: answers(upstream, LIVE[0]))


async def test_solicited_node_groups_are_joined_if_asked(
    host: Host, on_link: HostPrefix, netlink: Netlink, tmp_path: Path
) -> None:
    reach = HostReach(NetworkSettings(ndp="responder", solicited_nodes=True), tmp_path / "state", netlink)
    await reach.announce(on_link)
    await reach.answer_for(numbers(LIVE[:1]))
    assert "ff02::1:ff00:1" in host.shell("ip -6 maddr show dev up0")

    await reach.stop_answering(numbers(LIVE[:1]))

    assert "ff02::1:ff00:1" not in host.shell("ip -6 maddr show dev up0")
    await reach.withdraw_all()


async def test_the_responder_ends_with_its_input(host: Host, upstream: Peer) -> None:
    assert host.shell(f"{sys.executable} -I -S {responder.__file__} up0 </dev/null") == ""


async def test_the_responder_says_why_it_cannot_start(host: Host) -> None:
    out = host.shell(f"{sys.executable} -I -S {responder.__file__} nope0 </dev/null 2>&1 || true")

    assert "(error) nope0" in out


def test_more_groups_are_joined_than_one_socket_holds(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many that are is for the kernel to say, and older ones say 365."""
    monkeypatch.setattr(responder, "_GROUPS_OF_A_SOCKET", 1_000_000)
    groups = responder.Groups(1)
    addresses = [(0x20010DB8 << 96 | number).to_bytes(16, "big") for number in range(3_000)]
    for address in addresses:
        groups.add(address)
    joined = host.shell("ip -6 maddr show dev lo")
    assert len([line for line in joined.splitlines() if "ff02::1:ff" in line]) == 3_000

    for address in addresses:
        groups.remove(address)

    assert "ff02::1:ff" not in host.shell("ip -6 maddr show dev lo")


@pytest.mark.parametrize("strategy", ["auto", "routed", "ndppd", "responder", "address", "proxy"])
async def test_only_a_host_that_may_answer_for_single_addresses_wants_to_know_them(strategy: str, makes: Makes) -> None:
    assert makes(strategy).answers_singly() is (strategy not in {"routed", "ndppd"})
