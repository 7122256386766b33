"""`ipv6console leases`."""

from __future__ import annotations

import time

import click

from ipv6console import quantity
from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.sheet import print_json, print_rows, span
from ipv6console.wire.lease import LeasePage, LeaseRow

_PAGE = 1_000


@click.command(short_help="List live leases.", epilog="Example: ipv6console leases -d task1")
@click.option("-d", "--dbname", metavar="NAME", help="Only leases of this mirror.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="List so many at most.")
@engine_options
def leases(engine: Engine, dbname: str | None, limit: int) -> None:
    """List who holds which address, and for how long still."""
    rows: list[LeaseRow] = []
    cursor: str | None = None
    with engine.client() as client:
        while True:
            page = client.leases(dbname, cursor=cursor, limit=min(_PAGE, limit - len(rows)))
            rows.extend(page.leases)
            cursor = page.next
            if cursor is None or len(rows) >= limit:
                break
    if engine.as_json:
        print_json(LeasePage(leases=tuple(rows), total=page.total, next=cursor))
        return
    now = time.time()
    if rows:
        print_rows(
            [
                ("ADDRESS", "MIRROR", "HELD", "LEFT", "HOLDER", "PROCESS"),
                *(
                    (
                        row.addr,
                        row.dbname,
                        span(now - row.leased_at),
                        span(row.expires_at - now),
                        row.holder,
                        row.process or "-",
                    )
                    for row in rows
                ),
            ]
        )
    click.echo(f"{len(rows):,} of {quantity.leases(page.total)}", err=True)
