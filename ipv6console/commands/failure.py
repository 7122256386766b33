"""Exit codes, and failures that are expected: said in two lines, never with a traceback."""

from __future__ import annotations

from enum import IntEnum
from typing import IO, Any

import click


class ExitCode(IntEnum):
    """What scripts can rely on (docs/exit-codes.md)."""

    DONE = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    BUG = 70
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.NO: "the answer is no",
    ExitCode.USAGE: "wrong usage or settings; nothing was done",
    ExitCode.UNREACHABLE: "no engine answers",
    ExitCode.REFUSED: "the engine refused; nothing has changed",
    ExitCode.BUG: "a defect of ours, with a traceback",
    ExitCode.INTERRUPTED: "interrupted by Ctrl+C",
}


class Failure(click.ClickException):
    """A command that cannot be done: what and why, the next step, and the code to exit with."""

    def __init__(self, message: str, *, next: str, code: ExitCode) -> None:  # noqa: A002 - the word of problem documents
        super().__init__(message)
        self.next = next
        self.code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the failure, on stderr unless told otherwise."""
        click.echo(f"ipv6console: {self.message}", err=file is None, file=file)
        click.echo(f"  next: {self.next}", err=file is None, file=file)
