"""The command that makes somebody answer neighbours where nobody does."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import capability
from ipv6console.linux.ndp.config import render
from ipv6console.linux.ndp.ndppd import INSTALL
from ipv6console.linux.ndp.service import ServiceFile, rules_of
from ipv6console.linux.ndp.strategy import NDPPD
from ipv6console.linux.prefixes import prefix_text


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is missing in words, None when nothing is but the daemon itself, and the command that helps, if one does."""

    text: str | None
    fix: str | None


def of_daemon(prefix: HostPrefix, strategy: str, settings: NetworkSettings, state_dir: Path) -> Remedy:
    """Return what it takes that an ndppd answers for `prefix`: one started by hand, with a configuration of its own."""
    if shutil.which(settings.ndppd) is None:
        if strategy == NDPPD:
            return Remedy("ndppd is not installed", INSTALL)
        return Remedy("the engine's responder would", capability.FIX)
    file = state_dir / f"ndppd-{prefix.interface}-by-hand.conf"
    text = render(prefix.interface, ((prefix.network, prefix.length),))
    folder, path, pid = (shlex.quote(str(p)) for p in (state_dir, file, file.with_suffix(".pid")))
    daemon = shlex.quote(settings.ndppd)
    start = f"mkdir -p {folder} && printf %s {shlex.quote(text)} > {path} && {daemon} -d -c {path} -p {pid}"
    return Remedy(None, start)


def of_service(prefixes: Iterable[HostPrefix], interface: str, settings: NetworkSettings) -> Remedy:
    """Return what it takes that the system's ndppd answers for all of `prefixes`, one of them on `interface`."""
    file, restart = ServiceFile(settings), settings.ndppd_restart
    wanted = rules_of(prefixes)
    try:
        before, after = file.read(), file.planned(wanted)
    except (OSError, ValueError) as error:
        return Remedy(str(error), None)
    if after == before:
        return Remedy(None, restart)
    rules = ", ".join(prefix_text(*rule) for rule in wanted.get(interface, ()))
    put = f"printf %s {shlex.quote(after)} > {shlex.quote(str(file.path))}"
    return Remedy(f"{file.path} has no block of ours for {rules}", f"{put} && {restart}")
