"""Strategy responder: a small process of ours answers solicitations for live addresses alone, one for each interface."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Collection
from pathlib import Path

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import capability
from ipv6console.linux.dump import Dump
from ipv6console.linux.ndp import responder
from ipv6console.linux.ndp.child import Child, Condition
from ipv6console.linux.ndp.comparison import of_nothing
from ipv6console.linux.ndp.strategy import RESPONDER
from ipv6console.linux.prefixes import prefix_text
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level, Stamp

_ACKNOWLEDGED_WITHIN = 2.0
_AT_ONCE = 500
Key = tuple[int, int]


def owner(state_dir: Path) -> str:
    """Return the argument by which responders of the engine on `state_dir` are found in the process list."""
    return f"--owner={state_dir}"


class ResponderChild(Child):
    """The responder of one interface; `live` is what it answers for, by prefix."""

    def __init__(self, interface: str, state_dir: Path, changed: Callable[[], None], *, join: bool) -> None:
        super().__init__("responder", interface, changed)
        self.input = PIPE
        self.live: dict[Key, set[int]] = {}
        self.counts: dict[Key, tuple[int, int]] = {}
        self._counted_before: dict[Key, tuple[int, int]] = {}
        self._owner = f"{owner(state_dir)}/{interface}"
        self._join = join
        self._process: Process | None = None
        self._unacknowledged = 0
        self._acknowledged = asyncio.Event()

    async def serve(self, prefix: HostPrefix) -> None:
        """Answer for live addresses of `prefix`; returns once the process listens or is known not to."""
        self.live.setdefault((prefix.network, prefix.length), set())
        await self.start(self._owner)
        await self._send(self._prefixes())

    async def drop(self, prefix: HostPrefix) -> None:
        """Answer for no address of `prefix` any more."""
        removed = self.live.pop((prefix.network, prefix.length), set())
        await self._send([*_lines("-", removed), *self._prefixes()])

    async def answer(self, prefix: HostPrefix, added: Collection[int], removed: Collection[int]) -> None:
        """Take up and drop live addresses; returns once the process has them, and at once when it does not run."""
        live = self.live[prefix.network, prefix.length]
        live.update(added)
        live.difference_update(removed)
        await self._send([*_lines("+", added), *_lines("-", removed)])

    async def stay(self, seconds: float) -> None:
        """Let the process go on for so long once the engine has gone."""
        await self._send([f"~{seconds:g}"])

    def command(self) -> tuple[str, ...]:
        """Return the program and its arguments; by its file and in isolation, so that no environment gets in."""
        join = ("--join",) if self._join else ()
        return (sys.executable, "-I", "-S", str(responder.__file__), self.interface, self._owner, *join)

    def obstacle(self) -> Condition | None:
        """Return what keeps the responder from being started."""
        if not capability.may_open_packet_sockets():
            return Condition(Level.FAIL, "the responder cannot run: CAP_NET_RAW is missing", capability.FIX)
        return None

    async def begun(self, child: Process) -> None:
        """Tell a fresh process everything: one that died took what it knew with it."""
        await super().begun(child)
        self._process, self._unacknowledged = child, 0
        self._counted_before = dict(self.counts)
        live = [address for addresses in self.live.values() for address in addresses]
        await self._send([*self._prefixes(), *_lines("+", live)])

    def heard(self, line: str) -> None:
        """Take up an acknowledgement or a counter; anything else is kept for when it dies."""
        word, *rest = line.split()
        if word == "done":
            self._unacknowledged -= 1
            if self._unacknowledged <= 0:
                self._acknowledged.set()
        elif word == "count":
            digits, length = rest[0].split("/")
            key = (int(digits, 16), int(length))
            seen, answered = self._counted_before.get(key, (0, 0))
            self.counts[key] = (seen + int(rest[1]), answered + int(rest[2]))
        else:
            super().heard(line)

    async def _send(self, lines: list[str]) -> None:
        child = self._process
        if child is None or child.stdin is None or child.stdin.is_closing() or not lines:
            return
        self._unacknowledged += len(lines)
        self._acknowledged.clear()
        try:
            child.stdin.write("".join(f"{line}\n" for line in lines).encode())
            async with asyncio.timeout(_ACKNOWLEDGED_WITHIN):
                await child.stdin.drain()
                await self._acknowledged.wait()
        except (TimeoutError, ConnectionError, RuntimeError):
            # It died (uvloop raises RuntimeError then) or hangs: supervision replaces it, the next is told everything.
            return

    def _prefixes(self) -> list[str]:
        return ["/" + " ".join(f"{network:032x}/{length}" for network, length in self.live)]


class ResponderStrategy:
    """Runs responders (a Strategy); `changed` is called on the loop when one's state changes."""

    def __init__(self, state_dir: Path, changed: Callable[[], None], *, join: bool) -> None:
        self._state_dir = state_dir
        self._changed = changed
        self._join = join
        self._children: dict[str, ResponderChild] = {}

    async def serve(self, prefix: HostPrefix) -> None:
        """Answer for live addresses of `prefix` on its interface."""
        child = self._children.get(prefix.interface)
        if child is None:
            child = ResponderChild(prefix.interface, self._state_dir, self._changed, join=self._join)
            self._children[prefix.interface] = child
        await child.serve(prefix)

    async def drop(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` no longer; the last one of an interface ends its responder."""
        child = self._children.get(prefix.interface)
        if child is None:
            return
        await child.drop(prefix)
        if not child.live:
            del self._children[prefix.interface]
            await child.stop()

    async def stop(self) -> None:
        """End every responder."""
        while self._children:
            _, child = self._children.popitem()
            await child.stop()

    async def stay(self, seconds: float) -> None:
        """Let every responder go on for so long once the engine has gone."""
        for child in self._children.values():
            await child.stay(seconds)

    async def answer(self, prefix: HostPrefix, added: Collection[int], removed: Collection[int]) -> None:
        """Take up and drop live addresses of `prefix`."""
        await self._children[prefix.interface].answer(prefix, added, removed)

    async def mend(self, dump: Dump) -> None:
        """Need nothing: the children are watched all the time."""

    async def config(self, prefix: HostPrefix, dump: Dump) -> NdpConfig:
        """Return that the responder is told what it answers for, and has no file."""
        child = self._children.get(prefix.interface)
        count = len(child.live.get((prefix.network, prefix.length), ())) if child else 0
        text = f"the responder has no file: the engine tells it the {count} live addresses it answers for"
        return of_nothing(prefix, RESPONDER, text)

    def row(self, prefix: HostPrefix, why: str) -> NdpRow:
        """Return how the responder stands for `prefix` now, with its counters since it was started."""
        key = (prefix.network, prefix.length)
        child = self._children.get(prefix.interface)
        condition = child.condition() if child else Condition(Level.OFF, "the responder was not started")
        live = len(child.live.get(key, ())) if child else 0
        seen, answered = child.counts.get(key, (0, 0)) if child else (0, 0)
        text = condition.text
        if condition.level in (Level.OK, Level.WARN):
            text += f", {live} live address{'' if live == 1 else 'es'}"
        return NdpRow(
            stamp=Stamp(time.time(), "/proc"),
            prefix=prefix_text(*key),
            interface=prefix.interface,
            strategy=RESPONDER,
            why=why,
            level=condition.level,
            text=text,
            fix=condition.fix,
            pid=child.pid if child else None,
            started_at=child.started_at if child else None,
            restarts=child.restarts if child else 0,
            cpu=child.cpu if child else None,
            config=None,
            solicited=seen,
            answered=answered,
        )


def _lines(sign: str, addresses: Collection[int]) -> list[str]:
    ordered = list(addresses)
    return [
        sign + " ".join(f"{address:032x}" for address in ordered[place : place + _AT_ONCE])
        for place in range(0, len(ordered), _AT_ONCE)
    ]
