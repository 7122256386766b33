"""`ipv6console completion`."""

from __future__ import annotations

import click

from ipv6console.commands.failure import ExitCode, Failure

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_IPV6CONSOLE_COMPLETE"
"""What click's `main` looks at for a program of this name."""


@click.command(
    short_help="Print the script that lets a shell complete commands.",
    epilog='Example: eval "$(ipv6console completion bash)"',
)
@click.argument("shell", metavar="SHELL", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what lets SHELL (bash, zsh or fish) complete commands and options.

    For bash and zsh put eval "$(ipv6console completion SHELL)" into ~/.bashrc, or into ~/.zshrc after compinit; fish
    reads it from ~/.config/fish/completions/ipv6console.fish.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - for this command only

    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"click completes nothing in {shell}", next="use bash, zsh or fish", code=ExitCode.USAGE)
    click.echo(kind(context.find_root().command, {}, "ipv6console", _VARIABLE).source())
