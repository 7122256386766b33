"""Strategy ndppd as the system's service: our block in its configuration, and a restart that is verified.

A file is written whole, after a copy of what it was before our first change. When the daemon does not answer after the
restart, what was there before is put back, and the daemon is restarted with that.
"""

from __future__ import annotations

import asyncio
import errno
import shlex
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Collection, Iterable
from pathlib import Path

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import process
from ipv6console.linux.dump import Dump
from ipv6console.linux.ndp.block import claims, has_block, with_block, without_block
from ipv6console.linux.ndp.child import Condition
from ipv6console.linux.ndp.comparison import of_file
from ipv6console.linux.ndp.config import Rule, proxy
from ipv6console.linux.ndp.interface import index_of
from ipv6console.linux.ndp.strategy import NDPPD
from ipv6console.linux.prefixes import prefix_text
from ipv6console.linux.trouble import HostError
from ipv6console.linux.wholefile import replace_file
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level, Stamp

BACKUP = ".before-ipv6console"
_FRESH = ".ipv6console-new"
_RESTART_WITHIN = 30.0
_ANSWERS_WITHIN = 5.0
_GLANCE = 0.05
_FIRST_PAUSE = 10.0
_LAST_PAUSE = 300.0
"""Seconds until a service that does not answer is restarted again; it doubles each time, for others use it too."""
Key = tuple[int, int]
Wanted = dict[str, tuple[Rule, ...]]
"""Rules by interface."""


class ServiceFile:
    """The configuration of the system's ndppd, and its restart."""

    def __init__(self, settings: NetworkSettings) -> None:
        # Of a link what it leads to is replaced, not the link.
        self.path = Path(settings.ndppd_conf).resolve()
        self._restart = settings.ndppd_restart

    def read(self) -> str:
        """Return the file's text, empty when there is none; raises OSError."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def planned(self, wanted: Wanted) -> str:
        """Return the text that answers for `wanted`; raises OSError, and ValueError when it cannot be told apart."""
        text = self.read()
        taken = [interface for interface in wanted if claims(text, interface)]
        if taken:
            raise ValueError(
                f"{self.path} has a proxy block for {taken[0]} that is not ours; remove it there, or put a rule for our "
                "prefix into it and set network.ndp to routed"
            )
        if not wanted:
            return without_block(text)
        return with_block(text, "".join(proxy(interface, rules) for interface, rules in sorted(wanted.items())))

    def write(self, text: str) -> None:
        """Replace the file, keeping what it was before us beside it; a file of ours alone goes with our block."""
        before = self.read()
        backup = self.path.with_name(self.path.name + BACKUP)
        if before and not has_block(before):
            replace_file(backup, before, fresh=_FRESH, mode=self._mode())
        if not text:
            self.path.unlink(missing_ok=True)
        else:
            replace_file(self.path, text, fresh=_FRESH, mode=self._mode() if before else None)
        if not has_block(text):
            backup.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what an engine that died while it wrote has left beside the file."""
        for suffix in (BACKUP, _FRESH, BACKUP + _FRESH):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def current(self, interface: str) -> bool:
        """Return whether an ndppd answers on `interface` that was started after the file was written.

        Process times are hundredths of a second, so one started within that counts as older: it is restarted once more.
        """
        written = self.path.stat().st_mtime if self.path.exists() else 0.0
        starts = [process.started(pid) for pid in answering(interface)]
        return any(start is not None and start > written for start in starts)

    async def restart(self) -> str | None:
        """Run the restart command; returns what it said when it failed, None when all went well."""
        with tempfile.TemporaryFile() as said:
            # A daemon inherits its starter's output, so a pipe would never end.
            try:
                child = await asyncio.create_subprocess_exec(
                    *shlex.split(self._restart), stdin=DEVNULL, stdout=said, stderr=said
                )
            except OSError as error:
                return f"`{self._restart}`: {error.strerror}"
            try:
                async with asyncio.timeout(_RESTART_WITHIN):
                    code = await child.wait()
            except TimeoutError:
                child.kill()
                await child.wait()
                return f"`{self._restart}` did not end within {_RESTART_WITHIN:.0f} s"
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
        return f"`{self._restart}` ended with status {code}{': ' + lines[-1] if lines else ''}" if code else None

    async def put(self, text: str, interfaces: Collection[str]) -> str | None:
        """Write `text`, restart, and wait until ndppd answers on `interfaces`.

        Raises OSError when it does not: the file is as before then, and ndppd restarted with that. When nothing has to
        answer, what the restart said is returned: an ndppd with nothing left to do may well refuse to start.
        """
        before = self.read()
        self.write(text)
        trouble = await self._restarted(interfaces)
        if trouble is not None and interfaces:
            self.write(before)
            await self.restart()
            raise HostError(errno.EIO, f"{trouble}; {self.path} is as it was before")
        return trouble

    def _mode(self) -> int:
        return self.path.stat().st_mode & 0o7777

    async def _restarted(self, interfaces: Collection[str]) -> str | None:
        old = {pid for interface in interfaces for pid in answering(interface)}
        trouble = await self.restart()
        if trouble is not None:
            return trouble
        deadline = time.monotonic() + _ANSWERS_WITHIN
        while time.monotonic() < deadline:
            if all(set(answering(interface)) - old for interface in interfaces):
                return None
            await asyncio.sleep(_GLANCE)
        return f"after `{self._restart}` no new ndppd answers on {', '.join(sorted(interfaces))}"


