"""Other processes as /proc shows them (proc(5))."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_ETH_P_IPV6 = 0x86DD
_MEANINGFUL = 0.05
"""Seconds of free time below which a share of it says nothing."""


@dataclass(frozen=True, slots=True)
class PacketSocket:
    """One AF_PACKET socket for IPv6 frames; `index` is its interface, -1 after that vanished."""

    index: int
    inode: int


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Seconds a process has run and has waited for a core to be free, at `at` of the monotonic clock."""

    at: float
    ran: float
    waited: float

    def share(self, before: CpuUse) -> float | None:
        """Return how much of a core it took since `before`, of the time in which it could have had one.

        A process that spins shows 1 however busy the machine is. None when it could hardly have run at all.
        """
        free = (self.at - before.at) - (self.waited - before.waited)
        return None if free < _MEANINGFUL else (self.ran - before.ran) / free


def cpu_use(pid: int) -> CpuUse | None:
    """Return what `pid` has used of the processors so far (schedstat), None when it has ended."""
    try:
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return CpuUse(time.monotonic(), int(ran) / 1e9, int(waited) / 1e9)


def started(pid: int) -> float | None:
    """Return when `pid` was started, in unix seconds to some hundredths, None when it has ended."""
    fields = _stat(pid)
    if fields is None:
        return None
    up = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - up + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def stopped(pid: int) -> bool:
    """Return whether `pid` is stopped by a signal."""
    fields = _stat(pid)
    return fields is not None and fields[0] in ("T", "t")


def packet_sockets(pid: int) -> tuple[PacketSocket, ...]:
    """Return the IPv6 packet sockets `pid` holds, looked up in its own network namespace; empty when it has ended."""
    try:
        rows = Path(f"/proc/{pid}/net/packet").read_text().splitlines()[1:]
        held = {_target(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return ()
    found = []
    for row in rows:
        _, _, _, protocol, index, _, _, _, inode = row.split()
        if int(protocol, 16) == _ETH_P_IPV6 and f"socket:[{inode}]" in held:
            found.append(PacketSocket(int(index), int(inode)))
    return tuple(found)


def holders(index: int) -> dict[int, str]:
    """Return the processes of this network namespace with an IPv6 packet socket on interface `index`: pid and name."""
    here = _namespace("thread-self")
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or _namespace(entry.name) != here:
            continue
        pid = int(entry.name)
        if any(sock.index == index for sock in packet_sockets(pid)):
            found[pid] = name(pid)
    return found


def name(pid: int) -> str:
    """Return the command name of `pid`, "?" when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "?"


def arguments(pid: int) -> list[str]:
    """Return the command line of `pid`, empty when it has ended."""
    return [argument.decode(errors="replace") for argument in _arguments(Path(f"/proc/{pid}"))]


def with_argument(argument: str) -> tuple[int, ...]:
    """Return the processes that have `argument` on their command line."""
    wanted = argument.encode()
    return _with(lambda given: wanted in given)


def with_argument_below(folder: str) -> tuple[int, ...]:
    """Return the processes that have an argument which begins with `folder` and a slash."""
    wanted = f"{folder}/".encode()
    return _with(lambda given: any(argument.startswith(wanted) for argument in given))


def _with(fits: Callable[[list[bytes]], bool]) -> tuple[int, ...]:
    return tuple(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and fits(_arguments(entry))
    )


def kill(pid: int, patience: float) -> bool:
    """Kill `pid` and wait up to `patience` seconds; returns whether it has ended. Raises PermissionError."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return bool(select.select([handle], [], [], patience)[0])
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)


def _arguments(entry: Path) -> list[bytes]:
    try:
        return (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in parentheses and may itself hold spaces and parentheses.
    return text[text.rindex(")") + 2 :].split()


def _namespace(entry: str) -> str | None:
    try:
        return Path(f"/proc/{entry}/ns/net").readlink().name
    except OSError:
        return None


def _target(fd: Path) -> str:
    try:
        return fd.readlink().name
    except FileNotFoundError:
        return ""
