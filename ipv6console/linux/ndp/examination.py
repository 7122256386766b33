"""Who answers neighbours on this host when no engine of ours tells: looked up in the kernel and in /proc."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from itertools import pairwise
from pathlib import Path

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import process, sysctl
from ipv6console.linux.dump import Dump, Neighbour
from ipv6console.linux.ndp import remedy
from ipv6console.linux.ndp.assigning import assignment
from ipv6console.linux.ndp.config import rules_in
from ipv6console.linux.ndp.interface import index_of
from ipv6console.linux.ndp.proxying import entry, proxy_needs
from ipv6console.linux.ndp.remedy import Remedy
from ipv6console.linux.ndp.strategy import ADDRESS, NDPPD, PROXY, ROUTED, Evidence, choose, find_means
from ipv6console.linux.prefixes import contains, prefix_text
from ipv6console.pool.address import format_address
from ipv6console.wire.doctor import DoctorStep
from ipv6console.wire.status import Level

NAME = "ndp"
_SAME_MOMENT = 0.1
"""Seconds by which the start of a process may seem earlier than it was: it is told in hundredths since boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is looked at: the prefix, one source address in it, the kernel's tables, and what the network showed.

    `beside` are the other prefixes of this host, which a shared configuration answers for too.
    """

    prefix: HostPrefix
    source: int
    dump: Dump
    proxies: tuple[Neighbour, ...]
    evidence: Evidence | None
    beside: tuple[HostPrefix, ...] = ()

    @property
    def asked_for(self) -> bool:
        """Whether neighbours were seen asking for single addresses."""
        return self.evidence is not None and bool(self.evidence.on_link)


def answered_already(prefix: HostPrefix, dump: Dump, proxies: tuple[Neighbour, ...]) -> int | None:
    """Return an address of `prefix` for which there is an entry of ours in the kernel."""
    held = [row.address for row in dump.pooled] + [row.address for row in proxies]
    return min((address for address in held if contains(prefix.network, prefix.length, address)), default=None)


def examine(around: Surroundings, settings: NetworkSettings, state_dir: Path) -> DoctorStep:
    """Return the doctor's step: who answers for the source address, or the command that makes somebody."""
    strategy, why = choose(settings.ndp, around.prefix, find_means(settings), around.evidence)
    if strategy == ROUTED and not around.asked_for:
        return _step(Level.OK, "nothing to answer", [f"{strategy}: {why}"])
    index = index_of(around.prefix.interface)
    found = {} if index is None else process.holders(index)
    evidence = [
        f"{strategy}: {why}",
        *(f"{name} ({pid}) has an IPv6 packet socket there" for pid, name in found.items()),
    ]
    start = _start(around, strategy, settings, state_dir)
    answering = _by_kernel(around, index, evidence) or _by_process(around, found, evidence, start)
    if answering is not None:
        return answering
    text = f"nobody answers neighbours on {around.prefix.interface}"
    if strategy == ADDRESS:
        return _step(Level.FAIL, text, evidence, assignment(around.source, around.prefix.interface))
    if strategy == PROXY:
        fix = " && ".join([*_settings(around), entry(around.source, around.prefix.interface)])
        return _step(Level.FAIL, text, evidence, fix)
    if strategy == ROUTED and around.evidence is not None:
        text = f"network.ndp is routed, but {around.evidence.text}, and {text}; set network.ndp to auto"
    elif start.text is not None:
        text = f"{text}: {start.text}"
    return _step(Level.FAIL, text, evidence, start.fix)


def _start(around: Surroundings, strategy: str, settings: NetworkSettings, state_dir: Path) -> Remedy:
    if strategy == NDPPD and settings.ndppd_service:
        asked = [other for other in around.beside if other.on_link and not other.deprecated]
        return remedy.of_service([around.prefix, *asked], around.prefix.interface, settings)
    return remedy.of_daemon(around.prefix, strategy, settings, state_dir)


def _by_kernel(around: Surroundings, index: int | None, evidence: list[str]) -> DoctorStep | None:
    source, prefix = around.source, around.prefix
    assigned = next((row for row in around.dump.pooled if row.address == source and row.index == index), None)
    if assigned is not None and assigned.tentative:
        text = f"{format_address(source)} is still being tested for duplicates (tentative), so nothing can use it yet"
        return _step(
            Level.FAIL, text, evidence, f"{_unassign(source, prefix)} && {assignment(source, prefix.interface)}"
        )
    if assigned is not None:
        return _step(Level.OK, f"{format_address(source)} is assigned to {prefix.interface}", evidence)
    if any(row.address == source and row.index == index for row in around.proxies):
        return _proxied(around, evidence)
    return None