def rules_of(prefixes: Iterable[HostPrefix]) -> Wanted:
    """Return the rules that answer for `prefixes`."""
    wanted: dict[str, set[Rule]] = {}
    for prefix in prefixes:
        wanted.setdefault(prefix.interface, set()).add((prefix.network, prefix.length))
    return {interface: tuple(sorted(rules)) for interface, rules in wanted.items()}


def answering(interface: str) -> tuple[int, ...]:
    """Return the ndppd processes that listen on `interface` and are not stopped."""
    index = index_of(interface)
    if index is None:
        return ()
    found = process.holders(index)
    return tuple(pid for pid, name in found.items() if name == "ndppd" and not process.stopped(pid))


class ServiceStrategy:
    """Has the system's ndppd answer (a Strategy)."""

    def __init__(self, settings: NetworkSettings) -> None:
        self._file = ServiceFile(settings)
        self._fix = settings.ndppd_restart
        self._served: dict[Key, str] = {}
        self._seen: dict[str, int] = {}
        self._trouble: Condition | None = None
        self._restarts = 0
        self._in_vain = 0
        self._due = 0.0

    async def serve(self, prefix: HostPrefix) -> None:
        """Answer for `prefix`; what fails is in the row, and the file is as it was then."""
        self._served[prefix.network, prefix.length] = prefix.interface
        await self._apply()

    async def drop(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` no longer."""
        if self._served.pop((prefix.network, prefix.length), None) is not None:
            await self._apply()

    async def stop(self) -> None:
        """Take our block out; raises OSError."""
        if self._served or self._trouble:
            self._served.clear()
            await self._apply()
            if self._trouble is not None:
                raise HostError(errno.EIO, self._trouble.text)

    async def answer(self, prefix: HostPrefix, added: Collection[int], removed: Collection[int]) -> None:
        """Need nothing: ndppd answers for the whole prefix."""

    async def mend(self, dump: Dump) -> None:
        """Restart the service when it has died, and put back our block when it was edited away."""
        now = time.monotonic()
        if not self._served or now < self._due:
            return
        dead = [name for name in self._wanted() if dump.link(name) is not None and self._answering(name) is None]
        planned = self._planned()
        if not dead and self._file.read() == planned:
            self._in_vain = 0
            return
        self._due = now + min(_FIRST_PAUSE * 2**self._in_vain, _LAST_PAUSE)
        if planned is not None:
            # Nobody else's daemon is disturbed as long as the file is not to be touched.
            self._in_vain += 1
        self._restarts += await self._apply()

    async def config(self, prefix: HostPrefix, dump: Dump) -> NdpConfig:
        """Return the system's file with our block in it, against what it is."""
        try:
            wanted, text = self._file.planned(self._wanted()), "our block in the configuration of the system's ndppd"
        except ValueError as error:
            wanted, text = None, str(error)
        return of_file(prefix, NDPPD, self._file.path, wanted, text)

    def row(self, prefix: HostPrefix, why: str) -> NdpRow:
        """Return how the service stands for `prefix` now."""
        pid = self._answering(prefix.interface)
        condition = self._trouble
        if condition is None and pid is None:
            condition = Condition(Level.FAIL, f"no ndppd answers on {prefix.interface}", self._fix)
        if condition is None:
            condition = Condition(Level.OK, f"the system's ndppd {pid} answers on {prefix.interface}")
        return NdpRow(
            stamp=Stamp(time.time(), "/proc"),
            prefix=prefix_text(prefix.network, prefix.length),
            interface=prefix.interface,
            strategy=NDPPD,
            why=why,
            level=condition.level,
            text=condition.text,
            fix=condition.fix,
            pid=pid,
            started_at=None,
            restarts=self._restarts,
            cpu=None,
            config=str(self._file.path),
        )

    def _answering(self, interface: str) -> int | None:
        """Return the ndppd that answers on `interface`; the one of before is looked at first, then all processes."""
        pid, index = self._seen.get(interface), index_of(interface)
        heard = pid is not None and any(sock.index == index for sock in process.packet_sockets(pid))
        if pid is None or not heard or process.stopped(pid):
            pid = next(iter(answering(interface)), None)
        if pid is None:
            self._seen.pop(interface, None)
        else:
            self._seen[interface] = pid
        return pid

    def _wanted(self) -> Wanted:
        names = set(self._served.values())
        return {name: tuple(sorted(key for key, held in self._served.items() if held == name)) for name in names}

    def _planned(self) -> str | None:
        try:
            return self._file.planned(self._wanted())
        except ValueError:
            return None

    async def _apply(self) -> bool:
        """Make the file and the service what is wanted; returns whether that took a restart. What fails is in the row."""
        wanted, restarted = self._wanted(), False
        try:
            text = self._file.planned(wanted)
            if text != self._file.read() or not all(self._file.current(name) for name in wanted):
                await self._file.put(text, wanted)
                restarted = True
        except (OSError, ValueError) as error:
            self._trouble = Condition(Level.FAIL, str(error), None if isinstance(error, ValueError) else self._fix)
        else:
            self._trouble = None
        return restarted
