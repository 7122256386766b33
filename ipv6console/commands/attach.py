"""`ipv6console attach`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ipv6console.commands.connection import answers, effective, require_token
from ipv6console.commands.console import require_terminal, show
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.launch import Launch
from ipv6console.commands.option import config_option

MOST = 9


@click.command(
    short_help="Open the console on running engines.", epilog="Example: ipv6console attach http://127.0.0.1:16000"
)
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--read-only", is_flag=True, help="Act on nothing; L changes it.")
@click.option(
    "--token-file",
    "token_files",
    metavar="FILE",
    multiple=True,
    help="A file with a bearer token to show over TCP (or IPV6CONSOLE_TOKEN_FILE); one for each URL, or one for all.",
)
@click.option("--ask-token", is_flag=True, help="Ask for the bearer token on the terminal.")
@config_option
def attach(
    targets: tuple[str, ...], read_only: bool, token_files: tuple[str, ...], ask_token: bool, config: str | None
) -> int:
    """Open the console on the engine at TARGET, its URL or the path of its Unix socket; x switches between several.

    A token is never an argument, which others could see: it comes from a file, the environment or the terminal, and is
    asked for by itself when an engine lets nobody look without one.
    """
    if len(targets) > MOST:
        raise click.UsageError(f"{MOST} engines can be open at once, {len(targets)} are named")
    if len(set(targets)) < len(targets):
        raise click.UsageError("an engine is named twice")
    if ask_token and token_files:
        raise click.UsageError("--token-file and --ask-token are two tokens; give one of them")
    tokens = _tokens(targets, token_files)
    for target in targets:
        _check(target)
    require_terminal()
    for target in targets:
        if "://" in target and (ask_token or _is_locked(target, tokens[target])):
            tokens[target] = click.prompt(f"Bearer token for {target}", hide_input=True, err=True).strip()
    first, *others = targets
    return show(
        Launch(effective(config, None), (), None, config),
        first,
        attached=True,
        read_only=read_only,
        token=tokens[first],
        others=[(target, tokens[target]) for target in others],
    )


def _tokens(targets: Sequence[str], files: Sequence[str]) -> dict[str, str]:
    """Return the token for each target, "" for none; a socket needs none."""
    urls = [target for target in targets if "://" in target]
    if len(files) > 1 and len(files) != len(urls):
        raise click.UsageError(f"give --token-file once, or once for each of the {len(urls)} URLs")
    named = files if len(files) > 1 else [files[0] if files else None] * len(urls)
    found = {target: require_token(file) or "" for target, file in zip(urls, named, strict=True)}
    if not urls:
        require_token(files[0] if files else None)
    return {target: found.get(target, "") for target in targets}


def _check(target: str) -> None:
    from ipv6console.client.place import find_place  # noqa: PLC0415 - httpx is for commands that talk to an engine

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


def _is_locked(url: str, token: str) -> bool:
    """Return whether the engine at `url` lets nobody look without a token; one that is away is not."""
    from ipv6console.client import IPv6Client  # noqa: PLC0415 - as in `_check`
    from ipv6console.client.errors import EngineRefused, EngineUnreachable  # noqa: PLC0415 - as above

    try:
        with IPv6Client(url=url, token=token, timeout=_PATIENCE) as client:
            client.health()
    except EngineRefused as error:
        return error.status == 401
    except EngineUnreachable:
        return False
    return False


_PATIENCE = 2.0
