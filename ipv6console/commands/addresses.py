"""`ipv6console addresses`."""

from __future__ import annotations

import click

from ipv6console import quantity
from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.sheet import moment, print_json, print_rows
from ipv6console.wire.address import AddressPage, AddressRow

_PAGE = 1_000


@click.command(short_help="List the pool's addresses.", epilog="Example: ipv6console addresses -d task1 --state bad")
@click.option("--prefix", metavar="PREFIX", help="Only addresses inside this prefix.")
@click.option("-d", "--dbname", metavar="NAME", help="Only those not idle in this mirror, or as --state says.")
@click.option("--state", type=click.Choice(["idle", "using", "bad"]), help="Only those that are so in --dbname.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="List so many at most.")
@engine_options
def addresses(engine: Engine, prefix: str | None, dbname: str | None, state: str | None, limit: int) -> None:
    """List verified addresses, the mirrors each is leased in and those it is bad in."""
    if state is not None and dbname is None:
        raise click.UsageError("an address is idle, using or bad in a mirror; name it with --dbname")
    rows: list[AddressRow] = []
    cursor: str | None = None
    with engine.client() as client:
        while True:
            page = client.addresses(
                prefix=prefix, dbname=dbname, state=state, cursor=cursor, limit=min(_PAGE, limit - len(rows))
            )
            rows.extend(page.addresses)
            cursor = page.next
            if cursor is None or len(rows) >= limit:
                break
    if engine.as_json:
        print_json(AddressPage(addresses=tuple(rows), total=page.total, next=cursor))
        return
    if rows:
        print_rows(
            [
                ("ADDRESS", "PREFIX", "VERIFIED", "LEASED IN", "BAD IN"),
                *(
                    (
                        row.addr,
                        row.prefix,
                        moment(row.verified_at),
                        ",".join(row.leased_in) or "-",
                        ",".join(row.bad_in) or "-",
                    )
                    for row in rows
                ),
            ]
        )
    click.echo(f"{len(rows):,} of {quantity.addresses(page.total)}", err=True)
