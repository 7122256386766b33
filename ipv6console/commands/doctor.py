"""`ipv6console doctor`."""

from __future__ import annotations

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.sheet import level_mark, print_json
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.status import Level

_NAME_WIDTH = 10


@click.command(
    short_help="Walk the chain that makes an address work, and say what breaks it.",
    epilog="Example: ipv6console doctor --prefix 2001:db8:0:1::/64",
)
@click.option("--prefix", metavar="PREFIX", help="Examine this prefix instead of the best one.")
@engine_options
def doctor(engine: Engine, prefix: str | None) -> int:
    """Walk interface, prefix, route, bind, NDP and echo; say what was seen and the command that mends it.

    Exit code 1 when a step fails.
    """
    with engine.client() as client:
        report = client.doctor(prefix)
    if engine.as_json:
        print_json(report)
    else:
        _show(report)
    failed = any(step.level is Level.FAIL for step in report.steps)
    return ExitCode.NO if failed else ExitCode.DONE


def _show(report: DoctorReport) -> None:
    where = f"{report.prefix or 'no prefix'} on {report.interface or 'no interface'}"
    click.echo(f"{where}: {report.verdict}")
    for step in report.steps:
        mark = level_mark(step.level)
        click.echo(f"{step.name:<{_NAME_WIDTH}} {mark}{' ' * (_NAME_WIDTH - len(click.unstyle(mark)))} {step.text}")
        for evidence in step.evidence:
            click.echo(f"{'':<{_NAME_WIDTH}}   {evidence}")
        if step.fix:
            click.echo(f"{'':<{_NAME_WIDTH}}   fix: {step.fix}")
