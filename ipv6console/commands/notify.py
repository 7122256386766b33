"""`ipv6console notify`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.sheet import level_mark, moment, print_json, print_rows
from ipv6console.quantity import many
from ipv6console.wire.notify import NotifierRow
from ipv6console.wire.status import Level


@click.group(
    short_help="Show and try what is told of faults: webhooks and commands.",
    epilog="Example: ipv6console notify test",
)
def notify() -> None:
    """Show and try the webhooks and commands that the settings below [notify] name (docs/notify.md)."""


@notify.command(name="list", epilog="Example: ipv6console notify list")
@engine_options
def list_(engine: Engine) -> None:
    """List them: what each is told of, what waits for it, and how the last attempt went."""
    with engine.client() as client:
        status = client.notify_status()
    if engine.as_json:
        print_json(status)
        return
    rows = status.notifiers
    if rows:
        print_rows(
            [
                ("NAME", "MEANS", "TARGET", "TOLD OF", "WAITING", "DELIVERED", "FAILED", "LOST", "LAST", ""),
                *(
                    (
                        *(row.name, row.means.value, row.target, _wanted(row)),
                        *(str(number) for number in (row.waiting, row.delivered, row.failed, row.lost)),
                        *(moment(row.last_at), _last(row)),
                    )
                    for row in rows
                ),
            ]
        )
        for row in rows:
            if row.next:
                click.echo(f"{row.name}: next: {row.next}")
    click.echo(many(len(rows), "webhook or command", "webhooks and commands"), err=True)


@notify.command(epilog="Example: ipv6console notify test pager")
@click.argument("name", metavar="[NAME]", required=False)
@engine_options
def test(engine: Engine, name: str | None) -> int:
    """Tell the one called NAME, or all of them, that this is a test; exit code 1 when one of them was not reached."""
    with engine.client() as client:
        tested = client.notify_test(name)
    if engine.as_json:
        print_json(tested)
        return ExitCode.DONE if tested.success else ExitCode.NO
    print_rows(
        (result.name, level_mark(Level.OK if result.success else Level.FAIL), f"{result.text} ({result.seconds:.2f} s)")
        for result in tested.results
    )
    for result in tested.results:
        if result.next:
            click.echo(f"{result.name}: next: {result.next}")
    return ExitCode.DONE if tested.success else ExitCode.NO


def _wanted(row: NotifierRow) -> str:
    return f"{','.join(row.kinds) or 'faults'} from {row.level.value}"


def _last(row: NotifierRow) -> str:
    if row.last_ok is None:
        return "not tried yet"
    return f"{level_mark(Level.OK if row.last_ok else Level.FAIL)} {row.last_text}"
