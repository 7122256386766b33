"""The flags an engine is started with, as settings and as the command line of a child."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from ipv6console.commands.connection import effective
from ipv6console.commands.option import PORT, USABLE_NUM, config_option

if TYPE_CHECKING:
    from ipv6console.config import Settings
    from ipv6console.configfile import Effective

P = ParamSpec("P")
T = TypeVar("T")
SOCKET_VARIABLE = "IPV6CONSOLE_SOCKET"


@dataclass(frozen=True, slots=True)
class Launch:
    """Settings of an engine to start; `arguments` follow `serve` to give a child the same, `socket` was named.

    `config` is the file that was named for the settings, if one was.
    """

    effective: Effective
    arguments: tuple[str, ...]
    socket: str | None
    config: str | None = None

    @property
    def settings(self) -> Settings:
        """The settings alone."""
        return self.effective.settings


def launch_options(command: Callable[Concatenate[Launch, P], T]) -> Callable[P, T]:
    """Give `command` the flags an engine is started with, as a Launch before its other parameters."""

    @click.option("-p", "--port", type=PORT, help="The TCP port to listen on.  [default: 16000]")
    @click.option("-n", "--usable-num", type=USABLE_NUM, help="Idle addresses to keep.  [default: 20]")
    @click.option("-v", "--verbose", is_flag=True, help="Log every request and decision.")
    @click.option("--listen", metavar="ADDR:PORT", multiple=True, help="Listen on this instead; may be given again.")
    @click.option("--socket", metavar="PATH", help="The Unix socket (or IPV6CONSOLE_SOCKET).")
    @click.option("--state-dir", metavar="DIR", help="The folder for database and log.")
    @config_option
    @wraps(command)
    def with_launch(*args: P.args, **kwargs: P.kwargs) -> T:
        names = ("config", "port", "usable_num", "verbose", "listen", "socket", "state_dir")
        return command(_launch(**{name: kwargs.pop(name) for name in names}), *args, **kwargs)  # type: ignore[arg-type]

    return with_launch


def _launch(
    *,
    config: str | None,
    port: int | None,
    usable_num: int | None,
    verbose: bool,
    listen: tuple[str, ...],
    socket: str | None,
    state_dir: str | None,
) -> Launch:
    if port is not None and listen:
        raise click.UsageError("--listen names the port already; leave --port out")
    named_by = "--socket" if socket else SOCKET_VARIABLE
    socket = _absolute(socket or os.environ.get(SOCKET_VARIABLE) or None)
    state_dir = _absolute(state_dir)
    flags: dict[tuple[str, str], tuple[str, object]] = {}
    arguments: list[str] = []
    for key, flag, value in (
        (("engine", "socket"), named_by, socket),
        (("engine", "state_dir"), "--state-dir", state_dir),
        (("pool", "usable_num"), "--usable-num", usable_num),
    ):
        if value is not None:
            flags[key] = (flag, value)
            arguments += ["--socket" if flag == SOCKET_VARIABLE else flag, str(value)]
    if verbose:
        flags["engine", "verbose"] = ("--verbose", True)
        arguments.append("--verbose")
    if listen:
        flags["engine", "listen"] = ("--listen", listen)
    if config is not None:
        arguments += ["--config", config]
    found = effective(config, flags)
    if port is not None:
        found = _on_port(found, port)
    return Launch(found, tuple(arguments), socket, config)


def _on_port(found: Effective, port: int) -> Effective:
    from ipv6console.configfile import Given, Source  # noqa: PLC0415 - `effective` has loaded it

    engine = found.settings.engine
    listen = tuple(f"{text.rpartition(':')[0]}:{port}" for text in engine.listen)
    return replace(
        found,
        settings=replace(found.settings, engine=replace(engine, listen=listen)),
        given={**found.given, ("engine", "listen"): Given(listen, "--port", Source.FLAG)},
    )


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())
