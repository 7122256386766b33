"""`ipv6console lab`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click

from ipv6console.commands.console import require_terminal
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.option import USABLE_NUM
from ipv6console.commands.sheet import print_json
from ipv6console.lab.error import LabError
from ipv6console.lab.fault import FAULTS, listing
from ipv6console.lab.plan import (
    DEFAULT_PREFIX,
    LabPlan,
    Mode,
    parse_name,
    parse_partners,
    parse_prefix,
    parse_strategy,
)

P = ParamSpec("P")
T = TypeVar("T")
_SCRAPERS = 4
_PASS_ON = {"allow_interspersed_args": False}
lab_option = click.option(
    "--lab",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The lab (or IPV6CONSOLE_LAB); default: yours.",
)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except LabError as error:
        raise Failure(error.message, next=error.fix, code=ExitCode.NO) from error


def plan_options(scrapers: int) -> Callable[[Callable[Concatenate[LabPlan, P], T]], Callable[P, T]]:
    """Give a command the options that shape a lab, as a LabPlan before its other parameters."""

    def decorate(act: Callable[Concatenate[LabPlan, P], T]) -> Callable[P, T]:
        @click.option("--prefix", metavar="P/LEN", help=f"The prefix the ISP gives.  [default: {DEFAULT_PREFIX}]")
        @click.option(
            "--mode",
            type=click.Choice([mode.value for mode in Mode]),
            default="onlink",
            show_default=True,
            help="Whether neighbours resolve each address, or all of the prefix is routed here.",
        )
        @click.option("--ndp", metavar="STRATEGY", help="The engine's network.ndp.  [default: ndppd; auto when routed]")
        @click.option("--gateway-inside", is_flag=True, help="The gateway is an address inside the prefix.")
        @click.option("-n", "--usable-num", type=USABLE_NUM, help="Idle addresses the engine keeps.")
        @click.option(
            "--scrapers", type=click.IntRange(0, 64), default=scrapers, show_default=True, help="Scrapers at work."
        )
        @click.option(
            "--with", "partners", metavar="radius,ipam", help="Systems beside the engine: a FreeRADIUS as NAS, an IPAM."
        )
        @click.option("--name", help="A name for this lab, to run several.")
        @wraps(act)
        def with_plan(*args: P.args, **kwargs: P.kwargs) -> T:
            names = ("prefix", "mode", "ndp", "gateway_inside", "usable_num", "scrapers", "partners", "name")
            given = {name: kwargs.pop(name) for name in names}
            with _failures():
                return act(_plan(**given), *args, **kwargs)  # type: ignore[arg-type]

        return with_plan

    return decorate


def _plan(
    *,
    prefix: str | None,
    mode: str,
    ndp: str | None,
    gateway_inside: bool,
    usable_num: int | None,
    scrapers: int,
    partners: str | None,
    name: str | None,
) -> LabPlan:
    return LabPlan(
        prefix=parse_prefix(prefix) if prefix else DEFAULT_PREFIX,
        mode=Mode(mode),
        ndp=None if ndp is None else parse_strategy(ndp),
        usable_num=LabPlan().usable_num if usable_num is None else usable_num,
        scrapers=scrapers,
        gateway_inside=gateway_inside,
        partners=parse_partners(partners) if partners else frozenset(),
        name=None if name is None else parse_name(name),
    )


@click.group(
    short_help="A small internet in network namespaces to try everything in.",
    invoke_without_command=True,
    epilog="Example: ipv6console lab --prefix 2001:db8:4f8:10::/64",
)
@plan_options(_SCRAPERS)
@click.pass_context
def lab(context: click.Context, plan: LabPlan) -> int:
    """Open the console on a lab: an ISP, this host at its edge, a site that sees who calls, and scrapers at work.

    Nothing of it touches this host's own network, and nothing is left of it at the end.
    """
    if context.invoked_subcommand is not None:
        if plan != LabPlan(scrapers=_SCRAPERS):
            raise click.UsageError(f"write the lab's options after {context.invoked_subcommand}")
        return ExitCode.DONE
    require_terminal()
    from ipv6console.lab import command  # noqa: PLC0415 - netlink is not for --help

    return command.console(plan)


@lab.command(epilog="Example: ipv6console lab serve --mode routed --prefix 2001:db8:7::/56")
@plan_options(0)
def serve(plan: LabPlan) -> int:
    """Hold a lab up without a screen until Ctrl+C or SIGTERM; nobody is at work in it unless --scrapers says so."""
    from ipv6console.lab import command  # noqa: PLC0415 - netlink is not for --help

    return command.serve(plan)


@lab.command(
    context_settings=_PASS_ON,
    epilog="Example: ipv6console lab run -- sh -c 'curl -s --interface $(ipv6console pick) $IPV6CONSOLE_SITE/ip'",
)
@plan_options(0)
@click.argument("words", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
def run(plan: LabPlan, words: tuple[str, ...]) -> int:
    """Run CMD on the egress host of a lab that is ready, and exit with its code (125 when the lab failed).

    IPV6CONSOLE_URL, IPV6CONSOLE_SOCKET, IPV6CONSOLE_SITE (the site's base URL; /ip answers with the caller's address)
    and IPV6CONSOLE_LAB are set.
    """
    from ipv6console.lab import command  # noqa: PLC0415 - netlink is not for --help

    return command.run(plan, words)


@lab.command(name="exec", context_settings=_PASS_ON, epilog="Example: ipv6console lab exec --node isp -- ip -6 neigh")
@lab_option
@click.option("--node", default="egress", show_default=True, help="Where: isp, egress, site, lan, switch or neighbour.")
@click.argument("words", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(directory: Path | None, node: str, words: tuple[str, ...]) -> int:
    """Run CMD on a host of a running lab, and exit with its code."""
    from ipv6console.lab import command  # noqa: PLC0415 - netlink is not for --help

    with _failures():
        return command.execute(words, lab=directory, node=node)


_FAULT_HELP = f"""Make a fault happen in a running lab. The engine has to notice by itself.

\b
{listing()}
"""


@lab.command(help=_FAULT_HELP, epilog="Example: ipv6console lab fault renumber --grace 10")
@click.argument("name", metavar="NAME", shell_complete=lambda *_: list(FAULTS))
@lab_option
@click.option(
    "--grace", metavar="SECONDS", type=float, help="Between a prefix's deprecation and its end.  [default: 3]"
)
@click.option("--silent", is_flag=True, default=None, help="Renumber without telling this host.")
@click.option("--share", metavar="0..1", type=float, help="How many of the callers to ban.  [default: 0.5]")
@click.option("--by", type=click.Choice(["address", "64"]), help="What to ban.  [default: address]")
@click.option("--address", metavar="ADDR", help="The address to claim.")
@click.option("--urls", metavar="1..3", type=int, help="How many check URLs to take down.  [default: 3]")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def fault(name: str, directory: Path | None, as_json: bool, **options: float | str | bool | None) -> int:
    """Make a fault happen."""
    from ipv6console.lab import command  # noqa: PLC0415 - its parts are not for --help

    with _failures():
        done = command.fault(name, lab=directory, **options)
    if as_json:
        print_json(done)
    else:
        for line in done:
            click.echo(line)
    return ExitCode.DONE
