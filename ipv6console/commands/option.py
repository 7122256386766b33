"""Options and kinds of values that several commands take."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

import click

from ipv6console.configkind import Duration, Kind, Unfit

DAY = 86_400.0
_AGO = re.compile(r"(.+?)\s*ago", re.IGNORECASE)

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


class Moment(click.ParamType[float, str]):
    """A point in time as unix seconds: ISO 8601, local time when no zone is given, or how long ago."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return unix seconds, or fail with what is allowed."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        ago = _AGO.fullmatch(text)
        try:
            if ago:
                return time.time() - Duration(0, 3_650 * DAY).read_text(ago[1])
            return datetime.fromisoformat(text).astimezone().timestamp()
        except (Unfit, ValueError, OverflowError, OSError):
            self.fail(f"{text!r} is no time; write 2026-06-30T14:05, 2026-06-30T14:05:09+02:00 or 2h ago", param, ctx)


MOMENT = Moment()
PORT = click.IntRange(0, 65_535)
USABLE_NUM = click.IntRange(1)
LEASE_TTL = Setting("duration", Duration(1, 30 * DAY))
WAIT = Setting("duration", Duration(0, 300))
