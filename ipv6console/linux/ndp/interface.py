"""Interfaces by name, as the kernel numbers them at this moment (netdevice(7))."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct

_SIOCGIFINDEX = 0x8933
_REQUEST = struct.Struct("16si20x")


def index_of(interface: str) -> int | None:
    """Return the number of `interface`, None when it is not there; raises OSError when that cannot be asked."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking, _SIOCGIFINDEX, _REQUEST.pack(interface.encode(), 0))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
    return int(_REQUEST.unpack(answer)[1])
