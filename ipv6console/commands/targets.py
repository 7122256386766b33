"""`ipv6console targets`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.sheet import moment, print_json, print_rows


@click.command(short_help="List the sites that ban addresses.", epilog="Example: ipv6console targets -d task1")
@click.option("-d", "--dbname", metavar="NAME", help="Only bans reported in this mirror.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="List so many at most.")
@engine_options
def targets(engine: Engine, dbname: str | None, limit: int) -> None:
    """List which sites banned how many addresses, as bad verdicts with a target told."""
    with engine.client() as client:
        page = client.targets(dbname, limit=limit)
    if engine.as_json:
        print_json(page)
        return
    if page.targets:
        print_rows(
            [
                ("TARGET", "MIRROR", "BANS", "ADDRESSES", "LAST", "REASON"),
                *(
                    (
                        row.target,
                        row.dbname,
                        str(row.bans),
                        str(row.addresses),
                        moment(row.last_at),
                        row.last_reason or "-",
                    )
                    for row in page.targets
                ),
            ]
        )
    click.echo(f"{len(page.targets)} targets", err=True)
