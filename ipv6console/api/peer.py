"""Who is at the other end of a Unix socket, as the kernel tells it (unix(7), proc(5))."""

from __future__ import annotations

import logging
import re
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_SO_PEERGROUPS = 59
_MOST_BYTES = 1024  # what Python's getsockopt takes: 256 groups
_CMDLINE_BYTES = 4096
_LONGEST_PROGRAM = 60
_INTERPRETER = re.compile(r"(python|pypy|perl|ruby|node|php|bash|dash|sh|zsh)[0-9.]*")
_CODE = re.compile(r"-\w*[ceEp]|--eval|--print")
_WITH_VALUE = ("-W", "-X", "-r", "-o")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected; `groups` includes its primary group. The pid is for people: pids are reused.

    `program` is what it runs ("python3 scraper.py"), empty when that cannot be seen.
    """

    pid: int
    uid: int
    groups: frozenset[int]
    program: str = ""


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
    return Peer(pid, uid, frozenset((gid, *struct.unpack(f"{len(more) // 4}I", more))), _program(pid))


def program_name(arguments: Sequence[str]) -> str:
    """Return what a command line runs: its program, and the script or module an interpreter was given.

    Nothing else of it is shown, since arguments hold secrets.
    """
    program = _last_part(arguments[0]) if arguments else ""
    words = (program, *(_script(arguments[1:]) if _INTERPRETER.fullmatch(program) else ()))
    return "".join(c if c.isprintable() else "?" for c in " ".join(words))[:_LONGEST_PROGRAM]


def _script(arguments: Sequence[str]) -> tuple[str, ...]:
    rest = iter(arguments)
    for argument in rest:
        if argument == "-m":
            return "-m", _last_part(next(rest, ""))
        if _CODE.fullmatch(argument):
            return ()
        if argument in _WITH_VALUE:
            next(rest, None)
        elif not argument.startswith("-"):
            return (_last_part(argument),)
    return ()


def _last_part(path: str) -> str:
    # A title a process gave itself ("nginx: worker process") goes on after its name.
    return path.partition(" ")[0].rpartition("/")[2]


def _program(pid: int) -> str:
    try:
        with Path(f"/proc/{pid}/cmdline").open("rb") as file:
            line = file.read(_CMDLINE_BYTES)
    except OSError:
        return ""  # it has ended, or is not ours to see
    return program_name(line.decode(errors="replace").rstrip("\0").split("\0"))
