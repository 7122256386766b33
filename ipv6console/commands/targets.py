"""`ipv6console targets`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.sheet import moment, print_json, print_rows
from ipv6console.quantity import many
from ipv6console.wire.target import TargetPage, TargetRow

_PAGE = 1_000


@click.command(short_help="List the sites that ban addresses.", epilog="Example: ipv6console targets -d task1")
@click.option("-d", "--dbname", metavar="NAME", help="Only bans reported in this mirror.")
@click.option("--limit", type=click.IntRange(1), default=1_000, show_default=True, help="List so many at most.")
@engine_options
def targets(engine: Engine, dbname: str | None, limit: int) -> None:
    """List which sites banned how many addresses, as bad verdicts with a target told."""
    rows: list[TargetRow] = []
    cursor: str | None = None
    with engine.client() as client:
        while True:
            page = client.targets(dbname, limit=min(_PAGE, limit - len(rows)), cursor=cursor)
            rows.extend(page.targets)
            cursor = page.next
            if cursor is None or len(rows) >= limit:
                break
    if engine.as_json:
        print_json(TargetPage(targets=tuple(rows), next=cursor))
        return
    if rows:
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
                    for row in rows
                ),
            ]
        )
    more = "" if cursor is None else "; there are more, raise --limit"
    click.echo(many(len(rows), "target", "targets") + more, err=True)
