"""One supervised process that answers neighbours on one interface: started, watched, restarted when it dies or spins."""

from __future__ import annotations

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ipv6console.linux import process
from ipv6console.linux.ndp.interface import index_of
from ipv6console.linux.process import CpuUse
from ipv6console.wire.status import Level

FIRST_BACKOFF = 0.2
LAST_BACKOFF = 5.0
WELL_AFTER = 30.0
"""Seconds a child must live before the next death counts as the first again."""
SAMPLE = 1.0
SPINNING = 0.5
"""Share of a core above which ndppd is taken to spin; answering 20,000 solicitations a second stays below."""
SICK_SAMPLES = 2
"""Samples in a row that must be bad before a living child is replaced."""
RECENT = 10.0
"""Seconds for which an unplanned restart is worth a warning."""

_READY = 3.0
_STOP = 2.0
_GLANCE = 0.02


@dataclass(frozen=True, slots=True)
class Condition:
    """How the child is: level, what is so, the command that helps."""

    level: Level
    text: str
    fix: str | None = None


class Child(ABC):
    """A process that answers on one interface; `changed` is called on the loop when its state changes."""

    def __init__(self, name: str, interface: str, changed: Callable[[], None]) -> None:
        self.name = name
        self.interface = interface
        self.pid: int | None = None
        self.started_at: float | None = None
        self.restarts = 0
        self.cpu: float | None = None
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._poke = asyncio.Event()
        self._settled = asyncio.Event()
        self._output: deque[str] = deque(maxlen=8)
        self._trouble: Condition | None = None
        self._illness: str | None = None
        self._number: int | None = None
        self._looked_at = 0.0
        self._mishap: tuple[float, str] | None = None
        self._shown: object = None
        self.input: int = DEVNULL

    @abstractmethod
    def command(self) -> tuple[str, ...]:
        """Return the program and its arguments."""

    @abstractmethod
    def obstacle(self) -> Condition | None:
        """Return what keeps it from being started at all, None when nothing does."""

    async def begun(self, child: Process) -> None:
        """Forget what an earlier process said; one with an input is told here what it has to know."""
        self._output.clear()

    def heard(self, line: str) -> None:
        """Take up a line that the process wrote; what is kept is said when it dies."""
        self._output.append(line)

    def restart(self) -> None:
        """End the process and start it again, as something it reads once has changed."""
        self._settled.clear()
        self._poke.set()

    async def start(self, *leftover: str) -> None:
        """Start the process unless it is; returns once it answers or is known not to.

        One with the words `leftover` on its command line is of an engine that died, and is ended first; raises
        HostError when it is another user's.
        """
        if self._task is None:
            for pid in process.with_argument(*leftover):
                if await asyncio.to_thread(process.kill, pid, _STOP):
                    process.bury(pid)
            self._settled.clear()
            self._task = asyncio.create_task(self._supervise(), name=f"{self.name} {self.interface}")
        await self._settled.wait()

    async def stop(self) -> None:
        """End the process."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def condition(self) -> Condition:
        """Return how the child is at this moment, /proc and interface looked at now."""
        if self.pid is not None:
            self._look(self.pid)
        return self._verdict()

    def _verdict(self) -> Condition:
        """Return how the child is as it was seen last."""
        if self._index() is None:
            return Condition(
                Level.FAIL, f"interface {self.interface} is gone; {self.name} starts again when it is back"
            )
        if self.pid is None:
            return self._trouble or Condition(Level.UNKNOWN, f"{self.name} is starting")
        trouble = self._illness
        if trouble is None and self.cpu is not None and self.cpu > SPINNING:
            trouble = f"spins ({self.cpu:.0%} of a core)"
        if trouble is not None:
            return Condition(Level.FAIL, f"{self.name} {self.pid} {trouble}; replacing it")
        if self._mishap is not None and time.monotonic() - self._mishap[0] < RECENT:
            return Condition(Level.WARN, f"{self.name} {self.pid} answers again on {self.interface}: {self._mishap[1]}")
        return Condition(Level.OK, f"{self.name} {self.pid} answers on {self.interface}")

    def _look(self, pid: int) -> None:
        self._looked_at = time.monotonic()
        with suppress(OSError):  # for lack of files nothing can be seen: it is as it was seen last
            if process.stopped(pid):
                self._illness = "is stopped by a signal and answers nobody"
            elif not self._hears(pid):
                self._illness = f"has no packet socket on {self.interface}"
            else:
                self._illness = None

    async def _supervise(self) -> None:
        backoff = FIRST_BACKOFF
        while True:
            self._poke.clear()
            trouble = self._hindrance()
            if trouble is not None:
                self._settle(trouble)
                await self._poked(SAMPLE)
                continue
            began = time.monotonic()
            try:
                what = await self._life()
            except OSError as error:
                # No file or no process left to be had, for a moment: to be supervised no longer would be for good.
                what = f"{self.name} cannot be run: {error.strerror or error}"
            if what is None:
                backoff = FIRST_BACKOFF
                continue
            if time.monotonic() - began > WELL_AFTER:
                backoff = FIRST_BACKOFF
            self.restarts += 1
            self._mishap = (time.monotonic(), what)
            self._settle(Condition(Level.FAIL, f"{what}; starting it again in {backoff:.1f} s"))
            await self._poked(backoff)
            backoff = min(backoff * 2, LAST_BACKOFF)

    async def _life(self) -> str | None:
        """Run one process to its end; returns what went wrong, None when it was ended on purpose."""
        child = await asyncio.create_subprocess_exec(
            *self.command(),
            stdin=self.input,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        self.pid, self.started_at, self.cpu, self._illness = child.pid, time.time(), None, None
        reading = asyncio.create_task(self._read(child))
        exited = asyncio.create_task(child.wait())
        try:
            await self.begun(child)
            return await self._observe(child, exited)
        finally:
            self.pid, self.started_at, self.cpu = None, None, None
            await _end(child, exited)
            await reading

    async def _observe(self, child: Process, exited: asyncio.Task[int]) -> str | None:
        await self._until_ready(child.pid, exited)
        self._look(child.pid)
        used, sick = _used(child.pid), 0
        while not exited.done():
            if not self._poke.is_set():
                self._settle(None)
            if await self._poked(SAMPLE, exited):
                return None
            now = _used(child.pid)
            if now is not None and used is not None:
                share = now.share(used)
                self.cpu = self.cpu if share is None else share
            used = now
            if time.monotonic() - self._looked_at > SAMPLE:
                # Otherwise somebody who asked has just looked.
                self._look(child.pid)
            condition = self._verdict()
            sick = sick + 1 if condition.level is Level.FAIL and not exited.done() else 0
            if sick >= SICK_SAMPLES:
                self._show()
                return condition.text.removesuffix("; replacing it")
        return self._epitaph(exited.result())

    async def _until_ready(self, pid: int, exited: asyncio.Task[int]) -> None:
        deadline = time.monotonic() + _READY
        with suppress(OSError):
            while not exited.done() and not self._hears(pid) and time.monotonic() < deadline:
                await asyncio.wait({exited}, timeout=_GLANCE)

    def _hears(self, pid: int) -> bool:
        """Return whether `pid` has its packet socket bound to the interface: from then on solicitations wait in it.

        Raises OSError when that cannot be looked up.
        """
        index = self._index()
        return any(sock.index == index for sock in process.packet_sockets(pid))

    def _index(self) -> int | None:
        with suppress(OSError):
            self._number = index_of(self.interface)
        return self._number

    async def _read(self, child: Process) -> None:
        if child.stdout is None:
            return
        rest = ""
        while chunk := await child.stdout.read(4096):
            *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
            for line in lines:
                if line.strip():
                    self.heard(line)

    async def _poked(self, timeout: float, exited: asyncio.Task[int] | None = None) -> bool:  # noqa: ASYNC109 - a pause, not a limit
        poke = asyncio.create_task(self._poke.wait())
        try:
            await asyncio.wait(
                {poke, exited} if exited else {poke}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            poke.cancel()
        return self._poke.is_set()

    def _hindrance(self) -> Condition | None:
        if self._index() is None:
            return Condition(Level.FAIL, f"interface {self.interface} is gone")
        return self.obstacle()

    def _epitaph(self, code: int) -> str:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        said = next((line for line in reversed(self._output) if "(error)" in line), None)
        return f"{self.name} {how}" + (f" ({said.removeprefix('(error) ')})" if said else "")

    def _settle(self, trouble: Condition | None) -> None:
        self._trouble = trouble
        self._settled.set()
        self._show()

    def _show(self) -> None:
        condition = self._verdict()
        shown = (condition.level, self.pid, self.restarts)
        if shown != self._shown:
            self._shown = shown
            self._changed()


def _used(pid: int) -> CpuUse | None:
    try:
        return process.cpu_use(pid)
    except OSError:
        return None


async def _end(child: Process, exited: asyncio.Task[int]) -> None:
    """End `child` and wait for it, also while this task is being cancelled."""
    for number, patience in ((signal.SIGTERM, _STOP), (signal.SIGKILL, None)):
        if exited.done() or (number == signal.SIGTERM and process.stopped(child.pid)):
            continue
        with suppress(ProcessLookupError):
            child.send_signal(number)
        await asyncio.wait({exited}, timeout=patience)
