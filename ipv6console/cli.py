"""The command line's root: knows every command by name, and loads the one that is called."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import click

from ipv6console import __version__
from ipv6console.commands.failure import ExitCode, Failure

_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
COMMANDS = {
    "console": "Open the console; starts an engine when none answers.",
    "attach": "Open the console on running engines.",
    "serve": "Run the engine without a screen.",
    "lab": "A small internet in network namespaces to try everything in.",
    "status": "Show how prefix, NDP, pool, mirrors and store are.",
    "doctor": "Walk the chain that makes an address work, and say what breaks it.",
    "bundle": "Write what an engine shows and tells into one archive.",
    "info": "Show every path, version and setting, and where each comes from.",
    "net": "List, make or undo the privileged changes to this host.",
    "pick": "Lease addresses.",
    "report": "End a lease with a verdict on its address.",
    "check": "Prove that addresses work, now.",
    "reset": "Make addresses idle again in a mirror.",
    "spawn": "Make verified addresses.",
    "leases": "List live leases.",
    "addresses": "List the pool's addresses.",
    "prefixes": "List the prefixes, or tell the life of one.",
    "ndp": "Show how neighbours learn of each prefix.",
    "targets": "List the sites that ban addresses.",
    "who": "Tell who held an address, and when.",
    "events": "List or follow what happened.",
    "mirror": "Show or change what holds for one mirror.",
    "drain": "Stop handing out addresses of a mirror or a prefix.",
    "flush": "Forget a mirror's usage, or empty the pool.",
    "revoke": "Withdraw addresses or a prefix for good.",
    "space": "Make and list address spaces, their ranges and reservations.",
    "bindings": "Bind addresses of a space to resources, find and release them.",
    "subscriber": "Give prefixes to subscribers, and take them back.",
    "outbox": "Show what IPAM and RADIUS have still to do, cancel it or try again.",
    "leaks": "Find prefixes on which store, IPAM, kernel and DHCPv6 disagree.",
    "notify": "Show and try what is told of faults: webhooks and commands.",
    "token": "Make, list and revoke bearer tokens for callers over TCP.",
    "upgrade": "Let a running engine start anew as the version installed now.",
    "backup": "Copy the database of an engine, also while it runs.",
    "restore": "Put a backup in the place of the database.",
    "import-json": "Take over the files of the older address pool.",
    "completion": "Print the script that lets a shell complete commands.",
}
"""Every command with its short help; its module in ipv6console.commands and its function have its name, - being _."""


class LazyGroup(click.Group):
    """Loads a command's module when that command is called, and opens the console when none is."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called `cmd_name`, None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        word = cmd_name.replace("-", "_")
        command = getattr(import_module(f"ipv6console.commands.{word}"), word)
        if not isinstance(command, click.Command):
            raise TypeError(f"ipv6console.commands.{word}.{word} is not a command")
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `console` before arguments that name no command, unless a shell asks what could be written there."""
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        if not args or (args[0].startswith("-") and args[0] not in {"--help", "-h", "--version"}):
            args = ["console", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    name="ipv6console",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command the console is opened. Exit codes: 0 done, 1 the engine said no, 2 usage, 3 no engine "
    "answers, 4 refused.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def root() -> None:
    """Operate the IPv6 addresses of this host: a pool of verified addresses, leased to scrapers over HTTP."""


def run(args: Sequence[str]) -> int:
    """Run the command line `args` and return its exit code."""
    try:
        return _called(args)
    except (click.Abort, KeyboardInterrupt):
        click.echo("ipv6console: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _write_no_more()
        return ExitCode.NO
    except Exception as error:  # noqa: BLE001 - a bug must not look like "the engine said no" to a script
        if isinstance(error, OSError) and error.errno in _UNWRITTEN and error.filename is None:
            _write_no_more()
            Failure(
                f"the output cannot be written: {error.strerror}",
                next="make room, or send it elsewhere",
                code=ExitCode.NO,
            ).show()
            return ExitCode.NO
        traceback.print_exc()
        return ExitCode.BUG


def _write_no_more() -> None:
    # What Python would flush at exit has nowhere to go either.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _called(args: Sequence[str]) -> int:
    try:
        done = root.main(list(args), prog_name="ipv6console", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except Failure as failure:
        failure.show()
        return failure.code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return done if isinstance(done, int) else ExitCode.DONE
