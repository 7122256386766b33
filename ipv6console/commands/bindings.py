"""`ipv6console bindings`."""

from __future__ import annotations

import time
from typing import Any

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.option import DAY, Setting, yes_option
from ipv6console.commands.planned import plan_and_apply
from ipv6console.commands.sheet import moment, print_json, print_rows, span
from ipv6console.configkind import Duration
from ipv6console.quantity import many
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.space import BindingPage, BindingRow

_PAGE = 1_000
_TTL = Setting("duration", Duration(1, 3_650 * DAY))
_SPACE = click.argument("space", metavar="SPACE")


@click.group(
    short_help="Bind addresses of a space to resources, find and release them.",
    epilog="Example: ipv6console bindings allocate edge rack1 nic0 --kind mac --resource 02:00:5e:10:00:17",
)
def bindings() -> None:
    """Bind addresses of a space to machines, containers and pods, find them again and release them (docs/bindings.md)."""


@bindings.command(
    epilog="Example: ipv6console bindings allocate edge rack1 nic0 --kind mac --resource 02:00:5e:10:00:17"
)
@_SPACE
@click.argument("instance", metavar="INSTANCE")
@click.argument("id_", metavar="ID")
@click.option("--kind", default="custom:other", show_default=True, help="mac, vm, container, pod or custom:WORD.")
@click.option("--resource", metavar="TEXT", default="", help="What the address is for: the MAC, the name of the pod.")
@click.option("--address", metavar="ADDR", help="This very address; without, any that is free.")
@click.option("--family", type=click.Choice(["4", "6"]), help="Of which family, when the space has both.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find it by; may be given several times.")
@click.option("--metadata", metavar="KEY=TEXT", multiple=True, help="Something to keep with it.")
@click.option("--ttl", type=_TTL, metavar="DURATION", help="End by itself after this long; without, never.")
@engine_options
def allocate(
    engine: Engine,
    /,
    *,
    space: str,
    instance: str,
    id_: str,
    family: str | None,
    metadata: tuple[str, ...],
    **asked: Any,
) -> None:
    """Bind an address of SPACE to what INSTANCE calls ID, and print it. Asked again, print the same address."""
    pairs = dict(_pair(text) for text in metadata)
    with engine.client() as client:
        reply = client.bind(space, instance, id_, family=int(family) if family else None, metadata=pairs, **asked)
    if engine.as_json:
        print_json(reply)
        return
    click.echo(reply.binding.address)
    if not reply.created:
        click.echo(f"it was bound at {moment(reply.binding.allocated_at)} already", err=True)


