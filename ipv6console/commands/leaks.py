"""`ipv6console leaks`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.option import yes_option
from ipv6console.commands.planned import plan_and_apply
from ipv6console.commands.sheet import print_json, print_rows
from ipv6console.quantity import many
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.subscriber import LeakReport


@click.command(
    short_help="Find prefixes on which store, IPAM, kernel and DHCPv6 disagree.",
    epilog="Example: ipv6console leaks --repair",
)
@click.option("--repair", is_flag=True, help="Show the repair of each, ask, and do it.")
@yes_option
@engine_options
def leaks(engine: Engine, repair: bool, yes: bool) -> int:
    """Compare subscribers with what the IPAM holds and what kernel and DHCPv6 server delegate, now.

    Exit code 1 when something is left that does not agree. As JSON: the report, then what each repair did.
    """
    if yes and not repair:
        raise click.UsageError("--yes agrees to repairs; ask for them with --repair")
    with engine.client() as client:
        report = client.leaks()
    if engine.as_json:
        print_json(report)
    else:
        _print(report)
    mended = 0
    for leak in report.leaks if repair else ():
        if leak.repair is not None:
            plan_and_apply(engine, PlanRequest(action=PlanAction.REPAIR_LEAK, leak=leak.id), reason=None, yes=yes)
            mended += 1
    return ExitCode.DONE if mended == len(report.leaks) else ExitCode.NO


def _print(report: LeakReport) -> None:
    if report.leaks:
        print_rows(
            [
                ("LEAK", "KIND", "PREFIX", "TENANT", "SUBSCRIBER", "WHAT", "REPAIR"),
                *(
                    (
                        leak.id,
                        leak.kind,
                        leak.prefix,
                        leak.tenant or "-",
                        leak.subscriber_id or "-",
                        leak.text,
                        leak.repair or "a person has to decide",
                    )
                    for leak in report.leaks
                ),
            ]
        )
    compared = ", ".join(f"{name} ({number:,})" for name, number in report.compared.items())
    click.echo(f"{many(len(report.leaks), 'leak', 'leaks')}; compared: {compared or 'nothing'}", err=True)
    for name, why in report.missing.items():
        click.echo(f"not compared: {name}: {why}", err=True)
