"""The commands of the lab, as the command line calls them. Each returns an exit code or raises LabError."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ipv6console.lab.control import SOCKET
from ipv6console.lab.error import LabError
from ipv6console.lab.handle import LabHandle, directory_of, find_lab
from ipv6console.lab.plan import LabPlan, Partner, parse_name
from ipv6console.lab.radius import find_program
from ipv6console.lab.sandbox import run_sandboxed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipv6console.lab.world import World

_SOCKET_PATH_LIMIT = 107
_TAKEN_DOWN_WITHIN = 20.0
_LOOK_EVERY = 0.05


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
    if Partner.RADIUS in plan.partners:
        find_program()
    directory = directory_of(str(os.getpid()) if plan.name is None else parse_name(plan.name))
    if len(str(directory / SOCKET)) > _SOCKET_PATH_LIMIT:
        raise LabError(f"{directory} is too long a path for a socket", "Set TMPDIR to a shorter one.")

    def body() -> int:
        from ipv6console.lab.world import live  # noqa: PLC0415 - netlink is loaded inside the sandbox only

        return live(plan, directory, part)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        _claim(claim, directory)
        _make(directory)
        return run_sandboxed(body, directory, until_removed=claim.fileno())


def _claim(claim: socket.socket, directory: Path) -> None:
    """Make `directory` this lab's, from before it is there until it is removed; the kernel lets go of what ends.

    The claim is a name in the abstract namespace, which leaves no file (unix(7)).
    """
    deadline = time.monotonic() + _TAKEN_DOWN_WITHIN
    while True:
        try:
            claim.bind(f"\0{directory}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            _refuse_if_it_runs(directory)
        else:
            return
        if time.monotonic() > deadline:
            raise LabError(f"the lab at {directory} is neither up nor gone", "Give this one another --name.")
        time.sleep(_LOOK_EVERY)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        _refuse_if_it_runs(directory)
        shutil.rmtree(directory)
        directory.mkdir(mode=0o700)


def _refuse_if_it_runs(directory: Path) -> None:
    if _answers(directory):
        fix = f"Give this one another --name, or use that one: export IPV6CONSOLE_LAB={directory}"
        raise LabError(f"a lab runs at {directory} already", fix)


def _answers(directory: Path) -> bool:
    try:
        LabHandle(directory).info()
    except LabError:
        return False
    return True
