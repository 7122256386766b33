"""`ipv6console subscriber`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.option import yes_option
from ipv6console.commands.planned import plan_and_apply
from ipv6console.commands.sheet import moment, print_json, print_rows, span
from ipv6console.quantity import many
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.subscriber import IPv6OperationResponse, SubscriberPage, SubscriberRow

_PAGE = 1_000
_MODES = ("none", "slaac", "stateful", "pd", "dual_stack")
_STATES = ("pending", "allocated", "active", "suspended", "revoking", "revoked", "failed")
_SIZE = click.IntRange(16, 128)

_ID = click.argument("subscriber_id", metavar="ID")
_tenant_option = click.option(
    "--tenant", metavar="TENANT", help="Whose it is; without, default or your token's tenant."
)
_of_tenant_option = click.option("--tenant", metavar="TENANT", help="Only of this tenant.")
_username_option = click.option("--username", metavar="NAME", help="The session's user name, for RADIUS.")
_nas_option = click.option("--nas", "nas_ip", metavar="ADDR", help="The session's NAS, for RADIUS.")


@click.group(
    short_help="Give prefixes to subscribers, and take them back.",
    epilog="Example: ipv6console subscriber allocate sub-1041 --size 56",
)
def subscriber() -> None:
    """Give prefixes to subscribers and take them back, in agreement with IPAM and RADIUS (docs/lifecycle.md).

    Exit code 1 when another system has still to answer, or said no.
    """


@subscriber.command(epilog="Example: ipv6console subscriber create sub-1041 --tenant acme")
@_ID
@click.option(
    "--mode",
    type=click.Choice(_MODES),
    default="pd",
    show_default=True,
    help="How it gets addresses; prefixes are for pd and dual_stack.",
)
@click.option("--size", type=_SIZE, default=56, show_default=True, help="The length of its prefix.")
@_tenant_option
@engine_options
def create(engine: Engine, subscriber_id: str, mode: str, size: int, tenant: str | None) -> None:
    """Make subscriber ID; it has no prefix yet."""
    with engine.client() as client:
        row = client.create_subscriber(subscriber_id, assignment_mode=mode, prefix_size=size, tenant=tenant)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"subscriber {row.subscriber_id} of tenant {row.tenant} is made: {row.assignment_mode}, /{size}")


@subscriber.command(name="list", epilog="Example: ipv6console subscriber list --state active --text 2001:db8")
@_of_tenant_option
@click.option("--state", type=click.Choice(_STATES), help="Only those whose prefix is in this state.")
@click.option("--text", metavar="TEXT", help="Only those with this in id, user name or prefix.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="List so many at most.")
@engine_options
def list_(engine: Engine, /, *, limit: int, **filters: Any) -> None:
    """List subscribers, where their prefixes stand, and whether IPAM and RADIUS agree."""
    rows: list[SubscriberRow] = []
    cursor: str | None = None
    with engine.client() as client:
        while True:
            page = client.subscribers(**filters, cursor=cursor, limit=min(_PAGE, limit - len(rows)))
            rows.extend(page.subscribers)
            cursor = page.next
            if cursor is None or len(rows) >= limit:
                break
    if engine.as_json:
        print_json(SubscriberPage(subscribers=tuple(rows), total=page.total, next=cursor))
        return
    if rows:
        now = time.time()
        print_rows(
            [
                ("SUBSCRIBER", "TENANT", "STATE", "FOR", "PREFIX", "IPAM", "RADIUS", "PENDING", ""),
                *(
                    (
                        row.subscriber_id,
                        row.tenant,
                        row.state + (" (stuck)" if row.stuck else ""),
                        span(now - row.since),
                        row.prefix or "-",
                        row.ipam,
                        row.radius,
                        str(row.pending),
                        row.text,
                    )
                    for row in rows
                ),
            ]
        )
    click.echo(f"{len(rows):,} of {many(page.total, 'subscriber', 'subscribers')}", err=True)


@subscriber.command(epilog="Example: ipv6console subscriber show sub-1041")
@_ID
@_tenant_option
@engine_options
def show(engine: Engine, subscriber_id: str, tenant: str | None) -> None:
    """Show all that is known of subscriber ID."""
    with engine.client() as client:
        row = client.subscriber(subscriber_id, tenant=tenant)
    if engine.as_json:
        print_json(row)
    else:
        _print(row)


@subscriber.command(epilog="Example: ipv6console subscriber allocate sub-1041 --size 48")
@_ID
@click.option("--size", type=_SIZE, help="The prefix's length; without, the subscriber's own.")
@click.option("--parent", type=click.IntRange(1), help="The number of the prefix in NetBox to take it from.")
@_tenant_option
@engine_options
def allocate(engine: Engine, subscriber_id: str, size: int | None, parent: int | None, tenant: str | None) -> int:
    """Allocate a prefix for subscriber ID and print it. Asked again, print the same prefix."""
    with engine.client() as client:
        done = client.allocate_prefix(subscriber_id, prefix_size=size, netbox_pool_id=parent, tenant=tenant)
    return _told(engine, subscriber_id, done, lambda: done.prefix or "")


@subscriber.command(
    epilog="Example: ipv6console subscriber activate sub-1041 --username sub-1041@isp.example --coa",
)
@_ID
@_username_option
@_nas_option
@click.option("--coa", is_flag=True, help="Tell the NAS by RADIUS; the prefix is active once that agreed.")
@_tenant_option
@engine_options
def activate(engine: Engine, /, *, subscriber_id: str, coa: bool, **session: Any) -> int:
    """Make the allocated prefix of subscriber ID active."""
    with engine.client() as client:
        done = client.activate_prefix(subscriber_id, send_coa=coa, **session)
    return _told(engine, subscriber_id, done, lambda: f"{done.prefix} is active")


@subscriber.command(epilog="Example: ipv6console subscriber suspend sub-1041")
@_ID
@_tenant_option
@engine_options
def suspend(engine: Engine, subscriber_id: str, tenant: str | None) -> int:
    """Suspend the active prefix of subscriber ID; it stays allocated."""
    with engine.client() as client:
        done = client.suspend_prefix(subscriber_id, tenant=tenant)
    return _told(engine, subscriber_id, done, lambda: f"{done.prefix} is suspended")


@subscriber.command(epilog="Example: ipv6console subscriber resume sub-1041")
@_ID
@_tenant_option
@engine_options
def resume(engine: Engine, subscriber_id: str, tenant: str | None) -> int:
    """Make the suspended prefix of subscriber ID active again."""
    with engine.client() as client:
        done = client.resume_prefix(subscriber_id, tenant=tenant)
    return _told(engine, subscriber_id, done, lambda: f"{done.prefix} is active again")


@subscriber.command(epilog="Example: ipv6console subscriber revoke sub-1041 --disconnect")
@_ID
@_username_option
@_nas_option
@click.option("--disconnect", is_flag=True, help="End the session by RADIUS first.")
@click.option("--keep", is_flag=True, help="Leave the prefix to the IPAM's people: it is not given back.")
@_tenant_option
@yes_option
@engine_options
def revoke(engine: Engine, /, *, subscriber_id: str, disconnect: bool, keep: bool, yes: bool, **asked: Any) -> int:
    """Show what taking back the prefix of subscriber ID would do, ask, and do it."""
    request = PlanRequest(
        action=PlanAction.SUBSCRIBER_REVOKE,
        subscriber_id=subscriber_id,
        radius=disconnect,
        release=not keep,
        **asked,
    )
    code = plan_and_apply(engine, request, reason=None, yes=yes)
    with engine.client() as client:
        row = client.subscriber(subscriber_id, tenant=request.tenant)
    # What was never allocated ends as failed, with nothing held.
    done = row.state == "revoked" or (row.state == "failed" and row.registry is None and not row.pending)
    if not engine.as_json:
        click.echo(f"the prefix is {row.state}" + (f": {row.text}" if row.text else ""))
    if not done:
        _point_at_outbox(row.pending)
    return code if done else ExitCode.NO


@subscriber.command(epilog="Example: ipv6console subscriber remove sub-1041")
@_ID
@_tenant_option
@engine_options
def remove(engine: Engine, subscriber_id: str, tenant: str | None) -> None:
    """Remove subscriber ID, which has no prefix, and its history."""
    with engine.client() as client:
        row = client.remove_subscriber(subscriber_id, tenant=tenant)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"subscriber {row.subscriber_id} of tenant {row.tenant} is removed, and its history")


@subscriber.command(epilog="Example: ipv6console subscriber history sub-1041")
@_ID
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Tell so many at most.")
@_tenant_option
@engine_options
def history(engine: Engine, subscriber_id: str, limit: int, tenant: str | None) -> int:
    """Tell the life of the prefixes of subscriber ID, newest first. Exit code 1 when there is nothing to tell."""
    with engine.client() as client:
        found = client.subscriber_history(subscriber_id, tenant=tenant, limit=limit)
    if engine.as_json:
        print_json(found)
    elif found.steps:
        print_rows(
            [
                ("WHEN", "STATE", "PREFIX", "WHAT"),
                *(
                    (
                        moment(step.at),
                        step.after if step.before == step.after else f"{step.before} > {step.after}",
                        step.prefix or "-",
                        f"{step.text} (by {step.actor})" if step.actor else step.text,
                    )
                    for step in found.steps
                ),
            ]
        )
    else:
        click.echo(f"ipv6console: nothing has happened to {subscriber_id} yet", err=True)
    return ExitCode.DONE if found.steps else ExitCode.NO


@subscriber.command(epilog="Example: ipv6console subscriber report --tenant acme --output acme.csv")
@_of_tenant_option
@click.option("-o", "--output", metavar="FILE", help="Write it to this new file.")
@engine_options
def report(engine: Engine, tenant: str | None, output: str | None) -> None:
    """Print every subscriber as CSV, for a spreadsheet; with --json as JSON. Times are in UTC."""
    if engine.as_json:
        raise click.UsageError("the report is CSV; `ipv6console subscriber list --json` is JSON")
    with engine.client() as client:
        text = client.subscribers_report(tenant=tenant)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with Path(output).open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise Failure(
            f"{output} cannot be written: {error.strerror}",
            next="name a new file in a folder of yours",
            code=ExitCode.USAGE,
        ) from error
    click.echo(f"{many(text.count(chr(10)) - 1, 'subscriber is', 'subscribers are')} in {output}", err=True)


def _told(engine: Engine, subscriber_id: str, done: IPv6OperationResponse, said: Callable[[], str]) -> int:
    if engine.as_json:
        print_json(done)
    elif done.success:
        click.echo(said())
    if done.success:
        return ExitCode.DONE
    click.echo(f"ipv6console: {subscriber_id} is {done.state}: {done.message or 'not done'}", err=True)
    _point_at_outbox(len(done.pending))
    return ExitCode.NO


def _point_at_outbox(pending: int) -> None:
    if pending:
        click.echo("  next: it goes on by itself; `ipv6console outbox list` shows what it waits for", err=True)
    else:
        click.echo("  next: `ipv6console subscriber history ID` tells why", err=True)


def _print(row: SubscriberRow) -> None:
    parts = [
        ("state", f"{row.state} for {span(time.time() - row.since)}" + (" (stuck)" if row.stuck else "")),
        ("prefix", f"{row.prefix or 'none'} ({row.assignment_mode}, /{row.prefix_size})"),
        ("IPAM", f"{row.ipam}" + (f": {row.registry} {row.netbox_prefix_id}" if row.registry else "")),
        ("RADIUS", f"{row.radius}" + (f": {row.username or '-'} on {row.nas_ip or '-'}" if row.username else "")),
        ("pending", many(row.pending, "step", "steps")),
        ("made", moment(row.created_at)),
        ("allocated", moment(row.allocated_at)),
        ("activated", moment(row.activated_at)),
        ("suspended", moment(row.suspended_at)),
        ("revoked", moment(row.revoked_at)),
    ]
    click.echo(f"subscriber {row.subscriber_id} of tenant {row.tenant}")
    print_rows(parts, indent="  ")
    if row.text:
        click.echo(f"  {row.text}")