def _by_process(around: Surroundings, found: dict[int, str], evidence: list[str], start: Remedy) -> DoctorStep | None:
    daemons = [pid for pid, name in found.items() if name == "ndppd"]
    if daemons:
        # One that answers is enough, whatever others there are.
        steps = [_daemon(pid, around, evidence, start) for pid in daemons]
        return next((step for step in steps if step.level is Level.OK), steps[0])
    responders = [pid for pid in found if any(word.startswith("--owner=") for word in process.arguments(pid))]
    if responders and all(process.stopped(pid) for pid in responders):
        pid = responders[0]
        return _step(Level.FAIL, f"responder {pid} is stopped by a signal", evidence, f"kill -CONT {pid}")
    if responders:
        return _step(Level.OK, "a responder answers there for live addresses", evidence)
    return None


def _proxied(around: Surroundings, evidence: list[str]) -> DoctorStep:
    interface = around.prefix.interface
    wrong = [f"{key} is {sysctl.read(key)}" for key, _, right in proxy_needs(interface, around.dump) if not right]
    if not wrong:
        return _step(Level.OK, f"the kernel proxies {format_address(around.source)} on {interface}", evidence)
    slow = all("proxy_delay" in what for what in wrong)
    text = (
        f"the kernel takes up to 0.8 s to answer neighbours on {interface}"
        if slow
        else f"the kernel has a proxy entry for {format_address(around.source)}, but does not answer on {interface}"
    )
    return _step(Level.WARN if slow else Level.FAIL, text, [*evidence, *wrong], " && ".join(_settings(around)))


def _daemon(pid: int, around: Surroundings, evidence: list[str], start: Remedy) -> DoctorStep:
    if process.stopped(pid):
        return _step(Level.FAIL, f"ndppd {pid} is stopped by a signal", evidence, f"kill -CONT {pid}")
    interface = around.prefix.interface
    file, rules = _rules(pid, interface)
    evidence = [*evidence, f"{file}: {', '.join(str(rule) for rule in rules) or 'no rule'}"]
    if not any(IPv6Address(around.source) in rule for rule in rules):
        shown = prefix_text(around.prefix.network, around.prefix.length)
        text = f"ndppd {pid} runs, but {file} has no rule for {shown} on {interface}"
        # What keeps the command from being given is worth saying; that a file lacks our block is said already.
        return _step(Level.FAIL, f"{text}: {start.text}" if start.text and not start.fix else text, evidence, start.fix)
    if _older(pid, Path(file)):
        text = f"ndppd {pid} was started before {file} was last changed, and reads it only then"
        return _step(Level.WARN, text, evidence, start.fix)
    return _step(Level.OK, f"ndppd {pid} answers there", evidence)


def _older(pid: int, file: Path) -> bool:
    started = process.started(pid)
    return started is not None and file.exists() and file.stat().st_mtime > started + _SAME_MOMENT


def _rules(pid: int, interface: str) -> tuple[str, list[IPv6Network]]:
    """Return the configuration file of ndppd `pid` and its rules for `interface`; none when it cannot be read."""
    arguments = process.arguments(pid)
    named = (after for flag, after in pairwise(arguments) if flag == "-c")
    file = next(named, "/etc/ndppd.conf")
    try:
        return file, rules_in(Path(file).read_text(encoding="utf-8", errors="replace"), interface)
    except OSError:
        return file, []


def _settings(around: Surroundings) -> list[str]:
    needs = proxy_needs(around.prefix.interface, around.dump)
    return [sysctl.command(key, value) for key, value, right in needs if not right]


def _unassign(source: int, prefix: HostPrefix) -> str:
    return f"ip -6 addr del {format_address(source)}/128 dev {prefix.interface}"


def _step(level: Level, text: str, evidence: list[str], fix: str | None = None) -> DoctorStep:
    return DoctorStep(name=NAME, level=level, text=text, evidence=tuple(evidence), fix=fix)
