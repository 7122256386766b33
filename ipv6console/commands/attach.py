"""`ipv6console attach`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ipv6console.commands.connection import answers, effective, require_token
from ipv6console.commands.console import require_terminal, show
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.launch import Launch
from ipv6console.commands.option import config_option, token_file_option


@click.command(
    short_help="Open the console on a running engine.", epilog="Example: ipv6console attach http://127.0.0.1:16000"
)
@click.argument("target", metavar="TARGET")
@click.option("--read-only", is_flag=True, help="Act on nothing; L changes it.")
@token_file_option
@config_option
def attach(target: str, read_only: bool, token_file: str | None, config: str | None) -> int:
    """Open the console on the engine at TARGET, its URL or the path of its Unix socket."""
    from ipv6console.client.place import find_place  # noqa: PLC0415 - httpx is for commands that talk to an engine

    require_token(token_file)
    if "://" in target:
        try:
            find_place(url=target)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="TARGET") from error
    elif not answers(Path(target)):
        raise Failure(
            f"no engine answers at socket {target}",
            next="start one with `ipv6console serve`, or see what it listens on with `ss -lx`",
            code=ExitCode.UNREACHABLE,
        )
    if token_file is not None:
        os.environ["IPV6CONSOLE_TOKEN_FILE"] = token_file  # where every connection of this console looks for it
    require_terminal()
    return show(Launch(effective(config, None), (), None), target, attached=True, read_only=read_only)
