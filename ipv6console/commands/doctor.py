"""`ipv6console doctor`."""

from __future__ import annotations

import asyncio
import errno

import click

from ipv6console.commands.connection import Engine, engine_options, settings
from ipv6console.commands.failure import ExitCode, Failure
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

    Exit code 1 when a step fails. Without an engine the same is looked at from here.
    """
    report = _report(engine, prefix)
    if engine.as_json:
        print_json(report)
    else:
        _show(report)
    failed = any(step.level is Level.FAIL for step in report.steps)
    return ExitCode.NO if failed else ExitCode.DONE


def _report(engine: Engine, prefix: str | None) -> DoctorReport:
    try:
        with engine.client() as client:
            return client.doctor(prefix)
    except Failure as failure:
        if failure.code is not ExitCode.UNREACHABLE or engine.named:
            raise
    click.echo("no engine answers; looking from here", err=True)
    from ipv6console.commands.examination import examine  # noqa: PLC0415 - netlink is for this case only

    try:
        return asyncio.run(examine(settings(), prefix))
    except OSError as error:
        refused = error.errno in (errno.EPERM, errno.EACCES)
        step = "repeat it as root: sudo ipv6console doctor" if refused else "mend that and repeat it"
        raise Failure(str(error), next=step, code=ExitCode.NO) from error


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
