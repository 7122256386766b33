"""`ipv6console who`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.option import MOMENT
from ipv6console.commands.sheet import moment, print_json, print_rows


@click.command(
    short_help="Tell who held an address, and when.",
    epilog="Example: ipv6console who 2001:db8::1 --at 2026-06-30T14:05:09+02:00",
)
@click.argument("addr", metavar="ADDR")
@click.option("--at", metavar="TIME", type=MOMENT, help="Only who held it then: ISO 8601, or like 2h ago.")
@click.option("-d", "--dbname", metavar="NAME", help="Only in this mirror.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="List so many at most.")
@engine_options
def who(engine: Engine, addr: str, at: float | None, dbname: str | None, limit: int) -> int:
    """List who held ADDR, the newest first; a TIME without a zone is local time. Exit code 1 when nobody is known."""
    with engine.client() as client:
        page = client.history(addr, dbname=dbname, at=at, limit=limit)
    if engine.as_json:
        print_json(page)
    elif page.entries:
        print_rows(
            [
                ("SINCE", "UNTIL", "MIRROR", "VERDICT", "HOLDER", "PROCESS", "TARGET", "REASON"),
                *(
                    (
                        moment(row.since),
                        "still" if row.until is None else moment(row.until),
                        row.dbname,
                        row.verdict or "-",
                        row.holder,
                        row.process or "-",
                        row.target or "-",
                        row.reason or "-",
                    )
                    for row in page.entries
                ),
            ]
        )
    if not page.entries:
        then = f" at {moment(at)}" if at is not None else ""
        click.echo(f"ipv6console: nobody is known to have held {addr}{then}", err=True)
    return ExitCode.DONE if page.entries else ExitCode.NO
