"""`ipv6console bundle`."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import click

from ipv6console.commands.connection import Engine, effective, engine_options
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.info import gather
from ipv6console.commands.launch import Launch
from ipv6console.commands.sheet import print_json


@click.command(
    short_help="Write what an engine shows and tells into one archive.",
    epilog="Example: ipv6console bundle --output /tmp",
)
@click.option(
    "-o", "--output", metavar="DIR", default=".", show_default=True, help="The folder for it.",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
)  # fmt: skip
@engine_options
def bundle(engine: Engine, output: Path) -> None:
    """Write screens, events, the doctor's walk, state and settings into one archive, secrets masked, to send along.

    The same as b in the console. A file that is there already is not overwritten.
    """
    from ipv6console.console.parcel import parcel  # noqa: PLC0415 - Textual is for this command only
    from ipv6console.console.source import Refused  # noqa: PLC0415 - as above

    target, token = engine.reached()
    launch = Launch(effective(None, None), (), None)
    try:
        made = asyncio.run(parcel(target, output, token=token, config=partial(gather, launch)))
    except Refused as refusal:
        code = ExitCode.UNREACHABLE if refusal.kind == "unreachable" else ExitCode.REFUSED
        raise Failure(refusal.detail, next=refusal.next, code=code) from refusal
    except OSError as error:
        raise Failure(
            f"the bundle cannot be written: {error}", next="name another folder with --output", code=ExitCode.NO
        ) from error
    if engine.as_json:
        print_json(made)
        return
    click.echo(made.path)
    for what, why in made.missing.items():
        click.echo(f"ipv6console: not in it: {what}: {why}", err=True)
