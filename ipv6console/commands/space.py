"""`ipv6console space`."""

from __future__ import annotations

from typing import Any

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.option import Setting
from ipv6console.commands.sheet import moment, print_json, print_rows, span
from ipv6console.configkind import Duration
from ipv6console.quantity import addresses, many
from ipv6console.wire.space import RangeRow, ReservationRow

_QUARANTINE = Setting("duration", Duration(0, 3_650 * 86_400.0))


@click.group(
    short_help="Make and list address spaces, their ranges and reservations.",
    epilog="Example: ipv6console space create edge --description 'machines of the edge racks'",
)
def space() -> None:
    """Make and list address spaces: which addresses may be bound for good, and which never (docs/bindings.md)."""


@space.command(epilog="Example: ipv6console space create edge --quarantine 1h")
@click.argument("name", metavar="NAME")
@click.option(
    "--choice",
    type=click.Choice(["random", "first"]),
    default="random",
    show_default=True,
    help="Which free address is bound when none is named.",
)
@click.option(
    "--quarantine",
    type=_QUARANTINE,
    default=3_600.0,
    metavar="DURATION",
    help="How long an address rests.  [default: 1h]",
)
@click.option("--tenant", metavar="TENANT", help="Whose it is; without, everybody's, or your token's tenant's.")
@click.option("--description", metavar="TEXT", default="", help="What it is for, for people.")
@engine_options
def create(engine: Engine, /, *, name: str, **asked: Any) -> None:
    """Make a space. It has no addresses before `add-range`."""
    with engine.client() as client:
        row = client.create_space(name, **asked)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"space {row.name} is made; add addresses with `ipv6console space add-range {row.name} RANGE`")


@space.command(name="list", epilog="Example: ipv6console space list")
@engine_options
def list_(engine: Engine) -> None:
    """List the spaces with exact counts of their addresses."""
    with engine.client() as client:
        page = client.spaces()
    if engine.as_json:
        print_json(page)
        return
    if page.spaces:
        print_rows(
            [
                (
                    "SPACE",
                    "TENANT",
                    "RANGES",
                    "TOTAL",
                    "ALLOCATED",
                    "RESERVED",
                    "RESTING",
                    "AVAILABLE",
                    "CHOICE",
                    "REST",
                ),
                *(
                    (
                        row.name,
                        row.tenant or "-",
                        f"{row.ranges:,}",
                        f"{row.total:,}",
                        f"{row.allocated:,}",
                        f"{row.reserved:,}",
                        f"{row.resting:,}",
                        f"{row.available:,}",
                        row.choice,
                        span(row.quarantine),
                    )
                    for row in page.spaces
                ),
            ]
        )
    click.echo(many(len(page.spaces), "space", "spaces"), err=True)


@space.command(epilog="Example: ipv6console space remove edge")
@click.argument("name", metavar="NAME")
@engine_options
def remove(engine: Engine, name: str) -> None:
    """Remove a space in which nothing is bound; its ranges and reservations go with it."""
    with engine.client() as client:
        row = client.remove_space(name)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"space {row.name} is removed, and its {many(row.ranges, 'range', 'ranges')}")


@space.command(epilog="Example: ipv6console space add-range edge 2001:db8:5::/64")
@click.argument("name", metavar="NAME")
@click.argument("range_", metavar="RANGE")
@click.option("--description", metavar="TEXT", default="", help="What it is for, for people.")
@engine_options
def add_range(engine: Engine, name: str, range_: str, description: str) -> None:
    """Add RANGE, a CIDR, FIRST-LAST or one address, to space NAME."""
    with engine.client() as client:
        row = client.add_range(name, range_, description=description)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"range {row.id}: {_extent(row)}, {addresses(row.total)}, is of space {row.space} now")


@space.command(epilog="Example: ipv6console space remove-range 4")
@click.argument("number", metavar="ID", type=click.IntRange(1))
@engine_options
def remove_range(engine: Engine, number: int) -> None:
    """Take a range out of its space; nothing of it may be bound."""
    with engine.client() as client:
        row = client.remove_range(number)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"range {row.id}: {_extent(row)} is of space {row.space} no more")


@space.command(epilog="Example: ipv6console space reserve edge 2001:db8:5::1 --reason gateway")
@click.argument("name", metavar="NAME")
@click.argument("range_", metavar="RANGE")
@click.option("--reason", metavar="TEXT", default="", help="Why, for people.")
@engine_options
def reserve(engine: Engine, name: str, range_: str, reason: str) -> None:
    """Keep RANGE, a CIDR, FIRST-LAST or one address, of space NAME from being handed out."""
    with engine.client() as client:
        row = client.reserve(name, range_, reason=reason)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"reservation {row.id}: {_extent(row)} of space {row.space} is never handed out")


@space.command(epilog="Example: ipv6console space unreserve 7")
@click.argument("number", metavar="ID", type=click.IntRange(1))
@engine_options
def unreserve(engine: Engine, number: int) -> None:
    """End a reservation."""
    with engine.client() as client:
        row = client.unreserve(number)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"reservation {row.id}: {_extent(row)} of space {row.space} may be handed out again")


@space.command(epilog="Example: ipv6console space ranges edge")
@click.argument("name", metavar="[NAME]", required=False)
@engine_options
def ranges(engine: Engine, name: str | None) -> None:
    """List the ranges of space NAME, or of all."""
    with engine.client() as client:
        page = client.ranges(name)
    if engine.as_json:
        print_json(page)
        return
    if page.ranges:
        print_rows(
            [
                ("ID", "SPACE", "RANGE", "TOTAL", "ALLOCATED", "RESERVED", "DESCRIPTION"),
                *(
                    (
                        str(row.id),
                        row.space,
                        _extent(row),
                        f"{row.total:,}",
                        f"{row.allocated:,}",
                        f"{row.reserved:,}",
                        row.description,
                    )
                    for row in page.ranges
                ),
            ]
        )
    click.echo(many(len(page.ranges), "range", "ranges"), err=True)


@space.command(epilog="Example: ipv6console space reservations edge")
@click.argument("name", metavar="[NAME]", required=False)
@engine_options
def reservations(engine: Engine, name: str | None) -> None:
    """List what is reserved in space NAME, or in all."""
    with engine.client() as client:
        page = client.reservations(name)
    if engine.as_json:
        print_json(page)
        return
    if page.reservations:
        print_rows(
            [
                ("ID", "SPACE", "RANGE", "SINCE", "BY", "REASON"),
                *(
                    (str(row.id), row.space, _extent(row), moment(row.at), row.actor, row.reason)
                    for row in page.reservations
                ),
            ]
        )
    click.echo(many(len(page.reservations), "reservation", "reservations"), err=True)


def _extent(row: RangeRow | ReservationRow) -> str:
    if row.first == row.last:
        return row.first
    return row.cidr or f"{row.first}-{row.last}"
