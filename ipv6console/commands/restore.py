"""`ipv6console restore`."""

from __future__ import annotations

from pathlib import Path

import click

from ipv6console.commands.connection import effective
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.option import config_option
from ipv6console.commands.sheet import print_json
from ipv6console.quantity import addresses, many


@click.command(
    short_help="Put a backup in the place of the database.",
    epilog="Example: ipv6console restore /var/backups/ipv6console.db",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--state-dir", metavar="DIR", help="The folder of the database.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def restore(file: Path, state_dir: str | None, config: str | None, *, as_json: bool) -> None:
    """Put FILE, made by `backup`, in the place of the database, which is kept beside it under another name.

    No engine may use the folder meanwhile. What was leased after the backup is not known then: such a lease is told that
    it has ended when its holder reports.
    """
    from ipv6console.engine.protocol import StoreError  # noqa: PLC0415 - for this command only
    from ipv6console.paths import database_file  # noqa: PLC0415 - as above
    from ipv6console.store import backup  # noqa: PLC0415 - as above

    folder = state_dir or effective(config, None).settings.engine.state_dir
    try:
        done = backup.restore(file.absolute(), database_file(folder))
    except StoreError as error:
        raise Failure(str(error), next=error.fix, code=ExitCode.NO) from error
    if as_json:
        print_json(done)
        return
    click.echo(f"{done.path}: {addresses(done.addresses)}, {many(done.leases, 'live lease', 'live leases')}")
    if done.set_aside:
        click.echo(f"before: {done.set_aside}")
