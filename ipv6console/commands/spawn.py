"""`ipv6console spawn`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.sheet import print_json


@click.command(short_help="Make verified addresses.", epilog="Example: ipv6console spawn 10")
@click.argument("num", type=click.IntRange(1, 100), default=1)
@engine_options
def spawn(engine: Engine, num: int) -> int:
    """Make up to NUM (1 to 100) addresses, prove each and print those that work."""
    with engine.client() as client:
        reply = client.spawns(num)
    if engine.as_json:
        print_json(reply)
    else:
        for addr in reply.addrs:
            click.echo(addr)
    if reply.spawned_count < reply.requested_count:
        why = reply.detail or "the others did not pass their check"
        click.echo(f"ipv6console: {reply.spawned_count} of {reply.requested_count} made: {why}", err=True)
    return ExitCode.DONE if reply.success else ExitCode.NO