@bindings.command(name="list", epilog="Example: ipv6console bindings list --space edge --tag blue")
@click.option("--space", metavar="SPACE", help="Only of this space.")
@click.option("--instance", metavar="INSTANCE", help="Only of this instance.")
@click.option("--id", metavar="ID", help="Only with this id.")
@click.option("--kind", metavar="KIND", help="Only of this kind: mac, vm, container, pod or custom:WORD.")
@click.option("--resource", metavar="TEXT", help="Only of this resource.")
@click.option("--address", metavar="ADDR|CIDR", help="Only this address, or those inside this CIDR.")
@click.option("--tag", metavar="TAG", help="Only with this tag.")
@click.option("--text", metavar="TEXT", help="Only with this somewhere in them.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="List so many at most.")
@engine_options
def list_(engine: Engine, /, *, limit: int, **filters: Any) -> None:
    """List bindings that fit every option given."""
    rows: list[BindingRow] = []
    cursor: str | None = None
    with engine.client() as client:
        while True:
            page = client.bindings(**filters, cursor=cursor, limit=min(_PAGE, limit - len(rows)))
            rows.extend(page.bindings)
            cursor = page.next
            if cursor is None or len(rows) >= limit:
                break
    if engine.as_json:
        print_json(BindingPage(bindings=tuple(rows), total=page.total, next=cursor))
        return
    if rows:
        now = time.time()
        print_rows(
            [
                ("ADDRESS", "SPACE", "INSTANCE", "ID", "KIND", "RESOURCE", "TAGS", "SINCE", "ENDS IN"),
                *(
                    (
                        row.address,
                        row.space,
                        row.instance,
                        row.id,
                        row.kind,
                        row.resource or "-",
                        ",".join(row.tags) or "-",
                        moment(row.allocated_at),
                        "-" if row.expires_at is None else span(row.expires_at - now),
                    )
                    for row in rows
                ),
            ]
        )
    click.echo(f"{len(rows):,} of {many(page.total, 'binding', 'bindings')}", err=True)


@bindings.command(epilog="Example: ipv6console bindings show edge 2001:db8:5::17")
@_SPACE
@click.argument("address", metavar="ADDR")
@engine_options
def show(engine: Engine, space: str, address: str) -> None:
    """Show what ADDR of SPACE is bound to."""
    with engine.client() as client:
        row = client.binding(space, address)
    if engine.as_json:
        print_json(row)
        return
    click.echo(f"{row.address} of {row.space}")
    for name, value in (
        ("instance", row.instance),
        ("id", row.id),
        ("kind", row.kind),
        ("resource", row.resource),
        ("tags", ", ".join(row.tags)),
        *((f"metadata {key}", text) for key, text in row.metadata.items()),
        ("since", moment(row.allocated_at)),
        ("by", row.actor),
        ("ends", moment(row.expires_at)),
    ):
        click.echo(f"  {name:<10} {value or '-'}")


@bindings.command(epilog="Example: ipv6console bindings release edge 2001:db8:5::17")
@_SPACE
@click.argument("address", metavar="[ADDR]", required=False)
@click.option("--instance", metavar="INSTANCE", help="Whose, with --id instead of an address.")
@click.option("--id", "id_", metavar="ID", help="What it is called within --instance.")
@engine_options
def release(engine: Engine, space: str, address: str | None, instance: str | None, id_: str | None) -> None:
    """Release one binding of SPACE: that of ADDR, or that of --instance and --id."""
    with engine.client() as client:
        if address is not None and instance is None and id_ is None:
            done = client.release_binding(space, address)
        elif address is None and instance is not None and id_ is not None:
            done = client.release_id(space, instance, id_)
        else:
            raise click.UsageError("name an address, or --instance and --id; `release-instance` releases all of one")
    if engine.as_json:
        print_json(done)
    else:
        for row in done.sample:
            click.echo(f"{row.address} of {row.space} is released; it was {row.id} of {row.instance}")


@bindings.command(epilog="Example: ipv6console bindings release-instance edge rack1 --yes")
@_SPACE
@click.argument("instance", metavar="INSTANCE")
@click.option("--reason", metavar="TEXT", help="Why; kept with the event.")
@yes_option
@engine_options
def release_instance(engine: Engine, space: str, instance: str, reason: str | None, yes: bool) -> int:
    """Show what INSTANCE has in SPACE, ask, and release all of it."""
    request = PlanRequest(action=PlanAction.RELEASE_INSTANCE, space=space, instance=instance)
    return plan_and_apply(engine, request, reason=reason, yes=yes)


@bindings.command(epilog="Example: ipv6console bindings history edge --instance rack1")
@_SPACE
@click.option("--address", metavar="ADDR", help="Only of this address.")
@click.option("--instance", metavar="INSTANCE", help="Only of this instance.")
@click.option("--limit", type=click.IntRange(1, _PAGE), default=100, show_default=True, help="List so many at most.")
@engine_options
def history(engine: Engine, space: str, address: str | None, instance: str | None, limit: int) -> None:
    """List bindings of SPACE that ended, the newest first."""
    with engine.client() as client:
        page = client.binding_history(space, address=address, instance=instance, limit=limit)
    if engine.as_json:
        print_json(page)
        return
    if page.changes:
        print_rows(
            [
                ("ADDRESS", "INSTANCE", "ID", "RESOURCE", "FROM", "TO", "WHY", "BY"),
                *(
                    (
                        change.binding.address,
                        change.binding.instance,
                        change.binding.id,
                        change.binding.resource or "-",
                        moment(change.binding.allocated_at),
                        moment(change.ended_at),
                        change.reason,
                        change.ended_by,
                    )
                    for change in page.changes
                ),
            ]
        )
    click.echo(many(len(page.changes), "binding", "bindings"), err=True)


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise click.UsageError(f"--metadata {text!r} is no KEY=TEXT")
    return key, value
