"""Runs the console on the terminal it is given, over a scripted engine; started by test_terminal.

usage: python -m tests.console.terminal calm|owned|lab|failed|crash [FILE]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from ipv6console.console.start import run
from tests.console import scene


class SpeakingOwner(scene.RecordedOwner):
    """An engine child that says in a file, or on the terminal, what it was told."""

    file: TextIO = sys.stdout

    def leave_running(self) -> None:
        print("OWNER leave_running", file=self.file, flush=True)

    def stop(self) -> None:
        print("OWNER stop", file=self.file, flush=True)


def main(mode: str, told: str | None = None) -> int:
    document = scene.state()
    if mode == "lab":
        document = replace(document, engine=replace(document.engine, lab="/tmp/lab"))
    source = scene.ScriptedSource(document=document)
    source.go_live(told=scene.events())
    if mode == "crash":
        source.crash = ValueError("a frame nobody foresaw")
    owner = SpeakingOwner(failure="the engine ended with code 70" if mode == "failed" else None)
    owner.file = Path(told).open("w") if told else sys.stdout  # noqa: SIM115 - it ends with the process
    return run(scene.SOCKET, source=source, owner=None if mode == "calm" else owner)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
