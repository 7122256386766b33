"""What an NDP strategy wants configured for a prefix, and what is there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NdpConfig:
    """The configuration of one prefix: `path` of the daemon's file, what is `wanted` in it and what was `found`.

    Strategies whose entries are in the kernel have no path, and the commands that make the entries instead of a file's
    text. Where there is nothing of the kind, wanted and found are None and `text` says why. `diff` are the lines of a
    unified diff from found to wanted, empty when they agree.
    """

    prefix: str
    strategy: str
    path: str | None
    wanted: str | None
    found: str | None
    diff: tuple[str, ...]
    text: str
