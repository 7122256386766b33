"""`ipv6console backup`."""

from __future__ import annotations

from pathlib import Path

import click

from ipv6console.commands.connection import effective
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.option import config_option
from ipv6console.commands.sheet import print_json
from ipv6console.quantity import addresses, many


@click.command(
    short_help="Copy the database of an engine, also while it runs.",
    epilog="Example: ipv6console backup /var/backups/ipv6console.db",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--state-dir", metavar="DIR", help="The folder of the database.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def backup(file: Path, state_dir: str | None, config: str | None, *, as_json: bool) -> None:
    """Copy addresses, leases, history, tokens and events, as they are at one moment, into a new FILE.

    The engine goes on meanwhile. FILE holds lease tokens: it is made for its owner alone. `restore` puts it back.
    """
    from ipv6console.engine.protocol import StoreError  # noqa: PLC0415 - for this command only
    from ipv6console.paths import database_file  # noqa: PLC0415 - as above
    from ipv6console.store.backup import back_up  # noqa: PLC0415 - as above

    folder = state_dir or effective(config, None).settings.engine.state_dir
    try:
        made = back_up(database_file(folder), file.absolute())
    except StoreError as error:
        raise Failure(str(error), next=error.fix, code=ExitCode.NO) from error
    if as_json:
        print_json(made)
    else:
        click.echo(
            f"{made.path}: {made.size:,} bytes, {addresses(made.addresses)}, {many(made.leases, 'live lease', 'live leases')}"
        )
