"""`ipv6console outbox`."""

from __future__ import annotations

import time
from typing import Any

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.sheet import print_json, print_rows, span
from ipv6console.quantity import many
from ipv6console.wire.subscriber import OutboxPage, OutboxRow

_PAGE = 1_000


@click.group(
    short_help="Show what IPAM and RADIUS have still to do, cancel it or try again.",
    epilog="Example: ipv6console outbox list",
)
def outbox() -> None:
    """Show the steps that IPAM and RADIUS have to take; each is tried until it is answered (docs/lifecycle.md)."""


@outbox.command(name="list", epilog="Example: ipv6console outbox list --all")
@click.option("--tenant", metavar="TENANT", help="Only of this tenant.")
@click.option("--subscriber", "subscriber_id", metavar="ID", help="Only of this subscriber.")
@click.option("--state", type=click.Choice(["pending", "done", "refused", "cancelled"]), help="Only in this state.")
@click.option("--all", "everything", is_flag=True, help="Also those that ended; without, pending ones.")
@click.option("--limit", type=click.IntRange(1), default=1_000, show_default=True, help="List so many at most.")
@engine_options
def list_(engine: Engine, /, *, state: str | None, everything: bool, limit: int, **filters: Any) -> None:
    """List steps: what is asked of whom for which subscriber, how often it was tried, and what the last answer was."""
    if everything and state:
        raise click.UsageError("--all shows every state; give one of --all and --state")
    rows: list[OutboxRow] = []
    cursor: str | None = None
    wanted = None if everything else state or "pending"
    with engine.client() as client:
        while True:
            page = client.outbox(state=wanted, cursor=cursor, limit=min(_PAGE, limit - len(rows)), **filters)
            rows.extend(page.steps)
            cursor = page.next
            if cursor is None or len(rows) >= limit:
                break
    if engine.as_json:
        print_json(OutboxPage(steps=tuple(rows), total=page.total, next=cursor))
        return
    if rows:
        now = time.time()
        print_rows(
            [
                ("STEP", "SUBSCRIBER", "TENANT", "WHAT", "STATE", "TRIED", "AGE", "NEXT IN", "ANSWER"),
                *(
                    (
                        row.id,
                        row.subscriber_id,
                        row.tenant,
                        row.step,
                        row.state,
                        str(row.attempts),
                        span(now - row.created_at),
                        span(row.next_at - now) if row.state == "pending" else "-",
                        row.reason or row.answer or "-",
                    )
                    for row in rows
                ),
            ]
        )
    click.echo(f"{len(rows):,} of {many(page.total, 'step', 'steps')}", err=True)


@outbox.command(epilog="Example: ipv6console outbox cancel 7f21c9d0 --reason 'the NAS was replaced'")
@click.argument("step", metavar="STEP")
@click.option("--reason", metavar="TEXT", required=True, help="Why; kept with the step and in the history.")
@engine_options
def cancel(engine: Engine, step: str, reason: str) -> None:
    """Let pending STEP not be taken: after a disconnect the release goes on, a release fails the revocation."""
    with engine.client() as client:
        row = client.cancel_step(step, reason)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"{row.step} of {row.subscriber_id} is {row.state}: {row.reason or reason}")


@outbox.command(epilog="Example: ipv6console outbox retry 7f21c9d0")
@click.argument("step", metavar="STEP")
@engine_options
def retry(engine: Engine, step: str) -> None:
    """Try pending STEP now, not when its turn comes."""
    with engine.client() as client:
        row = client.retry_step(step)
    if engine.as_json:
        print_json(row)
    else:
        click.echo(f"{row.step} of {row.subscriber_id} is tried now")
