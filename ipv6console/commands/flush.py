"""`ipv6console flush`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.option import yes_option
from ipv6console.commands.planned import plan_and_apply
from ipv6console.wire.plan import PlanAction, PlanRequest


@click.command(short_help="Forget a mirror's usage, or empty the pool.", epilog="Example: ipv6console flush task1")
@click.argument("mirror", metavar="[NAME]", required=False)
@click.option("-d", "--dbname", metavar="NAME", help="The same as NAME.")
@click.option("--all", "everything", is_flag=True, help="Empty the whole pool; it refills with other addresses.")
@yes_option
@engine_options
def flush(engine: Engine, mirror: str | None, dbname: str | None, everything: bool, yes: bool) -> int:
    """Show what forgetting the usage of mirror NAME would hurt, ask, and do it."""
    name = mirror or dbname
    if (mirror and dbname) or bool(name) == everything:
        raise click.UsageError("name one mirror, or empty the whole pool with --all")
    action = PlanAction.FLUSH_MIRROR if name else PlanAction.FLUSH_POOL
    return plan_and_apply(engine, PlanRequest(action=action, dbname=name), reason=None, yes=yes)
