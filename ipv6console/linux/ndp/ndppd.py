"""Strategy ndppd: a daemon of our own answers solicitations for every address of the prefix, one for each interface.

ndppd is started through setpriv(1) with a parent-death signal, so that a killed engine leaves none behind: that needs no
code between fork and exec, and the signal is set by the program that then becomes ndppd. The kernel sends it when the
*thread* that started the child ends; the engine starts it from its loop's thread, which lives as long as it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import capability
from ipv6console.linux.dump import Dump
from ipv6console.linux.ndp.child import Child, Condition
from ipv6console.linux.ndp.comparison import of_file
from ipv6console.linux.ndp.config import Rule, config_path, render, told_to_read, write
from ipv6console.linux.ndp.strategy import NDPPD
from ipv6console.linux.prefixes import prefix_text
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level, Stamp

INSTALL = "apt-get install -y ndppd"


class NdppdChild(Child):
    """The ndppd of one interface, with a configuration file of its own in `state_dir`."""

    def __init__(self, interface: str, program: str, state_dir: Path, changed: Callable[[], None]) -> None:
        super().__init__("ndppd", interface, changed)
        self.config = config_path(state_dir, interface)
        self._program = program
        self._rules: tuple[Rule, ...] = ()

    async def serve(self, rules: tuple[Rule, ...]) -> None:
        """Answer for exactly `rules`; returns once the process answers or is known not to. Raises OSError."""
        if rules != self._rules or not self.config.exists():
            write(self.config, self.interface, rules)
            self._rules = rules
            self.restart()
        await self.start(*told_to_read(self.config))

    async def stop(self) -> None:
        """End the process and remove its configuration file."""
        await super().stop()
        self.config.unlink(missing_ok=True)

    def command(self) -> tuple[str, ...]:
        """Return the program and its arguments."""
        return ("setpriv", "--pdeathsig", "KILL", "--", self._program, *told_to_read(self.config))

    def obstacle(self) -> Condition | None:
        """Return what keeps ndppd from being started."""
        if shutil.which(self._program) is None:
            return Condition(Level.FAIL, f"ndppd is not installed (looked for {self._program})", INSTALL)
        if shutil.which("setpriv") is None:
            return Condition(
                Level.FAIL, "setpriv is not installed; ndppd is started through it", "apt-get install -y util-linux"
            )
        if not capability.may_open_packet_sockets():
            return Condition(Level.FAIL, "ndppd cannot run: CAP_NET_RAW is missing", capability.FIX)
        return None


class NdppdStrategy:
    """Runs ndppd (a Strategy); `changed` is called on the loop when a child's state changes."""

    def __init__(self, command: str, state_dir: Path, changed: Callable[[], None]) -> None:
        self._command = command
        self._state_dir = state_dir
        self._changed = changed
        self._children: dict[str, NdppdChild] = {}
        self._served: dict[tuple[int, int], str] = {}
        self._trouble: dict[str, OSError] = {}

    async def serve(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` on its interface; raises OSError when the configuration cannot be written."""
        self._served[prefix.network, prefix.length] = prefix.interface
        await self._apply(prefix.interface)

    async def drop(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` no longer; the last one of an interface ends its ndppd."""
        interface = self._served.pop((prefix.network, prefix.length), None)
        if interface is not None:
            await self._apply(interface)

    async def stop(self) -> None:
        """End every ndppd of ours."""
        self._served.clear()
        for interface in [*self._children, *self._trouble]:
            await self._apply(interface)

    async def answer(self, prefix: HostPrefix, added: Collection[int], removed: Collection[int]) -> None:
        """Need nothing: ndppd answers for the whole prefix."""

    async def mend(self, dump: Dump) -> None:
        """Try again what could not be configured; the children are watched all the time. Raises OSError."""
        for interface in list(self._trouble):
            await self._apply(interface)

    async def config(self, prefix: HostPrefix, dump: Dump) -> NdpConfig:
        """Return the file of the interface's ndppd, which serves all its prefixes."""
        wanted = render(prefix.interface, self._rules(prefix.interface))
        path = config_path(self._state_dir, prefix.interface)
        return of_file(prefix, NDPPD, path, wanted, "the engine's own ndppd reads this file alone")

    def row(self, prefix: HostPrefix, why: str) -> NdpRow:
        """Return how ndppd stands for `prefix` now."""
        child = self._children.get(prefix.interface)
        condition = child.condition() if child else Condition(Level.OFF, "ndppd was not started")
        trouble = self._trouble.get(prefix.interface)
        if trouble is not None:
            condition = Condition(Level.FAIL, f"ndppd cannot be configured: {trouble}")
        return NdpRow(
            stamp=Stamp(time.time(), "/proc"),
            prefix=prefix_text(prefix.network, prefix.length),
            interface=prefix.interface,
            strategy=NDPPD,
            why=why,
            level=condition.level,
            text=condition.text,
            fix=condition.fix,
            pid=child.pid if child else None,
            started_at=child.started_at if child else None,
            restarts=child.restarts if child else 0,
            cpu=child.cpu if child else None,
            config=str(child.config) if child else None,
        )

    async def _apply(self, interface: str) -> None:
        try:
            await self._serve_all(interface)
        except OSError as error:
            self._trouble[interface] = error
            raise
        self._trouble.pop(interface, None)

    async def _serve_all(self, interface: str) -> None:
        rules = self._rules(interface)
        if not rules:
            child = self._children.pop(interface, None)
            if child is not None:
                await child.stop()
            return
        if interface not in self._children:
            self._children[interface] = NdppdChild(interface, self._command, self._state_dir, self._changed)
        await self._children[interface].serve(rules)

    def _rules(self, interface: str) -> tuple[Rule, ...]:
        return tuple(sorted(key for key, name in self._served.items() if name == interface))
