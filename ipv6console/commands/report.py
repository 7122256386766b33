"""`ipv6console report`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.option import dbname_option
from ipv6console.commands.sheet import print_json


@click.command(
    short_help="End a lease with a verdict on its address.",
    epilog="Example: ipv6console report 2001:db8::1 bad -d task1 --target shop.example --reason 'HTTP 403'",
)
@click.argument("addr", metavar="ADDR")
@click.argument("status", metavar="STATUS", type=click.Choice(["idle", "using", "bad"]))
@dbname_option
@click.option("--lease", metavar="TOKEN", help="The lease's token; needed once it was shown or taken with a TTL.")
@click.option("--target", metavar="HOST", help="The site that judged the address.")
@click.option("--reason", metavar="TEXT", help="Why.")
@engine_options
def report(
    engine: Engine, *, addr: str, status: str, dbname: str, lease: str | None, target: str | None, reason: str | None
) -> int:
    """Say how ADDR did in a mirror. STATUS is idle (fine, give it back), using (keep it) or bad (let it rest)."""
    with engine.client() as client:
        reply = client.report(addr, status, dbname, lease=lease, target=target, reason=reason)
    if engine.as_json:
        print_json(reply)
    elif reply.success:
        click.echo(f"{addr} is {status} in mirror {dbname}")
    if not reply.success:
        click.echo(f"ipv6console: nothing changed: {reply.detail or 'the engine did not say why'}", err=True)
        click.echo("  next: `ipv6console leases` lists who holds what, in which mirror", err=True)
    return ExitCode.DONE if reply.success else ExitCode.NO
