"""`ipv6console prefixes`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.sheet import level_mark, moment, print_json, print_rows, until
from ipv6console.wire.state import State


@click.command(
    short_help="List the prefixes, or tell the life of one.", epilog="Example: ipv6console prefixes 2001:db8:0:1::/64"
)
@click.argument("prefix", metavar="[PREFIX]", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Tell so many turns at most."
)
@engine_options
def prefixes(engine: Engine, prefix: str | None, limit: int) -> int:
    """List the pool's prefixes; with PREFIX what became of it and of its leases. Exit code 1 when nothing is known."""
    with engine.client() as client:
        if prefix is None:
            return _list(engine, client.state())
        story = client.prefix_story(prefix, limit)
    if engine.as_json:
        print_json(story)
    elif story.entries:
        print_rows(
            [
                ("WHEN", "TURN", "LEASES", "WHAT"),
                *(
                    (
                        moment(entry.at),
                        entry.turn.value,
                        "-" if entry.leases is None else str(entry.leases),
                        f"{entry.text} (by {entry.actor})" if entry.actor else entry.text,
                    )
                    for entry in story.entries
                ),
            ]
        )
    if not story.entries:
        click.echo(f"ipv6console: no event tells of {story.prefix}; ipv6console prefixes lists those in use", err=True)
    return ExitCode.DONE if story.entries else ExitCode.NO


def _list(engine: Engine, state: State) -> int:
    rows = state.prefixes
    if engine.as_json:
        print_json(list(rows))
    elif rows:
        print_rows(
            [
                ("PREFIX", "STATE", "INTERFACE", "ROUTE", "NDP", "PREFERRED", "VALID", "ADDRESSES", "LEASES"),
                *(
                    (
                        row.prefix,
                        row.state.value,
                        row.interface,
                        level_mark(row.route),
                        f"{level_mark(row.ndp)} {row.strategy}".rstrip(),
                        until(row.preferred_until, state.at),
                        until(row.valid_until, state.at),
                        str(row.addresses),
                        str(row.leased),
                    )
                    for row in rows
                ),
            ]
        )
    if not rows:
        click.echo("ipv6console: the pool has no prefix; ipv6console doctor says why", err=True)
    return ExitCode.DONE if rows else ExitCode.NO
