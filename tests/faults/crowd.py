"""Callers who ask once, keep their connection and say no more: `python -m tests.faults.crowd SOCKET COUNT`.

Says "there N" on stdout, N being how many got an answer, and stays until stdin ends.
"""

from __future__ import annotations

import resource
import socket
import sys
from pathlib import Path

from ipv6console.client import IPv6Client
from tests.faults.host import PATIENCE, Host

REQUEST = b"GET /stats?dbname=crowd HTTP/1.1\r\nHost: localhost\r\n\r\n"
DOORS = ("unix", "127.0.0.1", "::1")


def gather(host: Host, count: int) -> int:
    """Start an engine as from a shell, let `count` connections idle, and return how many files the engine has.

    Asserts that both who was there before and who comes now is served.
    """
    host.start("prlimit", f"--nofile=1024:{max(_most(), 1_024)}")
    host.wait_until_well()
    assert host.engine is not None
    with IPv6Client(socket=host.socket, timeout=PATIENCE) as early:
        assert early.pick("early").success
        with host.crowd(count) as there, IPv6Client(socket=host.socket, timeout=PATIENCE) as late:
            assert there == count
            files = len(list(Path(f"/proc/{host.engine.pid}/fd").iterdir()))
            assert early.pick("early").success
            assert late.pick("late").success
    return files


def _most() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def knock(path: str, number: int) -> socket.socket:
    """Connect over each way in turn."""
    door = DOORS[number % len(DOORS)]
    if door == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(path)
        return connection
    return socket.create_connection((door, 16000), timeout=PATIENCE)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (_most(), _most()))
    kept, served = [], 0
    for number in range(int(sys.argv[2])):
        connection = knock(sys.argv[1], number)
        kept.append(connection)
        try:
            connection.sendall(REQUEST)
            served += connection.recv(4_096).startswith(b"HTTP/1.1 200")
        except OSError:
            # Turned away, which is an answer.
            continue
    sys.stdout.write(f"there {served}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
