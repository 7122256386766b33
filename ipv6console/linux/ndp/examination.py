"""Who answers neighbours on this host when no engine of ours tells: looked up in the kernel and in /proc."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from itertools import pairwise
from pathlib import Path

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import capability, process, sysctl
from ipv6console.linux.dump import Dump, Neighbour
from ipv6console.linux.ndp.assigning import assignment
from ipv6console.linux.ndp.config import render
from ipv6console.linux.ndp.entries import index_of
from ipv6console.linux.ndp.ndppd import INSTALL
from ipv6console.linux.ndp.proxying import entry, proxy_needs
from ipv6console.linux.ndp.strategy import ADDRESS, NDPPD, PROXY, ROUTED, Evidence, choose, find_means
from ipv6console.linux.prefixes import contains, prefix_text
from ipv6console.pool.address import format_address
from ipv6console.wire.doctor import DoctorStep
from ipv6console.wire.status import Level

NAME = "ndp"
_RULE = re.compile(r"\brule\s+([0-9a-fA-F:.]+(?:/\d+)?)")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|#[^\n]*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is looked at: the prefix, one source address in it, the kernel's tables, and what the network showed."""

    prefix: HostPrefix
    source: int
    dump: Dump
    proxies: tuple[Neighbour, ...]
    evidence: Evidence | None


def answered_already(prefix: HostPrefix, dump: Dump, proxies: tuple[Neighbour, ...]) -> int | None:
    """Return an address of `prefix` for which there is an entry of ours in the kernel."""
    held = [row.address for row in dump.pooled] + [row.address for row in proxies]
    return min((address for address in held if contains(prefix.network, prefix.length, address)), default=None)


def examine(around: Surroundings, settings: NetworkSettings, state_dir: Path) -> DoctorStep:
    """Return the doctor's step: who answers for the source address, or the command that makes somebody."""
    strategy, why = choose(settings.ndp, around.prefix, find_means(settings), around.evidence)
    if strategy == ROUTED:
        return _step(Level.OK, "nothing to answer", [f"{strategy}: {why}"])
    index = index_of(around.prefix.interface)
    found = {} if index is None else process.holders(index)
    evidence = [
        f"{strategy}: {why}",
        *(f"{name} ({pid}) has an IPv6 packet socket there" for pid, name in found.items()),
    ]
    start = _by_hand(around.prefix, settings, state_dir)
    answering = _by_kernel(around, index, evidence) or _by_process(around, found, evidence, start)
    if answering is not None:
        return answering
    text, fix = f"nobody answers neighbours on {around.prefix.interface}", start
    if strategy == ADDRESS:
        fix = assignment(around.source, around.prefix.interface)
    elif strategy == PROXY:
        fix = " && ".join([*_settings(around), entry(around.source, around.prefix.interface)])
    elif shutil.which(settings.ndppd) is None and strategy == NDPPD:
        text, fix = f"{text}, and ndppd is not installed", INSTALL
    elif shutil.which(settings.ndppd) is None:
        text, fix = f"{text}: the engine's responder would", capability.FIX
    return _step(Level.FAIL, text, evidence, fix)


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


def _by_process(around: Surroundings, found: dict[int, str], evidence: list[str], start: str) -> DoctorStep | None:
    daemons = [pid for pid, name in found.items() if name == "ndppd"]
    if daemons:
        # One that answers is enough, whatever others there are.
        steps = [_daemon(pid, around, evidence, start) for pid in daemons]
        return next((step for step in steps if step.level is Level.OK), steps[0])
    if any(argument.startswith("--owner=") for pid in found for argument in process.arguments(pid)):
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


def _daemon(pid: int, around: Surroundings, evidence: list[str], start: str) -> DoctorStep:
    if process.stopped(pid):
        return _step(Level.FAIL, f"ndppd {pid} is stopped by a signal", evidence, f"kill -CONT {pid}")
    file, rules = _rules(pid)
    evidence = [*evidence, f"{file}: {', '.join(str(rule) for rule in rules) or 'no rule'}"]
    if not any(IPv6Address(around.source) in rule for rule in rules):
        shown = prefix_text(around.prefix.network, around.prefix.length)
        return _step(Level.FAIL, f"ndppd {pid} runs, but {file} has no rule for {shown}", evidence, start)
    return _step(Level.OK, f"ndppd {pid} answers there", evidence)


def _rules(pid: int) -> tuple[str, list[IPv6Network]]:
    """Return the configuration file of ndppd `pid` and the prefixes of its rules; none when it cannot be read."""
    arguments = process.arguments(pid)
    named = (after for flag, after in pairwise(arguments) if flag == "-c")
    file = next(named, "/etc/ndppd.conf")
    try:
        text = _COMMENT.sub("", Path(file).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return file, []
    return file, [IPv6Network(rule, strict=False) for rule in _RULE.findall(text)]


def _settings(around: Surroundings) -> list[str]:
    needs = proxy_needs(around.prefix.interface, around.dump)
    return [sysctl.command(key, value) for key, value, right in needs if not right]


def _unassign(source: int, prefix: HostPrefix) -> str:
    return f"ip -6 addr del {format_address(source)}/128 dev {prefix.interface}"


def _by_hand(prefix: HostPrefix, settings: NetworkSettings, state_dir: Path) -> str:
    """Return the command that starts an ndppd by hand, with a configuration of its own."""
    file = state_dir / f"ndppd-{prefix.interface}-by-hand.conf"
    text = render(prefix.interface, ((prefix.network, prefix.length),))
    folder, path, pid = (shlex.quote(str(p)) for p in (state_dir, file, file.with_suffix(".pid")))
    daemon = shlex.quote(settings.ndppd)
    return f"mkdir -p {folder} && printf %s {shlex.quote(text)} > {path} && {daemon} -d -c {path} -p {pid}"


def _step(level: Level, text: str, evidence: list[str], fix: str | None = None) -> DoctorStep:
    return DoctorStep(name=NAME, level=level, text=text, evidence=tuple(evidence), fix=fix)
