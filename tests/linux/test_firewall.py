from __future__ import annotations

import asyncio
import errno
import os
import shlex
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.freebind import bound_socket
from ipv6console.linux.firewall import INSTALL, TABLE, Firewall, FirewallKeeper, command, guard
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Finding, Level
from tests.linux.conftest import ADDRESS, GATEWAY, NOBODY, PREFIX, SITE, Host, Peer, seen_from, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

POOLED = "2001:db8:4f8:10:dead:beef:0:1"
SERVICE = 2222
UNPRIVILEGED = """
import asyncio
from ipv6console.linux.firewall import FirewallKeeper, guard
(found,) = asyncio.run(FirewallKeeper(wanted=True).keep(guard([(0x2001 << 112, 64)], [])))
print(found.text, found.fix)
"""
WANTED = guard([(parse_address("2001:db8:4f8:10::"), 64)], [parse_address(ADDRESS)])


@pytest.fixture
async def reach(upstream: Peer, netlink: Netlink, tmp_path: Path) -> AsyncIterator[HostReach]:
    here = HostReach(NetworkSettings(), tmp_path / "state", netlink)
    for prefix in (await KernelWatch(NetworkSettings(), netlink).view()).prefixes:
        await here.announce(prefix)
    yield here
    await here.withdraw_all()


@pytest.fixture
def service(host: Host) -> Iterator[None]:
    """Something that listens on this host on all addresses, as sshd does."""
    with socket.create_server(("::", SERVICE), family=socket.AF_INET6):
        yield


def connects(peer: Peer, address: str) -> bool:
    """Return whether the site gets a connection to SERVICE at `address`."""
    attempt = f"import socket; socket.create_connection(('{address}', {SERVICE}), 0.4, ('{SITE}', 0))"
    return peer.shell(f'python3 -S -c "{attempt}" 2>&1; true') == ""


def findings_of(found: tuple[Finding, ...]) -> list[str]:
    return [finding.text for finding in found if finding.subject == "firewall"]


async def test_strangers_open_no_connection_to_pool_addresses_and_all_else_passes(
    upstream: Peer, service: None, reach: HostReach
) -> None:
    assert not connects(upstream, POOLED)
    await until(lambda: connects(upstream, ADDRESS))
    assert await seen_from(POOLED) == POOLED
    upstream.shell(f"ping -c1 -W2 -I {SITE} {POOLED}")


async def test_datagrams_come_back_but_do_not_come_uncalled(upstream: Peer, reach: HostReach) -> None:
    with bound_socket(POOLED, socket.SOCK_DGRAM) as pooled:
        pooled.settimeout(2)
        port = pooled.getsockname()[1]
        begin = f"import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('{SITE}', 5353))"
        say = f"s.sendto(b'uncalled', ('{POOLED}', {port}))"
        upstream.shell(f'python3 -S -c "{begin}; {say}"')

        reply = "s.settimeout(2); d, a = s.recvfrom(10); s.sendto(d, a)"
        echo = threading.Thread(target=upstream.shell, args=[f'python3 -S -c "{begin}; {reply}"'])
        echo.start()
        await until(lambda: "5353" in upstream.shell("ss -Hlun"))
        pooled.sendto(b"called", (SITE, 5353))

        assert pooled.recv(100) == b"called"
        echo.join()


async def test_with_the_firewall_off_nothing_is_dropped(
    host: Host, upstream: Peer, service: None, netlink: Netlink, tmp_path: Path
) -> None:
    settings = NetworkSettings(firewall=False)
    reach = HostReach(settings, tmp_path / "state", netlink)
    for prefix in (await KernelWatch(settings, netlink).view()).prefixes:
        await reach.announce(prefix)

    await until(lambda: connects(upstream, POOLED))
    assert host.shell("nft list ruleset") == ""
    await reach.withdraw_all()


async def test_a_connection_that_was_there_before_the_table_goes_on(host: Host, upstream: Peer) -> None:
    """The first packet that connection tracking sees of it comes from outside."""
    host.shell(f"ip -6 route add local {PREFIX} dev lo && sysctl -qw net.ipv6.ip_nonlocal_bind=1")
    host.shell(f"ip addr add {POOLED}/128 dev up0 nodad")
    with socket.create_server((POOLED, SERVICE), family=socket.AF_INET6) as listener:
        talk = f"import socket,sys; s=socket.create_connection(('{POOLED}',{SERVICE}),2,('{SITE}',0)); s.recv(1); s.sendall(b'later'); s.close()"
        stranger = threading.Thread(target=upstream.shell, args=[f'python3 -S -c "{talk}"'])
        stranger.start()
        client, _ = listener.accept()
        await Firewall().put(WANTED)
        client.settimeout(2)
        client.sendall(b"1")
        assert client.recv(10) == b"later"
        client.close()
        stranger.join()


