"""Options and kinds of values that several commands take."""

from __future__ import annotations

from typing import Any

import click

from ipv6console.configvalue import Duration, Kind, Unfit

DAY = 86_400.0

dbname_option = click.option(
    "-d",
    "--dbname",
    metavar="NAME",
    default="default",
    show_default=True,
    help="The mirror: one task's view of the pool.",
)
config_option = click.option(
    "--config", metavar="FILE", help="Settings to read instead of yours (or IPV6CONSOLE_CONFIG)."
)
token_file_option = click.option(
    "--token-file", metavar="FILE", help="A file with a bearer token to show over TCP (or IPV6CONSOLE_TOKEN_FILE)."
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Apply the plan without asking.")


class Setting(click.ParamType[object, object]):
    """A value of a kind that settings have too."""

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return `value` as the kind reads it, or fail with what is allowed."""
        try:
            return self._kind.read_text(value) if isinstance(value, str) else self._kind.read(value)
        except Unfit as error:
            self.fail(str(error), param, ctx)


PORT = click.IntRange(0, 65_535)
USABLE_NUM = click.IntRange(1)
LEASE_TTL = Setting("duration", Duration(1, 30 * DAY))
WAIT = Setting("duration", Duration(0, 300))
