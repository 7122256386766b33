"""`ipv6console upgrade`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.sheet import print_json
from ipv6console.wire.event import EventFilter

if TYPE_CHECKING:
    from ipv6console.client import IPv6Client
    from ipv6console.wire.state import EngineState

_PATIENCE = 120.0
_LOOK = 0.1
_REFUSED = EventFilter(kind="upgrade.refused")


@click.command(
    short_help="Let a running engine start anew as the version installed now.",
    epilog="Example: sudo ipv6console upgrade",
)
@engine_options
def upgrade(engine: Engine) -> None:
    """Let the engine of this host become the version that is installed now, with the settings as they are now.

    Its process and its listening sockets stay, so callers wait for a second or two instead of being refused; leases, routes
    and NDP stay too. What would start is tried first: if it cannot, the engine goes on as it is.
    """
    with engine.client() as client:
        before = client.state().engine
        _ask(before)
        after = _started(client, before)
    if engine.as_json:
        print_json(after)
    else:
        click.echo(f"engine {after.pid}: ipv6console {before.version} is now {after.version}")


def _ask(before: EngineState) -> None:
    step = "run this on the engine's own host, as root or as its user; its service does the same on `systemctl reload`"
    try:
        words = Path(f"/proc/{before.pid}/cmdline").read_bytes().split(b"\0")
        if not {b"serve", b"ipv6console"} & {word.rpartition(b"/")[2] for word in words}:
            raise Failure(f"process {before.pid} of this host is no engine", next=step, code=ExitCode.NO)
        os.kill(before.pid, signal.SIGUSR2)
    except OSError as error:
        text = f"process {before.pid}, the engine, cannot be asked: {error.strerror}"
        raise Failure(text, next=step, code=ExitCode.NO) from error


def _started(client: IPv6Client, before: EngineState) -> EngineState:
    """Return the engine that started after `before`; one that did not ends the command with a Failure."""
    from ipv6console.client.errors import IPv6ConsoleError  # noqa: PLC0415 - as with every client

    until = time.monotonic() + _PATIENCE
    trouble = "it did not start anew"
    while time.monotonic() < until:
        try:
            now = client.state().engine
            if now.started_at != before.started_at:
                return now
            refused = client.events(before.last_event, 1, _REFUSED).events
        except IPv6ConsoleError as error:
            # Its connections end with it, and requests that come too late are told so.
            trouble, refused = str(error), ()
        if refused:
            raise Failure(refused[0].text, next="see `ipv6console events`; nothing has changed", code=ExitCode.NO)
        time.sleep(_LOOK)
    raise Failure(f"within {_PATIENCE:g} s: {trouble}", next="see the engine's log", code=ExitCode.NO)
