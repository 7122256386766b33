"""Keeps strangers from opening connections to pool addresses: a table of our own in nftables (nft(8)).

With a local route for a /64 every listening service answers on 2^64 addresses. The table drops what asks for something
new of an announced prefix, and passes everything else on to whatever other firewall there is.
"""

from __future__ import annotations

import asyncio
import errno
import json
import shlex
import shutil
import socket
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Network, collapse_addresses
from typing import Any

from ipv6console.linux import capability
from ipv6console.linux.generation import generation
from ipv6console.linux.trouble import HostError
from ipv6console.pool.address import format_address, parse_address
from ipv6console.wire.status import Finding, Level

TABLE = "ip6 ipv6console"
MARK = "made by ipv6console"
"""The comment on our rule: a table of this name without it is somebody else's."""

SUBJECT = "firewall"
INSTALL = "apt-get install -y nftables"
_RULES = 7
_LOOK_EVERY = 2.0
_TRY_EVERY = 30.0
_SAFETY = 600.0
Key = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What is to be guarded: announced prefixes, and the host's own addresses in them, which stay as they are."""

    prefixes: frozenset[IPv6Network] = frozenset()
    spared: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table as it is: whether there is one, whether it is ours and whole, and what it guards."""

    present: bool
    ours: bool = False
    whole: bool = False
    guard: Guard = Guard()


class FirewallError(HostError):
    """nftables does not do what is asked: `text` says why, `fix` is the command that helps, if one does."""

    def __init__(self, text: str, fix: str | None) -> None:
        super().__init__(errno.EIO, text)
        self.text = text
        self.fix = fix


def guard(prefixes: Iterable[Key], spared: Iterable[int]) -> Guard:
    """Return what to guard; prefixes inside others are one, addresses outside all of them do not matter."""
    return _guard(tuple(prefixes), tuple(spared))


@lru_cache(maxsize=1)
def _guard(prefixes: tuple[Key, ...], spared: tuple[int, ...]) -> Guard:
    """Do `guard`'s work once for what is looked at every second and hardly ever changes."""
    networks = frozenset(collapse_addresses(IPv6Network(prefix) for prefix in prefixes))
    inside = frozenset(
        address
        for address in spared
        if any(int(net.network_address) <= address <= int(net.broadcast_address) for net in networks)
    )
    return Guard(prefixes=networks, spared=inside)


def ruleset(wanted: Guard) -> str:
    """Return the nft commands, on one line, that replace the table whole."""
    spared = ", ".join(format_address(address) for address in sorted(wanted.spared))
    prefixes = ", ".join(str(prefix) for prefix in sorted(wanted.prefixes))
    rules = (
        "iif lo accept",
        "ip6 daddr @spared accept",
        "ip6 daddr != @prefixes accept",
        # ICMPv6 by its number: names are in /etc/protocols, which small systems and containers do not have.
        f"meta l4proto {socket.IPPROTO_ICMPV6} accept",
        "ct state established,related accept",
        "tcp flags & (fin | syn | rst | ack) != syn accept",
        f'counter drop comment "{MARK}"',
    )
    return "; ".join(
        (
            f"add table {TABLE}",
            f"delete table {TABLE}",
            f"add table {TABLE}",
            f"add set {TABLE} spared {{ type ipv6_addr; {f'elements = {{ {spared} }};' if spared else ''} }}",
            f"add set {TABLE} prefixes {{ type ipv6_addr; flags interval; elements = {{ {prefixes} }}; }}",
            f"add chain {TABLE} inbound {{ type filter hook input priority -5; policy accept; }}",
            *(f"add rule {TABLE} inbound {rule}" for rule in rules),
        )
    )


def command(wanted: Guard) -> str:
    """Return the shell command that puts the table."""
    return f"nft {shlex.quote(ruleset(wanted))}"


REMOVAL = f"nft delete table {TABLE}"


