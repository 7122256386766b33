"""What is wanted in a configuration against what is there, for an operator to read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.ndp.block import difference
from ipv6console.linux.prefixes import prefix_text
from ipv6console.wire.ndp import NdpConfig

_SHOWN = 500
"""Entries that are shown; a pool may have a hundred thousand."""


def of_file(prefix: HostPrefix, strategy: str, path: Path, wanted: str | None, text: str) -> NdpConfig:
    """Return the comparison of the file at `path`; raises OSError when there is one that cannot be read.

    With `wanted` None nothing can be wanted of it, and `text` says why.
    """
    try:
        found = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        found = None
    changes = "" if wanted is None else difference(path, found or "", wanted)
    return NdpConfig(
        prefix=prefix_text(prefix.network, prefix.length),
        strategy=strategy,
        path=str(path),
        wanted=wanted,
        found=found,
        diff=tuple(changes.splitlines()),
        text=text if found is not None or wanted is None else f"{path} is not there",
    )


def of_entries(
    prefix: HostPrefix, strategy: str, wanted: Collection[str], found: Collection[str], text: str
) -> NdpConfig:
    """Return the comparison of kernel entries, each as the command that makes it."""
    there, here = set(found), set(wanted)
    missing = [f"+{line}" for line in wanted if line not in there]
    spare = [f"-{line}" for line in found if line not in here]
    changes = [*_bounded(spare), *_bounded(missing)]
    return NdpConfig(
        prefix=prefix_text(prefix.network, prefix.length),
        strategy=strategy,
        path=None,
        wanted="".join(f"{line}\n" for line in _bounded(list(wanted))),
        found="".join(f"{line}\n" for line in _bounded(list(found))),
        diff=("--- in the kernel", "+++ wanted", *changes) if changes else (),
        text=text,
    )


def of_nothing(prefix: HostPrefix, strategy: str, text: str) -> NdpConfig:
    """Return that nothing is configured anywhere, and why."""
    return NdpConfig(
        prefix=prefix_text(prefix.network, prefix.length),
        strategy=strategy,
        path=None,
        wanted=None,
        found=None,
        diff=(),
        text=text,
    )


def _bounded(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _SHOWN else [*lines[:_SHOWN], f"# and {len(lines) - _SHOWN} more"]
