"""`ipv6console drain`."""

from __future__ import annotations

import click

from ipv6console import quantity
from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.sheet import print_json


@click.command(
    short_help="Stop handing out addresses of a mirror or a prefix.",
    epilog="Example: ipv6console drain prefix 2001:db8:0:1::/64",
)
@click.argument("what", metavar="[mirror NAME | prefix PREFIX]", nargs=-1)
@click.option("--dbname", metavar="NAME", help="The same as `mirror NAME`.")
@click.option("--prefix", metavar="PREFIX", help="The same as `prefix PREFIX`.")
@click.option("--off", is_flag=True, help="Hand them out again.")
@engine_options
def drain(engine: Engine, what: tuple[str, ...], dbname: str | None, prefix: str | None, off: bool) -> None:
    """Hand out no more addresses of a mirror or a prefix; leases that live end in their time."""
    match what:
        case ("mirror", name) if not dbname and not prefix:
            dbname = name
        case ("prefix", text) if not dbname and not prefix:
            prefix = text
        case () if bool(dbname) != bool(prefix):
            pass
        case _:
            raise click.UsageError("name one mirror or one prefix: drain mirror NAME, or drain prefix PREFIX")
    with engine.client() as client:
        if prefix:
            row = client.drain_prefix(prefix, draining=not off)
            said = f"prefix {row.prefix} is {row.state}, {row.leased} of its {quantity.addresses(row.addresses)} leased"
            if engine.as_json:
                print_json(row)
        else:
            mirror = client.drain_mirror(dbname or "", draining=not off)
            state = "draining" if mirror.draining else "handed out again"
            said = f"mirror {mirror.name} is {state}, {mirror.using} of its {quantity.addresses(mirror.total)} leased"
            if engine.as_json:
                print_json(mirror)
    if not engine.as_json:
        click.echo(said)