class Firewall:
    """Our table of this network namespace."""

    def __init__(self, program: str = "nft") -> None:
        self._program = program

    async def look(self) -> Table:
        """Return the table as it is; raises FirewallError when that cannot be found out."""
        code, out, said = await self._nft("-j", "list", "table", *TABLE.split())
        if code == 0:
            return _table(json.loads(out)["nftables"])
        if "No such file" in said:
            return Table(present=False)
        raise _explained("reading nftables", said)

    async def put(self, wanted: Guard) -> bool:
        """Make the table guard exactly `wanted`; returns whether that changed anything. Raises FirewallError.

        The table is replaced in one transaction (one call of nft), so there is no moment without it.
        """
        table = await self._ours()
        if not wanted.prefixes:
            return await self.remove()
        if table.whole and table.guard == wanted:
            return False
        code, _, said = await self._nft(ruleset(wanted))
        if code != 0:
            raise _explained("adding the nftables table", said)
        return True

    async def remove(self) -> bool:
        """Remove the table, if there is one and it is ours; returns whether there was. Raises FirewallError."""
        table = await self.look()
        if not (table.present and table.ours):
            return False
        code, _, said = await self._nft("delete", "table", *TABLE.split())
        if code != 0:
            raise _explained("removing the nftables table", said)
        return True

    async def _ours(self) -> Table:
        table = await self.look()
        if table.present and not table.ours:
            text = (
                f"there is a table `{TABLE}` that is not ours, so it is left alone and pool addresses are open to new "
                "connections from outside; rename it, or switch network.firewall off"
            )
            raise FirewallError(text, None)
        return table

    async def _nft(self, *arguments: str) -> tuple[int, str, str]:
        if shutil.which(self._program) is None:
            raise FirewallError(
                f"{self._program} is not installed, so services of this host answer new connections on all pool addresses",
                INSTALL,
            )
        try:
            # Nothing goes through its input: on uvloop a write to a child that has ended already raises.
            child = await asyncio.create_subprocess_exec(
                self._program, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
            )
        except OSError as error:
            raise _explained(f"starting {self._program}", error.strerror or str(error)) from error
        out, said = await child.communicate()
        return child.returncode or 0, out.decode(), said.decode(errors="replace")


class FirewallKeeper:
    """Keeps the table equal to what is announced, also when somebody else removes it (`nft flush ruleset`).

    The table is listed, which costs a process, only when the ruleset is another one than when it was last seen right.
    """

    def __init__(self, *, wanted: bool, program: str = "nft") -> None:
        self._firewall = Firewall(program)
        self._wanted = wanted
        self._kept: Guard | None = None
        self._seen: int | None = None
        self._looked = float("-inf")
        self._trouble: tuple[Finding, ...] = ()
        self._mended = False

    async def keep(self, wanted: Guard) -> tuple[Finding, ...]:
        """Make the table guard `wanted`; returns what an operator should know. What fails is a finding, never an error."""
        if not self._wanted:
            return ()
        number, now = generation(), time.monotonic()
        if wanted != self._kept or now - self._looked >= self._pause(number):
            try:
                put = await self._firewall.put(wanted)
            except FirewallError as error:
                self._trouble, self._mended = (finding(error),), False
            else:
                self._trouble, self._mended = (), put and wanted == self._kept
            self._kept, self._looked, self._seen = wanted, now, number
        if self._mended and now - self._looked < _LOOK_EVERY:
            return (Finding(SUBJECT, Level.WARN, f"the table `{TABLE}` was gone; added it again"),)
        return self._trouble

    def _pause(self, number: int | None) -> float:
        """Return how long after the last look the next one is due, now that the ruleset's number is `number`."""
        if number is not None and number != self._seen:
            return _LOOK_EVERY
        return _TRY_EVERY if self._trouble else _SAFETY

    async def end(self) -> None:
        """Remove the table; without privilege or nft there is none of ours to remove."""
        self._kept, self._trouble = None, ()
        with suppress(FirewallError):
            await self._firewall.remove()


def finding(error: FirewallError) -> Finding:
    """Return `error` for an operator to read."""
    return Finding(SUBJECT, Level.WARN, error.text, error.fix)


def _explained(what: str, said: str) -> FirewallError:
    line = next((line.strip() for line in said.splitlines() if line.strip()), "no reason given")
    refused = "not permitted" in said
    reason = "CAP_NET_ADMIN is missing" if refused else line
    return FirewallError(
        f"{what} failed: {reason}; services of this host answer new connections on all pool addresses",
        capability.FIX if refused else None,
    )


def _table(items: Iterable[dict[str, Any]]) -> Table:
    rules = [item["rule"] for item in items if "rule" in item]
    chains = [item["chain"] for item in items if "chain" in item]
    sets = {item["set"]["name"]: item["set"].get("elem", []) for item in items if "set" in item}
    hooked = [c for c in chains if (c["name"], c.get("hook"), c.get("policy")) == ("inbound", "input", "accept")]
    spared = [element for element in sets.get("spared", []) if isinstance(element, str)]
    marked = any(rule.get("comment") == MARK for rule in rules)
    # Somebody may have flushed the rules, and the mark with them; nobody else has these two sets and nothing more.
    emptied = not rules and set(sets) == {"spared", "prefixes"}
    return Table(
        present=True,
        ours=marked or emptied,
        whole=len(rules) == _RULES and len(hooked) == 1 and set(sets) == {"spared", "prefixes"},
        guard=Guard(
            prefixes=frozenset(_network(element) for element in sets.get("prefixes", [])),
            spared=frozenset(parse_address(element) for element in spared),
        ),
    )


def _network(element: str | dict[str, Any]) -> IPv6Network:
    if isinstance(element, str):
        return IPv6Network(element)
    return IPv6Network((element["prefix"]["addr"], element["prefix"]["len"]))
