"""`ipv6console serve`."""

from __future__ import annotations

import signal
import socket as sockets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.launch import Launch, launch_options
from ipv6console.loading import loading

if TYPE_CHECKING:
    from ipv6console.config import EngineSettings


@click.command(short_help="Run the engine without a screen.", epilog="Example: ipv6console serve -p 16000 -n 50 -v")
@launch_options
@click.option("--inherit", metavar="FD,FD...", hidden=True, help="Listening sockets a console has opened.")
@click.option("--tie", metavar="FD", type=click.IntRange(0), hidden=True, help="A pipe whose end stops the engine.")
@click.option("--rehearse", is_flag=True, hidden=True, help="Load all that serving needs, and end.")
def serve(launch: Launch, *, inherit: str | None, tie: int | None, rehearse: bool) -> int:
    """Run the engine until SIGTERM or Ctrl+C; its log goes to stderr.

    SIGUSR2 makes it start anew as the version installed now, while callers wait and leases live (ipv6console upgrade).
    """
    if rehearse:
        _load()
        return ExitCode.DONE
    opened = listening(launch.settings.engine) if inherit is None else _inherited(inherit)
    files = [Path(sock.getsockname()) for sock in opened if sock.family == sockets.AF_UNIX]
    try:
        _run(launch, opened, tie)
    finally:
        let_go(opened, files)
    return ExitCode.DONE


def listening(engine: EngineSettings) -> list[sockets.socket]:
    """Return the listening sockets `engine` asks for; one that cannot be had ends the command with a Failure."""
    from ipv6console.listen import ListenError, bind, passed  # noqa: PLC0415 - for commands that start an engine
    from ipv6console.paths import PathError  # noqa: PLC0415 - as above

    try:
        return bind(engine, passed())
    except ListenError as error:
        raise Failure(error.detail, next=error.next, code=ExitCode.NO) from error
    except PathError as error:
        raise Failure(str(error), next="name another socket with --socket PATH", code=ExitCode.NO) from error


def let_go(opened: Sequence[sockets.socket], files: Sequence[Path]) -> None:
    """Close listening sockets and remove the socket files nobody else listens on."""
    from ipv6console.listen import remove_socket_file  # noqa: PLC0415 - as above

    for sock in opened:
        sock.close()
    for file in files:
        remove_socket_file(file)


def _inherited(numbers: str) -> list[sockets.socket]:
    try:
        return [sockets.socket(fileno=int(number)) for number in numbers.split(",")]
    except (ValueError, OSError) as error:
        raise click.BadParameter(f"{numbers} are not open sockets: {error}", param_hint="--inherit") from error


def _load() -> Callable[..., None]:
    with loading():
        from ipv6console.daemon import main  # noqa: PLC0415 - heavy; callers can connect already
    return main


def _run(launch: Launch, opened: Sequence[sockets.socket], tie: int | None) -> None:
    from ipv6console.succession import SIGNAL  # noqa: PLC0415 - not for --help

    # It would end an engine that is still starting; from then on the engine listens to it.
    signal.signal(SIGNAL, signal.SIG_IGN)
    main = _load()
    from ipv6console.engine.protocol import StoreError  # noqa: PLC0415 - as above
    from ipv6console.listen import ListenError  # noqa: PLC0415 - as above

    try:
        main(launch.settings, opened, tie=tie)
    except ListenError as error:
        raise Failure(error.detail, next=error.next, code=ExitCode.NO) from error
    except StoreError as error:
        raise Failure(str(error), next=error.fix, code=ExitCode.NO) from error
    except OSError as error:
        raise Failure(
            f"the engine cannot run: {error}", next="mend that and start it again", code=ExitCode.NO
        ) from error
