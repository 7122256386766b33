"""Other processes as /proc shows them (proc(5))."""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ipv6console.linux.trouble import HostError

_ETH_P_IPV6 = 0x86DD
_NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors that say nothing of the process that is looked at."""
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
    """Return the IPv6 packet sockets `pid` holds, looked up in its own network namespace; empty when it has ended.

    Raises OSError when nothing can be looked up for lack of files.
    """
    held = _held(str(pid))
    return tuple(sock for sock in _listed(str(pid)) if sock.inode in held)


def holders(index: int) -> dict[int, str]:
    """Return the processes of this network namespace with an IPv6 packet socket on interface `index`: pid and name."""
    # One list of sockets for all, so that a host with many processes and no such socket costs one file.
    there = {sock.inode for sock in _listed("thread-self") if sock.index == index}
    if not there:
        return {}
    here = _namespace("thread-self")
    numbers = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return {
        int(number): name(int(number)) for number in numbers if _namespace(number) == here and there & _held(number)
    }


def name(pid: int) -> str:
    """Return the command name of `pid`, "?" when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "?"


def arguments(pid: int) -> list[str]:
    """Return the command line of `pid`, empty when it has ended."""
    return [argument.decode(errors="replace") for argument in _arguments(Path(f"/proc/{pid}"))]


def with_argument(*words: str) -> tuple[int, ...]:
    """Return the processes that have `words` on their command line, each right after the one before."""
    wanted = [word.encode() for word in words]
    size = len(wanted)
    return _with(lambda given: any(given[place : place + size] == wanted for place in range(len(given) - size + 1)))


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
    """Kill `pid` and wait up to `patience` seconds; returns whether it has ended. Raises HostError."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return bool(select.select([handle], [], [], patience)[0])
    except ProcessLookupError:
        return True
    except PermissionError as error:
        raise HostError(
            errno.EPERM, f"ending {name(pid)} {pid} failed: it is another user's; repeat it as root"
        ) from error
    finally:
        os.close(handle)


def bury(pid: int) -> None:
    """Take note of the end of `pid` if it was a child of the engine that this process was before: nobody else does."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


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


def _listed(entry: str) -> list[PacketSocket]:
    """Return all IPv6 packet sockets of the network namespace of /proc/`entry`, whoever holds them."""
    try:
        rows = Path(f"/proc/{entry}/net/packet").read_text().splitlines()[1:]
    except OSError as error:
        if error.errno in _NONE_LEFT:
            raise
        return []
    fields = [row.split() for row in rows]
    return [PacketSocket(int(row[4]), int(row[8])) for row in fields if int(row[3], 16) == _ETH_P_IPV6]


def _held(entry: str) -> set[int]:
    """Return the inodes of the sockets of process `entry`."""
    try:
        targets = [_target(fd) for fd in Path(f"/proc/{entry}/fd").iterdir()]
    except OSError as error:
        if error.errno in _NONE_LEFT:
            raise
        return set()
    return {int(target[8:-1]) for target in targets if target.startswith("socket:[")}


def _target(fd: Path) -> str:
    try:
        return fd.readlink().name
    except FileNotFoundError:
        return ""
