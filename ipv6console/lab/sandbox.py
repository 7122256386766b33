"""A process world of its own: everything in it ends with the process that made it, however that one ends."""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ipv6console.lab.error import LabError
from ipv6console.lab.syscall import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    MS_PRIVATE,
    MS_REC,
    die_with_parent,
    map_to_root,
    mount,
    unshare,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILED = 125
"""Exit code of a lab that could not do what was asked, apart from what a command inside may return."""

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NETNS = Path("/run/netns")
_SYSTEM_CONFIG = Path("/etc/ipv6console")
_REMOVAL_PATIENCE = 10.0
_CLOSED = """\
Let this user make namespaces, by whichever of these the machine has:
  sudo sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000
  sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
or run the lab as root; in a container, start that with --privileged
(or --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined)."""


def run_sandboxed(body: Callable[[], int], directory: Path, *, until_removed: int) -> int:
    """Run `body` as process 1 of its own user (unless root), mount, network and process namespaces; return its code.

    `directory` exists already, is seen from outside too, and is removed at the end. SIGINT, SIGTERM and SIGHUP are
    passed on to `body`. When this process is killed the kernel kills everything inside, and `directory` goes as well;
    the descriptor `until_removed` stays open somewhere until it has.
    Raises LabError when the kernel does not allow it. This process is left in the new namespaces.
    """
    if threading.active_count() > 1:
        raise RuntimeError("namespaces can only be made before the first thread")
    with _removed_afterwards(directory, until_removed):
        _make_namespaces()
        sys.stdout.flush()
        sys.stderr.flush()
        # Until the handlers are in place a signal would end this process before the one inside could tidy up.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        watched, held = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(held)
            _be_first_process(body, watched)
        os.close(watched)
        return _wait(child)


def _make_namespaces() -> None:
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID
    try:
        if uid == 0:
            try:
                unshare(flags)
            except PermissionError:
                unshare(flags | CLONE_NEWUSER)
                map_to_root(uid, gid)
        else:
            unshare(flags | CLONE_NEWUSER)
            map_to_root(uid, gid)
    except OSError as error:
        reason = "none is left for this user" if error.errno == errno.ENOSPC else error.strerror
        raise LabError(f"the kernel refuses new namespaces to uid {uid}: {reason}", _CLOSED) from error


def _be_first_process(body: Callable[[], int], watched: int) -> NoReturn:
    code = FAILED
    try:
        die_with_parent(signal.SIGKILL)
        # Readable means closed: the parent was gone before the kernel was asked to watch it.
        if not select.select([watched], [], [], 0)[0]:
            _private_mounts()
            code = body()
    except LabError as error:
        sys.stderr.write(f"ipv6console lab: {error}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _private_mounts() -> None:
    try:
        mount("none", "/", "", flags=MS_REC | MS_PRIVATE)
        mount("proc", "/proc", "proc")
        mount("tmpfs", "/run", "tmpfs", options="mode=755")
        if _SYSTEM_CONFIG.is_dir():  # it is about this machine's own prefixes, not about the lab's
            mount("tmpfs", str(_SYSTEM_CONFIG), "tmpfs", options="mode=755")
    except OSError as error:
        raise LabError(
            f"the kernel refuses the lab's own mounts: {error.strerror} ({error.filename})", _CLOSED
        ) from error
    NETNS.mkdir()


def _wait(child: int) -> int:
    def pass_on(number: int, _frame: object) -> None:
        if number == signal.SIGINT and _on_terminal():
            return  # the terminal has sent it to everyone already
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)

    for number in STOPPING:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _on_terminal() -> bool:
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


@contextmanager
def _removed_afterwards(directory: Path, held: int) -> Iterator[None]:
    """Have a process of its own remove `directory` once this one, and what it forked, are gone; wait for it at exit."""
    reader, writer = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(writer)
        os._exit(_remove_at_end_of(reader, directory, held))
    os.close(reader)
    try:
        yield
    finally:
        os.close(writer)
        os.waitpid(keeper, 0)


def _remove_at_end_of(reader: int, directory: Path, held: int) -> int:
    os.setsid()
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    kept = sorted({2, reader, held, os.sysconf("SC_OPEN_MAX")})
    for before, after in pairwise(kept):
        os.closerange(before + 1, after)
    os.read(reader, 1)
    # Processes that the kernel is just killing may still add files.
    deadline = time.monotonic() + _REMOVAL_PATIENCE
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(0.01)
    return 0
