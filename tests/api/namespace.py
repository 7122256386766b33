"""A network namespace of the test's own, so that a caller can come from elsewhere without leaving this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from ipv6console.lab.syscall import CLONE_NEWNET, setns, unshare

HERE4 = "192.0.2.1"
HERE6 = "2001:db8:5::1"
_READY = f"ip link set lo up && ip addr add {HERE4}/32 dev lo && ip addr add {HERE6}/128 dev lo nodad"


@contextmanager
def namespace() -> Iterator[None]:
    """Move this thread into a namespace with loopback and the addresses HERE4 and HERE6, for the length of the block.

    Who connects to one of them calls from it, so to the engine it is a caller from another host.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(CLONE_NEWNET)
        try:
            subprocess.run(["sh", "-c", _READY], check=True, timeout=30)
            yield
        finally:
            setns(before, CLONE_NEWNET)
    finally:
        os.close(before)
