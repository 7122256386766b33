"""The first process of the sandbox: keeps the others, waits for what happens, and does things later."""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ipv6console.lab.error import LabError
from ipv6console.lab.sandbox import STOPPING

if TYPE_CHECKING:
    from ipv6console.lab.node import Node

Stdio = int | IO[bytes]


class Supervisor:
    """One thread, no event loop of asyncio: netlink of the synchronous kind cannot be used inside of one."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._children: dict[int, tuple[subprocess.Popen[bytes], Callable[[int], None]]] = {}
        self._on_signal: Callable[[int], None] = lambda _number: None
        self._result: int | None = None
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        # A handler of Python's, even one that does nothing: process 1 would not get the signal otherwise, and what it
        # starts would inherit that the signal is ignored.
        for number in (*STOPPING, signal.SIGCHLD):
            signal.signal(number, lambda _number, _frame: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        self.watch(self._woken, self._take_signals)

    def run(self, on_signal: Callable[[int], None]) -> int:
        """Wait and dispatch until `finish`, and return its code; `on_signal` gets SIGINT, SIGTERM and SIGHUP."""
        self._on_signal = on_signal
        while self._result is None:
            self._turn()
        return self._result

    def finish(self, code: int) -> None:
        """Make `run` return `code`; the first call counts."""
        if self._result is None:
            self._result = code

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` once, `seconds` from now."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), action))

    def watch(self, source: socket.socket, action: Callable[[], None]) -> None:
        """Call `action` whenever `source` can be read."""
        self._selector.register(source, selectors.EVENT_READ, action)

    def forget(self, source: socket.socket) -> None:
        """Stop watching `source`."""
        self._selector.unregister(source)

    def start(
        self,
        node: Node,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_exit: Callable[[int], None],
        stdio: tuple[Stdio, Stdio, Stdio],
        folder: Path | None = None,
        own_session: bool = True,
    ) -> int:
        """Start `command` on `node` and return its process id; `on_exit` gets its exit code, 128 + N for signal N.

        With `own_session` it gets no signals from the terminal. Raises LabError when it cannot be started.
        """
        try:
            with node.entered():
                process = subprocess.Popen(
                    list(command),
                    env=dict(environment),
                    cwd=folder,
                    stdin=stdio[0],
                    stdout=stdio[1],
                    stderr=stdio[2],
                    start_new_session=own_session,
                )
        except OSError as error:
            raise LabError(f"{command[0]} cannot be started: {error.strerror}", "Check its name and path.") from error
        self._children[process.pid] = (process, on_exit)
        return process.pid

    def expect_end(self, pid: int) -> None:
        """Let the child `pid` end without calling anybody."""
        if pid in self._children:
            self._children[pid] = (self._children[pid][0], lambda _code: None)

    def stop(self, pids: Sequence[int], patience: float) -> None:
        """Ask the children `pids` to end with SIGTERM and wait for them, up to `patience` seconds."""
        for pid in pids:
            self.signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while any(pid in self._children for pid in pids) and time.monotonic() < deadline:
            self._turn(at_most=0.1)

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to the child `pid` if it still runs."""
        if pid in self._children:
            os.kill(pid, number)

    def _turn(self, at_most: float = 3_600.0) -> None:
        wait = at_most
        if self._timers:
            wait = min(wait, max(0.0, self._timers[0][0] - time.monotonic()))
        for key, _ in self._selector.select(wait):
            key.data()
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    def _take_signals(self) -> None:
        received = set(self._woken.recv(4096))
        if signal.SIGCHLD in received:
            self._reap()
        for number in STOPPING:
            if number in received:
                self._on_signal(number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._children:
                process, on_exit = self._children.pop(pid)
                code = os.waitstatus_to_exitcode(status)
                process.returncode = code
                on_exit(code if code >= 0 else 128 - code)
