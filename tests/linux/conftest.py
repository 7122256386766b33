"""Network namespaces for tests, entered in the test's own process.

`host` moves the test's thread (pytest's main thread) into a fresh network namespace with unshare(2) and back with
setns(2) when the test is over. Everything the test starts from then on is inside: the event loop, the netlink thread,
executor threads, ndppd, `ip`. /proc/sys/net and /proc/thread-self/net follow. A `Peer` is a second namespace, held by a
child that ends when its stdin does, so a killed pytest leaves nothing: no namespace has a name or a file.

`upstream` is the usual pair: the host's `up0` wired to the peer's `dn0`, the peer as router with fe80::1 and a site at
SITE that answers every connection with the caller's address.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from inspect import isawaitable
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.freebind import bound_socket
from ipv6console.linux.netlink import Netlink
from tests.conftest import poll

PREFIX = "2001:db8:4f8:10::/64"
ADDRESS = "2001:db8:4f8:10::2"
GATEWAY = "2001:db8:4f8:10::1"
SITE = "2001:db8:ffff::1"
PORT = 9999

NOBODY = (
    *("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"),
    *(
        "--bounding-set=-all,+dac_read_search",
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
    ),
    "--",
)
"""Runs a command as an ordinary user who can still read the interpreter and the package, wherever they are."""

THEIRS = "# by hand\nproxy lan0 {\n   rule 2001:db8:99::/64 {\n      static\n   }\n}\n"
"""What the system's ndppd was configured to do before: something on lan0."""

_RESTART = """#!/bin/sh
# What an init script does: end the one of the pid file, start another.
[ -f {pid} ] && kill $(cat {pid}) 2>/dev/null
rm -f {pid}
[ -f {conf} ] || exit 0
exec ndppd -d -c {conf} -p {pid}
"""

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)

_READY = "ip link set lo up && sysctl -qw net.ipv6.conf.default.accept_dad=0"
"""Without duplicate address detection no address changes state by itself some time after the test began."""

_SERVER = f"""
import socket
listener = socket.create_server(("::", {PORT}), family=socket.AF_INET6)
print("ready", flush=True)
while True:
    client, address = listener.accept()
    client.sendall(address[0].encode())
    client.close()
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{os.strerror(code)}: these tests need root or `unshare -Urn`")


def shell(command: str) -> str:
    """Run `command` in the present namespace; its output, and its failure as an exception that shows it."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Peer:
    """Another network namespace."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE)
        self._children: list[subprocess.Popen[str]] = []
        here = Path("/proc/thread-self/ns/net").readlink()
        deadline = time.monotonic() + 5
        while self._namespace() in (None, here):
            assert time.monotonic() < deadline, "the peer's namespace did not come up"
        self.pid = self._holder.pid
        self.shell(_READY)

    def shell(self, command: str) -> str:
        """Run `command` in the peer."""
        return shell(f"nsenter --net=/proc/{self.pid}/ns/net sh -c {_quoted(command)}")

    def serve(self) -> None:
        """Answer every TCP connection to PORT with the caller's address."""
        self.run(_SERVER)

    def run(self, program: str) -> None:
        """Run Python source `program` in the peer until the test ends; returns once it has said "ready"."""
        arguments = ["nsenter", f"--net=/proc/{self.pid}/ns/net", sys.executable, "-S", "-c", program]
        server = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        self._children.append(server)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"

    def close(self) -> None:
        """End everything in the peer."""
        for child in self._children:
            child.kill()
            child.communicate()
        self._holder.kill()
        self._holder.communicate()

    def _namespace(self) -> Path | None:
        try:
            return Path(f"/proc/{self._holder.pid}/ns/net").readlink()
        except FileNotFoundError:
            return None


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"


