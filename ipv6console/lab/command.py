"""The commands of the lab, as the command line calls them. Each returns an exit code or raises LabError."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ipv6console.lab.control import SOCKET
from ipv6console.lab.error import LabError
from ipv6console.lab.handle import LabHandle, directory_of, find_lab
from ipv6console.lab.plan import LabPlan, parse_name
from ipv6console.lab.sandbox import run_sandboxed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipv6console.lab.world import World

_SOCKET_PATH_LIMIT = 107


def console(plan: LabPlan) -> int:
    """Open the console on a lab, on this terminal; return the console's exit code."""

    def part(world: World) -> int:
        from ipv6console.lab.world import show_console  # noqa: PLC0415 - netlink is loaded inside the sandbox only

        return show_console(world)

    return inhabit(plan, part)


def serve(plan: LabPlan) -> int:
    """Hold a lab up without a screen until SIGINT or SIGTERM."""

    def part(world: World) -> int:
        from ipv6console.lab.world import hold  # noqa: PLC0415 - netlink is loaded inside the sandbox only

        return hold(world)

    return inhabit(plan, part)


def run(plan: LabPlan, command: Sequence[str]) -> int:
    """Run `command` on the egress host of a lab that is ready; return its exit code (125: the lab failed)."""
    if not command:
        raise LabError("there is no command to run", "Write it after --: ipv6console lab run -- CMD…")

    def part(world: World) -> int:
        from ipv6console.lab.world import run_command  # noqa: PLC0415 - netlink is loaded inside the sandbox only

        return run_command(world, command)

    return inhabit(plan, part)


def fault(name: str, *, lab: Path | None = None, **options: float | str | bool | None) -> list[str]:
    """Make the fault called `name` happen in a running lab; return what was done, a sentence each."""
    return find_lab(lab).fault(name, **options)


def execute(command: Sequence[str], *, lab: Path | None = None, node: str = "egress") -> int:
    """Run `command` on `node` of a running lab, on this terminal; return its exit code."""
    if not command:
        raise LabError("there is no command to run", "Write it after --: ipv6console lab exec -- CMD…")
    return find_lab(lab).start(command, node=node).wait()


def inhabit(plan: LabPlan, part: Callable[[World], int]) -> int:
    """Build a lab in a sandbox, let `part` use it, take it down; return the code of `part`."""
    directory = _make_directory(plan.name)

    def body() -> int:
        from ipv6console.lab.world import live  # noqa: PLC0415 - netlink is loaded inside the sandbox only

        return live(plan, directory, part)

    return run_sandboxed(body, directory)


def _make_directory(name: str | None) -> Path:
    directory = directory_of(str(os.getpid()) if name is None else parse_name(name))
    if len(str(directory / SOCKET)) > _SOCKET_PATH_LIMIT:
        raise LabError(f"{directory} is too long a path for a socket", "Set TMPDIR to a shorter one.")
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if _answers(directory):
            fix = f"Give this one another --name, or use that one: export IPV6CONSOLE_LAB={directory}"
            raise LabError(f"a lab runs at {directory} already", fix) from None
        shutil.rmtree(directory)
        directory.mkdir(mode=0o700)
    return directory


def _answers(directory: Path) -> bool:
    try:
        LabHandle(directory).info()
    except LabError:
        return False
    return True
