"""`ipv6console revoke`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.option import yes_option
from ipv6console.commands.planned import plan_and_apply
from ipv6console.wire.plan import PlanAction, PlanRequest


@click.command(
    short_help="Withdraw addresses or a prefix for good.",
    epilog="Example: ipv6console revoke 2001:db8::1 2001:db8::2 --reason 'abuse report 4711'",
)
@click.argument("what", metavar="[ADDR... | PREFIX]", nargs=-1)
@click.option("--prefix", metavar="PREFIX", help="The same as PREFIX.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; kept with the event.")
@yes_option
@engine_options
def revoke(engine: Engine, what: tuple[str, ...], prefix: str | None, reason: str, yes: bool) -> int:
    """Show what withdrawing addresses, or a whole prefix, everywhere and for good would hurt, ask, and do it."""
    prefixes = [text for text in what if "/" in text] + ([prefix] if prefix else [])
    addrs = tuple(text for text in what if "/" not in text)
    if bool(addrs) == bool(prefixes) or len(prefixes) > 1:
        raise click.UsageError("name addresses, or one prefix")
    if addrs:
        request = PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=addrs)
    else:
        request = PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix=prefixes[0])
    return plan_and_apply(engine, request, reason=reason, yes=yes)
