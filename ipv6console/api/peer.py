"""Who is at the other end of a Unix socket, as the kernel tells it (unix(7))."""

from __future__ import annotations

import logging
import socket
import struct
from dataclasses import dataclass
from typing import Protocol

_SO_PEERGROUPS = 59
_MOST_BYTES = 1024  # what Python's getsockopt takes: 256 groups

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected; `groups` includes its primary group. The pid is for people: pids are reused."""

    pid: int
    uid: int
    groups: frozenset[int]


class PeerSocket(Protocol):
    """What is needed of a connected socket; uvloop's stand-in has it as well."""

    @property
    def family(self) -> int:
        """The address family."""
        ...

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """Return an option's value as bytes."""
        ...


def peer_of(sock: PeerSocket) -> Peer | None:
    """Return the process at the other end of `sock`, None when it is not a Unix socket."""
    if sock.family != socket.AF_UNIX:
        return None
    pid, uid, gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        more = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_BYTES)
    except OSError as error:
        # ERANGE: more than 256 groups. The primary group still counts.
        _log.warning("pid %d uid %d: supplementary groups are not known: %s", pid, uid, error)
        more = b""
    return Peer(pid, uid, frozenset((gid, *struct.unpack(f"{len(more) // 4}I", more))))
