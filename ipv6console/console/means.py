"""What a console may use of the host it runs on: files, its name, its settings, connections to other engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ipv6console.console.seen import Memory
from ipv6console.console.source import Source


class Connect(Protocol):
    """Opens the way to one more engine; raises ValueError when that is no place, or the token is none."""

    def __call__(self, target: str, *, token: str | None, read_only: bool) -> Source:
        """Return the source for `target`, a Unix socket's path or a base URL; nothing is sent yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """All of it; a console without means shows and acts, but keeps and writes nothing.

    `name` is what others see of it, `memory` what the user has seen of each engine, `folders` where files may be
    written (the first that can be), `config` what `ipv6console info` tells, `secrets` what must not leave in a file.
    """

    name: str = "console"
    memory: Memory | None = None
    folders: tuple[Path, ...] = ()
    config: Callable[[], object] | None = None
    connect: Connect | None = None
    secrets: tuple[str, ...] = ()