async def test_the_table_goes_with_the_prefix(host: Host, reach: HostReach) -> None:
    assert TABLE in host.shell("nft list ruleset")

    await reach.withdraw(parse_address(PREFIX.split("/")[0]), 64)

    assert host.shell("nft list ruleset") == ""


async def test_a_flushed_ruleset_is_put_back_and_said(host: Host, reach: HostReach) -> None:
    await reach.inspect()
    host.shell("nft flush ruleset")

    async def said() -> bool:
        (row,) = await reach.inspect()
        return any("was gone; added it again" in text for text in findings_of(row.findings))

    await until(said)
    assert TABLE in host.shell("nft list ruleset")


async def test_a_new_address_of_the_host_is_spared(host: Host, upstream: Peer, service: None, reach: HostReach) -> None:
    other = "2001:db8:4f8:10::77"
    assert not connects(upstream, other)

    host.add_address(f"{other}/64")
    await reach.inspect()

    await until(lambda: connects(upstream, other))


async def test_a_table_of_somebody_else_is_left_alone_and_said(
    host: Host, upstream: Peer, netlink: Netlink, tmp_path: Path
) -> None:
    host.shell(f"nft 'add table {TABLE}; add chain {TABLE} mine {{ type filter hook input priority 0; }}'")
    before = host.shell("nft list ruleset")
    reach = HostReach(NetworkSettings(), tmp_path / "state", netlink)
    for prefix in (await KernelWatch(NetworkSettings(), netlink).view()).prefixes:
        await reach.announce(prefix)

    (row,) = await reach.inspect()

    assert row.route is Level.OK
    assert ["is not ours" in text for text in findings_of(row.findings)] == [True]
    assert host.shell("nft list ruleset") == before
    await reach.withdraw_all()
    assert host.shell("nft list ruleset") == before


async def test_without_nft_there_is_a_finding_with_the_package(host: Host) -> None:
    (found,) = await FirewallKeeper(wanted=True, program="nft-that-is-not-there").keep(WANTED)

    assert (found.level, found.fix) == (Level.WARN, INSTALL)
    assert "nft-that-is-not-there is not installed" in found.text


async def test_putting_twice_changes_nothing_the_second_time(host: Host) -> None:
    assert await Firewall().put(WANTED)
    before = host.shell("nft -a list ruleset")

    assert not await Firewall().put(WANTED)
    assert host.shell("nft -a list ruleset") == before


async def test_the_command_puts_the_same_table(host: Host) -> None:
    host.shell(command(WANTED))

    table = await Firewall().look()
    assert (table.ours, table.whole, table.guard) == (True, True, WANTED)
    assert not await Firewall().put(WANTED)


async def test_without_privilege_there_is_a_finding_with_the_next_step(host: Host) -> None:
    told = host.shell(shlex.join((*NOBODY, sys.executable, "-c", UNPRIVILEGED)))

    assert "CAP_NET_ADMIN is missing" in told
    assert "sudo ipv6console serve" in told


def test_prefixes_inside_others_are_one_and_foreign_addresses_do_not_matter() -> None:
    found = guard(
        [(parse_address("2001:db8::"), 56), (parse_address("2001:db8:0:7::"), 64)],
        [parse_address(GATEWAY), parse_address("2001:db8::1")],
    )

    assert [str(prefix) for prefix in found.prefixes] == ["2001:db8::/56"]
    assert found.spared == {parse_address("2001:db8::1")}


async def test_the_table_is_put_where_no_protocol_has_a_name(host: Host, tmp_path: Path) -> None:
    bare = tmp_path / "nft"
    names = "[ ! -e /etc/protocols ] || mount --bind /dev/null /etc/protocols"
    bare.write_text(f'#!/bin/sh\nexec unshare -m sh -ec \'{names}; exec nft "$@"\' nft "$@"\n')
    bare.chmod(0o755)
    assert await Firewall(str(bare)).put(WANTED)
    assert not await Firewall().put(WANTED)
    assert not await Firewall(str(bare)).put(WANTED)


async def test_a_chain_that_somebody_flushed_is_still_ours_and_filled_again(host: Host) -> None:
    await Firewall().put(WANTED)
    host.shell(f"nft flush chain {TABLE} inbound")

    assert await Firewall().put(WANTED)

    table = await Firewall().look()
    assert (table.ours, table.whole, table.guard) == (True, True, WANTED)


async def test_an_nft_that_cannot_be_started_is_a_finding(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> asyncio.subprocess.Process:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    (found,) = await FirewallKeeper(wanted=True).keep(WANTED)

    assert found.text.startswith("starting nft failed: Too many open files; services of this host answer")
