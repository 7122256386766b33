"""`ipv6console import-json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.sheet import print_json, print_rows
from ipv6console.quantity import many
from ipv6console.wire.importing import ImportReport, ImportRequest

_REASONS = 5


@click.command(
    name="import-json",
    short_help="Take over the files of the older address pool.",
    epilog="Example: ipv6console import-json --dry-run /opt/webu/ipv6",
)
@click.argument("paths", metavar="DIR | FILE...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Show what the files hold, and send nothing.")
@engine_options
def import_json(engine: Engine, paths: tuple[str, ...], dry_run: bool) -> int:
    """Import addresses and what mirrors know of them from files of the older pool, or from DIR that holds them.

    They are ipv6_global_addrs.json and ipv6_mirrors/NAME.json; their times are read in this computer's time zone. All
    files are read to their end before anything is sent. The engine proves each address before it takes it in. It can be
    repeated: what is in the pool already stays. Exit code 1 when no address was taken in.
    """
    from ipv6console.olderfiles import OlderFileError, parts, read  # noqa: PLC0415 - for this command only

    try:
        request = read(Path(path) for path in paths)
    except OlderFileError as error:
        raise Failure(
            f"{error}; nothing was imported", next="mend that file, or leave it out", code=ExitCode.USAGE
        ) from error
    if not engine.as_json:
        _show(request)
    if dry_run:
        if engine.as_json:
            print_json(request)
        return ExitCode.DONE
    with engine.client() as client:
        report = _sum(client.import_pool(part) for part in parts(request))
    if engine.as_json:
        print_json(report)
    else:
        _tell(report)
    return ExitCode.DONE if report.addresses or not request.addresses else ExitCode.NO


def _show(request: ImportRequest) -> None:
    click.echo(
        f"{many(len(request.addresses), 'address', 'addresses')} in {request.prefix}, {many(len(request.mirrors), 'mirror', 'mirrors')}"
    )
    if not request.mirrors:
        return
    rows = [("MIRROR", "IDLE", "USING", "BAD")]
    for mirror in request.mirrors:
        count = Counter(usage.status for usage in mirror.usages)
        rows.append((mirror.dbname, str(count["idle"]), str(count["using"]), str(count["bad"])))
    print_rows(rows, indent="  ")


def _sum(reports: Iterable[ImportReport]) -> ImportReport:
    addresses = bad = mirrors = 0
    skipped: dict[str, str] = {}
    for report in reports:
        addresses += report.addresses
        bad += report.bad
        mirrors = max(mirrors, report.mirrors)
        skipped |= report.skipped
    return ImportReport(addresses=addresses, mirrors=mirrors, bad=bad, skipped=skipped)


def _tell(report: ImportReport) -> None:
    click.echo(
        f"imported {many(report.addresses, 'address', 'addresses')} and {many(report.mirrors, 'mirror', 'mirrors')}; {report.bad} rest as bad,"
        f" {many(len(report.skipped), 'address', 'addresses')} left out"
    )
    for why, count in Counter(report.skipped.values()).most_common(_REASONS):
        click.echo(f"  {count} left out: {why}")
