"""Interfaces by name, as the kernel numbers them at this moment (if_nametoindex(3))."""

from __future__ import annotations

import socket


def index_of(interface: str) -> int | None:
    """Return the number of `interface`, None when it is not there."""
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return None
