"""Runs the console on the terminal it is given, over a scripted engine; started by test_terminal.

usage: python -m tests.console.terminal calm|owned|lab|failed|crash
"""

from __future__ import annotations

import sys
from dataclasses import replace

from ipv6console.console.start import run
from tests.console import scene


class SpeakingOwner(scene.RecordedOwner):
    """An engine child that says on the terminal what it was told."""

    def leave_running(self) -> None:
        sys.stdout.write("OWNER leave_running\n")

    def stop(self) -> None:
        sys.stdout.write("OWNER stop\n")


def main(mode: str) -> int:
    document = scene.state()
    if mode == "lab":
        document = replace(document, engine=replace(document.engine, lab="/tmp/lab"))
    source = scene.ScriptedSource(document=document)
    source.go_live(told=scene.events())
    if mode == "crash":
        source.crash = ValueError("a frame nobody foresaw")
    owner = SpeakingOwner(failure="the engine ended with code 70" if mode == "failed" else None)
    return run(scene.SOCKET, source=source, owner=None if mode == "calm" else owner)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
