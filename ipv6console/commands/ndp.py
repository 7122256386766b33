"""`ipv6console ndp`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.sheet import level_mark, print_json
from ipv6console.commands.spelling import canonical
from ipv6console.wire.codec import encode
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.state import NdpRow


@click.command(short_help="Show how neighbours learn of each prefix.", epilog="Example: ipv6console ndp")
@click.argument("prefix", metavar="[PREFIX]", required=False)
@engine_options
def ndp(engine: Engine, prefix: str | None) -> int:
    """Show each prefix's NDP strategy, why it was chosen, its health and how its configuration differs from what is wanted.

    Exit code 1 when something is not well, or there is nothing to show.
    """
    prefix = None if prefix is None else canonical(prefix)
    with engine.client() as client:
        rows = [row for row in client.state().ndp if prefix in (None, row.prefix)]
        configs = [client.ndp_config(row.prefix) for row in rows]
    if engine.as_json:
        print_json([{"ndp": encode(row), "config": encode(config)} for row, config in zip(rows, configs, strict=True)])
    else:
        for row, config in zip(rows, configs, strict=True):
            _print(row, config)
    if not rows:
        what = "no prefix is announced" if prefix is None else f"{prefix} is not announced"
        click.echo(f"ipv6console: {what}; ipv6console doctor says why", err=True)
    return ExitCode.DONE if rows and all(row.level.value == "ok" for row in rows) else ExitCode.NO


def _print(row: NdpRow, config: NdpConfig) -> None:
    click.echo(f"{row.prefix} on {row.interface}: {level_mark(row.level)} {row.strategy}, {row.text}")
    click.echo(f"  why: {row.why}")
    if row.solicited is not None:
        click.echo(f"  solicitations: {row.solicited} seen, {row.answered} answered")
    if row.fix:
        click.echo(f"  next: {row.fix}")
    click.echo(f"  configuration: {config.path or config.text}")
    for line in config.diff:
        click.echo(f"    {line}")
