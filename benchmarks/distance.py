"""A link as long as one likes: two TUN devices, and a process that carries packets from one to the other, late.

`with far(pid, seconds)` gives this network namespace the device far0 and that of process `pid` the device near0; what goes
into one comes out of the other after `seconds`. No kernel module is needed for it, as netem would be.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

FAR, NEAR = "far0", "near0"
_TUNSETIFF, _TUN, _NO_HEADER = 0x4004_54CA, 0x0001, 0x1000
_NET = 0x4000_0000
_PACKET = 65_536


def device(name: str) -> int:
    """Make a TUN device in the present namespace; return its descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN | _NO_HEADER))
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    return descriptor


def carry(pid: int, seconds: float) -> None:
    """Carry packets until killed."""
    ends = [device(FAR)]
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NET):
            raise OSError(ctypes.get_errno(), "setns")
    ends.append(device(NEAR))
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    print("carrying", flush=True)
    late: list[tuple[float, int, int, bytes]] = []
    numbers = count()
    while True:
        wait = max(0.0, late[0][0] - time.monotonic()) if late else None
        ready, _, _ = select.select(ends, [], [], wait)
        for end in ready:
            heapq.heappush(late, (time.monotonic() + seconds, next(numbers), other[end], os.read(end, _PACKET)))
        while late and late[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(late)
            os.write(end, packet)


@contextmanager
def far(pid: int, seconds: float) -> Iterator[None]:
    """Have the link until the block ends."""
    words = [sys.executable, __file__, str(pid), str(seconds)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "carrying\n":
            sys.exit("there is no TUN device: modprobe tun")
        yield
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    carry(int(sys.argv[1]), float(sys.argv[2]))
