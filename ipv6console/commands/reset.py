"""`ipv6console reset`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.option import dbname_option
from ipv6console.commands.sheet import print_json


@click.command(
    short_help="Make addresses idle again in a mirror.", epilog="Example: ipv6console reset 2001:db8::1 -d task1"
)
@click.argument("addrs", metavar="[ADDR]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All addresses of the mirror.")
@dbname_option
@engine_options
def reset(engine: Engine, addrs: tuple[str, ...], everything: bool, dbname: str) -> int:
    """Make each ADDR idle again in a mirror, whatever it was; a lease on it ends, unless somebody owns it."""
    if bool(addrs) == everything:
        raise click.UsageError("name addresses, or all of them with --all")
    with engine.client() as client:
        reply = client.reset_all(dbname) if everything else client.resets(addrs, dbname)
    if engine.as_json:
        print_json(reply)
    else:
        asked = "" if reply.total_count is None else f" of {reply.total_count}"
        click.echo(f"{reply.reset_count}{asked} made idle in mirror {dbname}")
    if not reply.success:
        click.echo("ipv6console: nothing changed: none of them is in the pool, or their leases are owned", err=True)
        click.echo("  next: `ipv6console addresses` lists the pool, `ipv6console leases` who holds what", err=True)
    return ExitCode.DONE if reply.success else ExitCode.NO
