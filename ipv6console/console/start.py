"""Run the console on a terminal and tell how it ended."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textual.worker import WorkerFailed

from ipv6console.console.app import ConsoleApp
from ipv6console.console.context import Context
from ipv6console.console.link import Link
from ipv6console.console.look import Looks
from ipv6console.console.means import Means
from ipv6console.console.model import Model
from ipv6console.console.presence import own_name
from ipv6console.console.seen import Memory
from ipv6console.console.source import Owner, Source

EXIT_CRASHED = 1
EXIT_NO_TERMINAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What this user's console keeps and takes along.

    `seen` is the file that remembers what was looked at, `folders` are where exports and bundles go (the first that can
    be written to), `config` tells versions, paths and settings, `looks` how the console is to look.
    """

    seen: Path | None = None
    folders: tuple[Path, ...] = ()
    config: Callable[[], object] | None = None
    looks: Looks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One engine to attach to: a Unix socket's path or a base URL, and the token to show it, "" for none."""

    target: str
    token: str = ""


def run(
    target: str,
    *,
    attached: bool = False,
    read_only: bool = False,
    owner: Owner | None = None,
    source: Source | None = None,
    token: str = "",
    others: Sequence[Attachment] = (),
    belongings: Belongings | None = None,
) -> int:
    """Show the engine at `target` (a Unix socket's path or a base URL) until the operator leaves; returns the exit code.

    `attached` is for engines that somebody else started, `owner` for the child this command started: it is told to
    stop, or to run on, after the terminal is restored. `source` replaces the connection, `token` is shown by it ("" is
    none), `others` are engines to open besides. 0 after q, Ctrl+C, SIGINT,
    SIGTERM and SIGHUP; 1 when the console itself failed (an own engine then runs on) or its engine was given up; 2
    without a terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        _tell("ipv6console: the console needs a terminal on its input and error output.")
        _tell("Use `ipv6console status` for a look without one, or `ipv6console serve` for the engine alone.")
        if owner is not None:
            owner.stop()
        return EXIT_NO_TERMINAL
    own, name = belongings or Belongings(), own_name()
    means = Means(
        name=name,
        memory=Memory(own.seen) if own.seen else None,
        folders=own.folders,
        config=own.config,
        connect=partial(_connect, name),
        secrets=(token,) if token else (),
    )
    app = ConsoleApp(
        source or _connect(name, target, token=token, read_only=read_only),
        label="ATTACHED" if attached else "LOCAL",
        target=target,
        read_only=read_only,
        look=own.looks.look if own.looks else None,
        looks=own.looks,
        owner=owner,
        means=means,
    )
    for number, other in enumerate(others, 2):
        app.contexts.add(Context(
            number=number, source=_connect(name, other.target, token=other.token, read_only=read_only),
            model=Model(app.clock), label="ATTACHED", target=other.target, read_only=read_only,
            secrets=(other.token,) if other.token else (),
        ))  # fmt: skip
    streams = sys.stdout, sys.stderr
    answer = app.run()
    sys.stdout, sys.stderr = streams  # a picture that was being taken may have kept what the app had put there
    if app.failure is not None:
        return _crashed(app.failure, owner, in_lab=app.departure.in_lab)
    if owner is not None and owner.failure is not None:
        _tell(f"ipv6console: {owner.failure}")
        return EXIT_CRASHED
    if owner is not None:
        _settle(owner, answer)
    return app.return_code or 0


def _connect(name: str, target: str, *, token: str | None, read_only: bool) -> Link:
    return Link(target, token=token or "", name=name, read_only=read_only)


def _settle(owner: Owner, answer: str | None) -> None:
    if answer == "leave":
        owner.leave_running()
        _tell("The engine runs on. Attach to it again with: ipv6console")
    else:
        owner.stop()


def _crashed(failure: Exception, owner: Owner | None, *, in_lab: bool) -> int:
    cause = failure.error if isinstance(failure, WorkerFailed) else failure
    _tell("".join(traceback.format_exception(cause)).rstrip())
    _tell("")
    _tell(f"ipv6console: the console stopped on an error of its own: {type(cause).__name__}: {cause}")
    if in_lab and owner is not None:
        _tell("The lab ends with its console. Open a new one with: ipv6console lab")
        owner.stop()
        return EXIT_CRASHED
    if owner is not None and owner.failure is not None:
        _tell(f"Its engine had ended before: {owner.failure}")
        return EXIT_CRASHED
    _tell("The engine is not affected and its leases stand. Open the console again with: ipv6console")
    if owner is not None:
        owner.leave_running()
    return EXIT_CRASHED


def _tell(line: str) -> None:
    with suppress(
        OSError
    ):  # the terminal is gone: nobody is left to be told, and what follows has to be done all the same
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
