"""`ipv6console check`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.sheet import level_mark, print_json, print_rows
from ipv6console.wire.status import Level


@click.command(
    short_help="Prove that addresses work, now.", epilog="Example: ipv6console check 2001:db8::1 2001:db8::2"
)
@click.argument("addrs", metavar="ADDR...", nargs=-1, required=True)
@engine_options
def check(engine: Engine, addrs: tuple[str, ...]) -> int:
    """Ask an echo URL from each ADDR who is calling; exit code 1 when one of them does not work."""
    with engine.client() as client:
        reply = client.checks(addrs)
    if engine.as_json:
        print_json(reply)
    else:
        print_rows((addr, level_mark(Level.OK if good else Level.FAIL)) for addr, good in reply.results.items())
    return ExitCode.DONE if reply.results and all(reply.results.values()) else ExitCode.NO
