"""`ipv6console console`, which is also what `ipv6console` alone does."""

from __future__ import annotations

import os
import socket as sockets
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ipv6console import paths
from ipv6console.commands.connection import answers, require_token
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.launch import Launch, launch_options
from ipv6console.commands.serve import let_go, listening
from ipv6console.commands.sheet import is_dumb
from ipv6console.configfile import ConfigError, places
from ipv6console.configfile import effective as read_settings
from ipv6console.loading import loading

if TYPE_CHECKING:
    from ipv6console.console.look import Looks
    from ipv6console.console.start import Belongings


@click.command(
    short_help="Open the console; starts an engine when none answers.", epilog="Example: sudo ipv6console console"
)
@launch_options
@click.option("--read-only", is_flag=True, help="Act on nothing; L changes it.")
def console(launch: Launch, read_only: bool) -> int:
    """Open the console on this terminal.

    It attaches to the first Unix socket that answers: --socket, IPV6CONSOLE_SOCKET, the one of your runtime folder,
    /run/ipv6console/engine.sock. When none does it starts an engine of its own and stops it on leaving.
    """
    token = require_token(None)
    require_terminal()
    url = os.environ.get("IPV6CONSOLE_URL")
    if url and launch.socket is None:
        return show(launch, url, attached=True, read_only=read_only, token=token or "")
    candidates = (Path(launch.socket),) if launch.socket else paths.socket_candidates(launch.settings.engine.socket)
    for path in candidates:
        if answers(path):
            return show(launch, str(path), attached=True, read_only=read_only)
    return _with_engine(launch, read_only=read_only)


def require_terminal() -> None:
    """End the command with a Failure when there is no terminal to draw on."""
    if is_dumb():
        raise Failure(
            "the console draws on the whole screen, which a terminal with TERM=dumb cannot do",
            next="`ipv6console status --watch --plain` tells the same in lines, one a change; or set TERM to what it is",
            code=ExitCode.USAGE,
        )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(
            "the console needs a terminal on its input and error output",
            next="`ipv6console status --watch --plain` tells the same in lines, `ipv6console serve` runs the engine alone",
            code=ExitCode.USAGE,
        )


def show(
    launch: Launch,
    target: str,
    *,
    attached: bool,
    read_only: bool,
    token: str = "",
    others: Sequence[tuple[str, str]] = (),
) -> int:
    """Run the console on the engine at `target`, a URL or a socket's path; return its exit code.

    `token` is shown to it, "" is none. `others` are targets and tokens of engines to open too.
    """
    _leave_out_what_httpx_is_besides()
    looks = _looks(launch)
    with loading():
        from ipv6console.console.start import Attachment, run  # noqa: PLC0415 - Textual is for this command only

    return run(
        target,
        attached=attached,
        read_only=read_only or launch.settings.console.read_only,
        token=token,
        others=[Attachment(target=place, token=secret) for place, secret in others],
        belongings=_belongings(launch, looks),
    )


def _leave_out_what_httpx_is_besides() -> None:
    """Let httpx be a library only: its own command line loads Pygments, a tenth of a second before the first paint.

    httpx does without when that cannot be imported, as where its extras are not installed.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # how Python marks what is not to be imported


def _looks(launch: Launch) -> Looks:
    from ipv6console.console.look import Looks  # noqa: PLC0415 - for those who open the console; without Textual

    try:
        return Looks(launch.effective, places(launch.config), partial(read_settings, config=launch.config))
    except ConfigError as error:
        raise Failure(str(error), next="docs/keys.md lists the actions and their keys", code=ExitCode.USAGE) from error


def _belongings(launch: Launch, looks: Looks) -> Belongings:
    from ipv6console.console.start import Belongings  # noqa: PLC0415 - as in `show`

    own = paths.user_state()
    return Belongings(
        seen=own / "seen.json",
        folders=(Path.cwd(), own / "exports"),
        config=partial(_everything, launch),
        looks=looks,
    )


def _everything(launch: Launch) -> object:
    from ipv6console.commands.info import gather  # noqa: PLC0415 - only an incident bundle takes it along

    return gather(launch)


def _with_engine(launch: Launch, *, read_only: bool) -> int:
    from ipv6console.child import EngineChild  # noqa: PLC0415 - only when no engine answers

    engine = launch.settings.engine
    _leave_out_what_httpx_is_besides()
    looks = _looks(launch)
    opened = listening(engine)
    [target] = [str(sock.getsockname()) for sock in opened if sock.family == sockets.AF_UNIX]
    log = paths.log_file(engine.state_dir)
    try:
        try:
            child = EngineChild(launch.arguments, opened, log)
        except OSError as error:
            raise Failure(
                f"the engine cannot be started: {error}",
                next=f"see {log}, or name another --state-dir",
                code=ExitCode.NO,
            ) from error
        with loading():
            from ipv6console.console.start import run  # noqa: PLC0415 - the child starts meanwhile

        return run(
            target,
            read_only=read_only or launch.settings.console.read_only,
            owner=child,
            belongings=_belongings(launch, looks),
        )
    finally:
        let_go(opened, [Path(target)])
