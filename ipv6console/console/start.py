"""Run the console on a terminal and tell how it ended."""

from __future__ import annotations

import sys
import traceback

from textual.worker import WorkerFailed

from ipv6console.console.app import ConsoleApp
from ipv6console.console.link import Link
from ipv6console.console.source import Owner, Source

EXIT_CRASHED = 1
EXIT_NO_TERMINAL = 2


def run(
    target: str,
    *,
    attached: bool = False,
    read_only: bool = False,
    theme: str = "textual-dark",
    owner: Owner | None = None,
    source: Source | None = None,
) -> int:
    """Show the engine at `target` (a Unix socket's path or a base URL) until the operator leaves; returns the exit code.

    `attached` is for engines that somebody else started, `owner` for the child this command started: it is told to
    stop, or to run on, after the terminal is restored. `source` replaces the connection. 0 after q, Ctrl+C, SIGINT,
    SIGTERM and SIGHUP; 1 when the console itself failed (an own engine then runs on) or its engine was given up; 2
    without a terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        _tell("ipv6console: the console needs a terminal on its input and error output.")
        _tell("Use `ipv6console status` for a look without one, or `ipv6console serve` for the engine alone.")
        if owner is not None:
            owner.stop()
        return EXIT_NO_TERMINAL
    app = ConsoleApp(
        source or Link(target),
        label="ATTACHED" if attached else "LOCAL",
        target=target,
        read_only=read_only,
        theme=theme,
        owner=owner,
    )
    answer = app.run()
    if app.failure is not None:
        return _crashed(app.failure, owner, in_lab=app.in_lab)
    if owner is not None and owner.failure is not None:
        _tell(f"ipv6console: {owner.failure}")
        return EXIT_CRASHED
    if owner is not None:
        _settle(owner, answer)
    return app.return_code or 0


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
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
