"""How commands find the engine, talk to it, and tell what went wrong with that."""

from __future__ import annotations

import os
import socket as sockets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from ipv6console import paths
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.option import token_file_option
from ipv6console.commands.sheet import print_json

if TYPE_CHECKING:
    from ipv6console.client import AsyncIPv6Client, IPv6Client
    from ipv6console.config import Settings
    from ipv6console.configfile import Effective

P = ParamSpec("P")
T = TypeVar("T")
_PROBE_SECONDS = 1.0


class Engine:
    """The engine a command was told to talk to, or the first that answers, and how to print its answers."""

    def __init__(
        self, url: str | None, socket: str | None, *, token_file: str | None = None, as_json: bool = False
    ) -> None:
        if url and socket:
            raise click.UsageError("--url and --socket name two engines; give one of them")
        self.named = bool(url or socket)
        self.as_json = as_json
        self._url = url
        self._socket = socket
        self._token_file = token_file

    def target(self) -> tuple[str | None, str | None]:
        """Return (url, socket), one of them None: what was named, else a Unix socket that answers, else (None, None)."""
        from ipv6console.client.place import find_place  # noqa: PLC0415 - httpx is for commands that talk to an engine

        if self.named:
            try:
                find_place(self._url, self._socket)
            except ValueError as error:
                raise click.UsageError(str(error)) from error
            return self._url, self._socket
        for path in paths.socket_candidates(settings().engine.socket):
            if answers(path):
                return None, str(path)
        return None, None

    @contextmanager
    def client(self) -> Iterator[IPv6Client]:
        """Open a client; what the engine refuses, or its absence, ends the command with a Failure."""
        from ipv6console.client import IPv6Client  # noqa: PLC0415 - as in `target`

        with self.failures(), self._opened(IPv6Client) as client:
            yield client

    def reached(self) -> tuple[str, str]:
        """Return the engine's URL or the path of its socket, and the token to show it ("" is none), once it answers."""
        with self.client() as client:
            client.health()
            place = client.place
        return place.socket or place.url, "" if place.socket else require_token(self._token_file) or ""

    def async_client(self) -> AsyncIPv6Client:
        """Return a client for asyncio; use it inside `failures`."""
        from ipv6console.client import AsyncIPv6Client  # noqa: PLC0415 - only watchers need it

        return self._opened(AsyncIPv6Client)

    def _opened(self, client: Callable[..., T]) -> T:
        url, socket = self.target()
        require_token(self._token_file)
        return client(url=url, socket=socket, token_file=self._token_file)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turn the client's errors into Failures."""
        from ipv6console.client.errors import EngineRefused, EngineUnreachable  # noqa: PLC0415 - as in `target`

        try:
            yield
        except EngineUnreachable as error:
            raise Failure(
                f"no engine answers at {error.place}: {error.cause}",
                next="start one with `ipv6console serve`, or name another with --url URL or --socket PATH",
                code=ExitCode.UNREACHABLE,
            ) from error
        except EngineRefused as error:
            if self.as_json:
                print_json(error.problem)
            raise Failure(f"{error.title}: {error.detail}", next=error.next, code=ExitCode.REFUSED) from error


def require_token(token_file: str | None) -> str | None:
    """Return the token that is to be shown, if one is; when it cannot be read the command ends with a Failure."""
    from ipv6console.client.token import find_token  # noqa: PLC0415 - as in `Engine.target`

    try:
        return find_token(token_file=token_file)
    except ValueError as error:
        raise Failure(
            str(error),
            next="name a file that holds one with --token-file FILE or IPV6CONSOLE_TOKEN_FILE, or name none: over the "
            "Unix socket and on loopback nobody needs one",
            code=ExitCode.USAGE,
        ) from error


def engine_options(
    command: Callable[Concatenate[Engine, P], T],
) -> Callable[P, T]:
    """Give `command` the options --url, --socket, --token-file and --json, as an Engine before its other parameters."""

    @click.option("--url", metavar="URL", help="An engine's base URL (or IPV6CONSOLE_URL).")
    @click.option("--socket", metavar="PATH", help="An engine's Unix socket (or IPV6CONSOLE_SOCKET, which goes first).")
    @token_file_option
    @click.option("--json", "as_json", is_flag=True, help="Print the engine's answer as JSON.")
    @wraps(command)
    def with_engine(*args: P.args, **kwargs: P.kwargs) -> T:
        url, socket = named_engine(kwargs.pop("url"), kwargs.pop("socket"))
        named = str(kwargs.pop("token_file") or "") or None
        engine = Engine(url, socket, token_file=named, as_json=bool(kwargs.pop("as_json")))
        return command(engine, *args, **kwargs)

    return with_engine


def named_engine(url: object, socket: object) -> tuple[str | None, str | None]:
    """Return (url, socket) as flags name them, else as the environment does, where the socket goes first."""
    flag_url, flag_socket = (str(value) if value else None for value in (url, socket))
    if flag_url or flag_socket:
        return flag_url, flag_socket
    if path := os.environ.get("IPV6CONSOLE_SOCKET"):
        return None, path
    return os.environ.get("IPV6CONSOLE_URL") or None, None


def settings(config: str | None = None, flags: dict[tuple[str, str], tuple[str, object]] | None = None) -> Settings:
    """Return the settings in force; one that cannot be used ends the command with a Failure."""
    return effective(config, flags).settings


def effective(config: str | None, flags: dict[tuple[str, str], tuple[str, object]] | None) -> Effective:
    """Return the settings in force and where each comes from; otherwise as `settings`."""
    from ipv6console import configfile  # noqa: PLC0415 - not for commands with a named engine

    try:
        return configfile.effective(config=config, flags=flags)
    except configfile.ConfigError as error:
        raise Failure(
            str(error), next="correct it; config.example.toml documents every key", code=ExitCode.USAGE
        ) from error


def answers(path: Path) -> bool:
    """Return whether somebody accepts connections on the Unix socket `path`."""
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
