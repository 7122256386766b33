"""`ipv6console net`."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from ipv6console import paths
from ipv6console.commands.connection import settings
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.option import config_option
from ipv6console.commands.sheet import print_json

if TYPE_CHECKING:
    from ipv6console.linux.plan import HostPlan, PrivilegedChange

Changes = tuple["PrivilegedChange", ...]
json_option = click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
state_option = click.option(
    "--state-dir", metavar="DIR", help="The engine's folder, where what was set up is recorded."
)
dry_option = click.option("--dry-run", is_flag=True, help="List the changes and make none.")


@click.group(short_help="List, make or undo the privileged changes to this host.")
def net() -> None:
    """List, make or undo the privileged changes to this host, without an engine. A running engine makes them itself."""


@net.command(epilog="Example: ipv6console net plan")
@config_option
@state_option
@json_option
def plan(config: str | None, state_dir: str | None, as_json: bool) -> int:
    """List every change this host's prefixes need, as the command that does the same."""
    changes = _changes(config, state_dir, lambda host: host.changes())
    if as_json:
        print_json(changes)
        return ExitCode.DONE
    for change in changes:
        click.echo(f"{'done' if change.in_place else 'to do'}  {change.command}")
        click.echo(f"       {change.what}{' (kept up by a running engine)' if change.engine else ''}")
    if not changes:
        click.echo("nothing: this host has no usable prefix; `ipv6console doctor` says why", err=True)
    return ExitCode.DONE


@net.command(epilog="Example: sudo ipv6console net apply")
@config_option
@state_option
@dry_option
@json_option
def apply(config: str | None, state_dir: str | None, dry_run: bool, as_json: bool) -> int:
    """Make what `net plan` lists and is not in place, except what only a running engine keeps up."""
    made = _changes(config, state_dir, lambda host: host.missing() if dry_run else host.apply())
    return _done(made, as_json=as_json, nothing="all is in place", dry=dry_run)


@net.command(epilog="Example: sudo ipv6console net teardown")
@config_option
@state_option
@dry_option
@json_option
def teardown(config: str | None, state_dir: str | None, dry_run: bool, as_json: bool) -> int:
    """Undo every change of ours, also what a crashed engine left. Stop the engine first."""
    undone = _changes(config, state_dir, lambda host: host.teardown(dry=dry_run))
    return _done(undone, as_json=as_json, nothing="nothing to undo", dry=dry_run)


def _changes(config: str | None, state_dir: str | None, act: Callable[[HostPlan], Awaitable[Changes]]) -> Changes:
    from ipv6console.linux.netlink import Netlink  # noqa: PLC0415 - pyroute2 is for this command only
    from ipv6console.linux.plan import HostPlan  # noqa: PLC0415 - as above

    found = settings(config, {("engine", "state_dir"): ("--state-dir", state_dir)} if state_dir else None)
    folder = paths.state_dir(found.engine.state_dir)

    async def work() -> Changes:
        netlink = Netlink()
        try:
            return await act(HostPlan(found.network, folder, netlink))
        finally:
            await netlink.close()

    try:
        return asyncio.run(work())
    except OSError as error:
        refused = error.errno in (errno.EPERM, errno.EACCES)
        step = "run it as root: sudo ipv6console net ..."
        mend = "mend that and repeat; `ipv6console net teardown` undoes what was made"
        raise Failure(str(error), next=step if refused else mend, code=ExitCode.NO) from error


def _done(changes: Changes, *, as_json: bool, nothing: str, dry: bool) -> int:
    if as_json:
        print_json(changes)
        return ExitCode.DONE
    if dry and changes:
        click.echo("nothing was changed; without --dry-run this would be done:", err=True)
    for change in changes:
        click.echo(f"{change.command}\n       {change.what}")
    if not changes:
        click.echo(nothing, err=True)
    return ExitCode.DONE
