"""Making way for a successor: this very process becomes the engine that is installed now, on the sockets it has.

No caller is refused, because the listening sockets stay open and callers wait in them; nothing on the host is taken down in
between (docs/decisions/succession.md).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable, Sequence
from typing import NoReturn

SIGNAL = signal.SIGUSR2
ENDS = (signal.SIGTERM, signal.SIGINT)
REHEARSE = "--rehearse"
_PATIENCE = 60.0
_LINES = 3


class Succession:
    """What a successor gets: the listening sockets, and the tie to a console if there is one."""

    def __init__(self, sockets: Sequence[socket.socket], tie: int | None) -> None:
        # The server closes its own at the end.
        self._kept = [sock.dup() for sock in sockets]
        self._tie = tie
        self._busy: asyncio.Task[None] | None = None
        self._left = False
        self._late: int | None = None
        self.wanted = False

    def watch(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event, refused: Callable[[str, str], None]) -> None:
        """Rehearse when SIGUSR2 comes, and if that goes well set `stop` and be `wanted`; say what is wrong otherwise."""

        def come() -> None:
            if self._busy is None and not stop.is_set():
                self._busy = loop.create_task(self._prepare(stop, refused))

        loop.add_signal_handler(SIGNAL, come)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Take note that the engine is to end: there is no successor, or if it is too late for that the successor ends."""
        if self._left:
            self._late = number
        else:
            self.wanted = False

    def leaving(self) -> bool:
        """Return whether the host is left as it is; from now on there is no way back."""
        self._left = self.wanted
        return self._left

    def untie(self) -> None:
        """Forget the tie: the console has left."""
        self._tie = None

    def let_go(self) -> None:
        """Close what was kept for a successor."""
        for sock in self._kept:
            sock.close()

    def take_over(self) -> NoReturn:
        """Become the successor. To be called on the loop, with all else closed: what is left open ends here."""
        numbers = [sock.fileno() for sock in self._kept]
        for number in numbers if self._tie is None else [*numbers, self._tie]:
            os.set_inheritable(number, True)
        # Until the successor listens, it could be asked for another one, or be ended and leave the host as it is: the first
        # is ignored, the others wait (`listen_to_ends`).
        signal.signal(SIGNAL, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
        if self._late is not None:
            os.kill(os.getpid(), self._late)
        inherit = ("--inherit", ",".join(map(str, numbers)))
        tie = () if self._tie is None else ("--tie", str(self._tie))
        sys.stderr.flush()
        os.execv(sys.executable, [*_command(), *inherit, *tie])  # noqa: S606 - no shell is what is wanted

    async def _prepare(self, stop: asyncio.Event, refused: Callable[[str, str], None]) -> None:
        try:
            problem = await rehearse()
        except OSError as error:
            problem = str(error)
        self._busy = None
        if problem is None:
            self.wanted = True
            stop.set()
        else:
            refused(f"its successor cannot start: {problem}", "mend that and ask again")


def listen_to_ends() -> None:
    """Let through what a process before this one has held back; call it when there are handlers."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)


async def rehearse() -> str | None:
    """Start what would come, as far as it can be started beside this engine; return what is wrong, None when it is well."""
    child = await asyncio.create_subprocess_exec(*_command(), REHEARSE, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    try:
        async with asyncio.timeout(_PATIENCE):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        return f"it was not ready within {_PATIENCE:g} s"
    if child.returncode == 0:
        return None
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    return " ".join(lines[-_LINES:]) or f"it ended with code {child.returncode}"


def _command() -> list[str]:
    """Return the command line of this process without what it inherited."""
    words = list(sys.orig_argv[1:])
    kept: list[str] = []
    while words:
        word = words.pop(0)
        if word in ("--inherit", "--tie"):
            words.pop(0)
        elif not word.startswith(("--inherit=", "--tie=")):
            kept.append(word)
    return [sys.executable, *kept]