class Host:
    """The namespace the test runs in."""

    def __init__(self) -> None:
        self._peers: list[Peer] = []

    def shell(self, command: str) -> str:
        """Run `command` here."""
        return shell(command)

    def add_address(self, text: str, interface: str = "up0") -> None:
        """Give an interface that is up an address; returns once the kernel has said so, which it does from a work queue.

        It routes what comes for the address to itself just after it has told everybody.
        """
        shell(f"ip addr replace {text} dev {interface} nodad")
        route = f"local {text.partition('/')[0]} "
        assert poll(lambda: route in shell("ip -6 route show table local"), 10), f"{text} did not come up"

    def peer(self, *, inside: str = "up0", outside: str = "dn0") -> Peer:
        """Return a new peer, wired to this host by a veth pair that is up at both ends."""
        peer = Peer()
        self._peers.append(peer)
        shell(f"ip link add {inside} type veth peer name {outside} netns {peer.pid}")
        shell(f"ip link set {inside} up")
        peer.shell(f"ip link set {outside} up")
        return peer

    def close(self) -> None:
        """End all peers."""
        for peer in self._peers:
            peer.close()


@pytest.fixture
def host() -> Iterator[Host]:
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_LIBC.unshare(_CLONE_NEWNET))
        here = Host()
        try:
            shell(_READY)
            yield here
        finally:
            here.close()
            _check(_LIBC.setns(before, _CLONE_NEWNET))
    finally:
        os.close(before)


@pytest.fixture
def upstream(host: Host) -> Peer:
    """A router with the on-link /64 and the site; the host has ADDRESS and a default route through up0."""
    peer = host.peer()
    peer.shell(f"ip addr add fe80::1/64 dev dn0 nodad && ip addr add {GATEWAY}/64 dev dn0 nodad")
    peer.shell(f"ip addr add {SITE}/128 dev lo")
    peer.serve()
    host.add_address(f"{ADDRESS}/64")
    host.shell("ip -6 route add default via fe80::1 dev up0")
    return peer


@pytest.fixture
async def netlink() -> AsyncIterator[Netlink]:
    link = Netlink()
    yield link
    await link.close()


def network_state(host: Host) -> str:
    """Return what is configured of the network here, as text to compare."""
    # Neighbour discovery by itself refreshes timers, so only what people configure is compared.
    return host.shell(
        "ip -6 route show table local; ip -6 route; ip -6 rule; sysctl net.ipv6.ip_nonlocal_bind; nft list ruleset;"
        "ip -6 neigh show proxy; ip -6 -o addr show dev up0 | cut -d' ' -f1-7;"
        "sysctl net.ipv6.conf.up0.forwarding net.ipv6.conf.up0.proxy_ndp net.ipv6.conf.up0.accept_ra"
        " net.ipv6.neigh.up0.proxy_delay"
    )


def service_settings(folder: Path) -> NetworkSettings:
    """Return settings for a system's ndppd, with its file and its init script in `folder`; lan0 is made for it."""
    conf, script, pid = folder / "ndppd.conf", folder / "restart", folder / "ndppd.pid"
    script.write_text(_RESTART.format(conf=conf, pid=pid))
    script.chmod(0o755)
    shell("ip link add lan0 type veth peer name lan1 && ip link set lan0 up")
    return NetworkSettings(ndp="ndppd", ndppd_service=True, ndppd_conf=str(conf), ndppd_restart=str(script))


async def until(condition: Callable[[], object | Awaitable[object]], within: float = 20.0) -> float:
    """Wait until `condition` holds of the kernel or of another process; returns the seconds it took."""
    began = time.monotonic()
    while True:
        value = condition()
        if isawaitable(value):
            value = await value
        if value:
            return time.monotonic() - began
        assert time.monotonic() - began < within, "the condition did not come true in time"
        await asyncio.sleep(0.01)


async def seen_from(source: str, site: str = SITE, *, within: float = 15.0) -> str:
    """Return what the site sees when it is called from `source`; raises OSError when it cannot be reached in that time."""
    with bound_socket(source) as sock:
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(within):
            await loop.sock_connect(sock, (site, PORT))
            return (await loop.sock_recv(sock, 100)).decode()


def reachable_plainly(source: str) -> bool:
    """Return whether a program that knows nothing of freebind can bind `source`."""
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind((source, 0))
        except OSError:
            return False
    return True


def running(pid: int | None) -> bool:
    """Return whether there is a process `pid`."""
    return pid is not None and Path(f"/proc/{pid}").exists()
