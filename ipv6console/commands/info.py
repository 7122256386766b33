"""`ipv6console info`."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path

import click

from ipv6console import __version__, paths
from ipv6console.commands.connection import answers
from ipv6console.commands.launch import Launch, launch_options
from ipv6console.commands.sheet import print_json, print_rows
from ipv6console.config import Command, Webhook, public_url

_PROGRAMS = ("ip", "nft")
_SECRETS = ("token", "secret", "password")
_MASK = "***"
_PREFIX = "IPV6CONSOLE_"


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder, what it is for and how it is found."""

    what: str
    path: str
    found: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's value, as text, and where it comes from: `source` default, file, environment or flag."""

    name: str
    value: object
    source: str
    where: str


@dataclass(frozen=True, slots=True)
class Answering:
    """The engine that answers, or why none does; only `place` and `detail` are there then."""

    place: str
    version: str | None = None
    pid: int | None = None
    state_dir: str | None = None
    store: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """All that `info` tells."""

    versions: dict[str, str]
    paths: tuple[Place, ...]
    engine: Answering
    environment: dict[str, str]
    settings: tuple[Setting, ...]


@click.command(
    short_help="Show every path, version and setting, and where each comes from.",
    epilog="Example: ipv6console info --json",
)
@launch_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def info(launch: Launch, as_json: bool) -> None:
    """Show versions, paths, the engine that answers, and the settings an engine started like this would have.

    It takes the flags of `serve`. Passwords and tokens are shown as ***; so is what follows ? in a URL, and the path of
    a webhook's.
    """
    found = gather(launch)
    if as_json:
        print_json(found)
    else:
        _show(found)


def gather(launch: Launch) -> Info:
    """Return all of it, secrets masked."""
    return Info(
        versions=_versions(),
        paths=_paths(launch),
        engine=_engine(launch),
        environment=_environment(),
        settings=_settings(launch),
    )


def _versions() -> dict[str, str]:
    found = {
        "ipv6console": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "kernel": f"{platform.system()} {platform.release()}",
        "sqlite": sqlite3.sqlite_version,
    }
    try:
        wanted = metadata.requires("ipv6console") or []
    except metadata.PackageNotFoundError:
        wanted = []  # a source tree that is not installed says nothing of its libraries
    for line in wanted:
        name, _, extra = line.partition(";")
        if not extra:
            name = name.partition("=")[0].strip()
            found[name] = metadata.version(name)
    return found


def _paths(launch: Launch) -> tuple[Place, ...]:
    settings = launch.settings
    read = set(launch.effective.files)
    config = [paths.system_config(), paths.user_config(), *read]
    state = paths.state_dir(settings.engine.state_dir)
    found = [
        Place("package", str(Path(__file__).resolve().parents[1]), "there"),
        *(Place("settings", str(path), _file(path, read)) for path in dict.fromkeys(config)),
        *(
            Place("socket", str(path), "an engine answers" if answers(path) else _seen(path, "nobody answers"))
            for path in _sockets(launch)
        ),
        Place("state", str(state), _seen(state, "there")),
        Place("database", str(paths.database_file(settings.engine.state_dir)), _database(launch)),
        Place("log", str(paths.log_file(settings.engine.state_dir)), "of an engine that a console started"),
    ]
    programs = (*_PROGRAMS, settings.network.ndppd)
    found += [
        Place("program", shutil.which(name) or name, "there" if shutil.which(name) else "not found")
        for name in programs
    ]
    return tuple(found)


def _sockets(launch: Launch) -> tuple[Path, ...]:
    return (Path(launch.socket),) if launch.socket else paths.socket_candidates(launch.settings.engine.socket)


def _file(path: Path, read: set[Path]) -> str:
    return "read" if path in read else _seen(path, "not read: another file is named")


def _seen(path: Path, there: str) -> str:
    try:
        path.lstat()
    except FileNotFoundError:
        return "not there"
    except OSError as error:
        return f"not seen: {error.strerror}"
    return there


def _database(launch: Launch) -> str:
    path = paths.database_file(launch.settings.engine.state_dir)
    try:
        return f"{path.stat().st_size:,} bytes"
    except OSError:
        return _seen(path, "not seen")


def _engine(launch: Launch) -> Answering:
    from ipv6console.client import IPv6Client  # noqa: PLC0415 - not for --help
    from ipv6console.client.errors import EngineRefused, EngineUnreachable  # noqa: PLC0415 - as above

    url = None if launch.socket else os.environ.get("IPV6CONSOLE_URL") or None
    socket = None if url else next((str(path) for path in _sockets(launch) if answers(path)), launch.socket)
    try:
        with IPv6Client(url=url, socket=socket) as client:
            place = str(client.place)
            try:
                state = client.state()
            except EngineUnreachable as error:
                return Answering(place, detail=f"no engine answers: {error.cause}")
            except EngineRefused as error:
                return Answering(place, detail=f"{error.title}: {error.detail}")
    except ValueError as error:
        return Answering(_without_secrets(url or ""), detail=str(error))
    engine = state.engine
    return Answering(
        place,
        version=engine.version,
        pid=engine.pid,
        state_dir=engine.state_dir,
        store=_without_secrets(state.store.url),
    )


def _environment() -> dict[str, str]:
    return {name: _shown(name, text) for name, text in sorted(os.environ.items()) if name.startswith(_PREFIX)}


def _settings(launch: Launch) -> tuple[Setting, ...]:
    found = []
    for section in fields(launch.settings):
        values = getattr(launch.settings, section.name)
        for key in fields(values):
            given = launch.effective.given.get((section.name, key.name))
            found.append(
                Setting(
                    name=f"{section.name}.{key.name}",
                    value=_masked(key.name, getattr(values, key.name)),
                    source=given.source.value if given else "default",
                    where=given.where if given else "",
                )
            )
    return tuple(found)


def _masked(name: str, value: object) -> object:
    if isinstance(value, Webhook | Command):
        return _notifier(value)
    if isinstance(value, tuple):
        return tuple(_masked(name, item) for item in value)
    return _shown(name, value) if isinstance(value, str) else value


def _notifier(row: Webhook | Command) -> dict[str, object]:
    """Return a webhook or command without what may be secret: what is below a URL's host, headers, arguments."""
    found: dict[str, object] = {key.name: getattr(row, key.name) for key in fields(row)}
    if isinstance(row, Webhook):
        found |= {key: public_url(url) if url else "" for key, url in (("url", row.url), ("proxy", row.proxy))}
        found["headers"] = tuple(f"{header.partition('=')[0]}={_MASK}" for header in row.headers)
    else:
        found["argv"] = (row.argv[0], *(_MASK for _ in row.argv[1:]))
    return found


def _shown(name: str, text: str) -> str:
    words = name.lower().split("_")
    if text and words[-1] != "file" and any(word in _SECRETS for word in words):
        return _MASK
    return ",".join(_without_secrets(item) for item in text.split(","))


def _without_secrets(text: str) -> str:
    """Return `text`, when it is a URL without what only its owner should know: the password and the query."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text
    rest, query, _ = rest.partition("?")
    netloc, slash, path = rest.partition("/")
    user, at, host = netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    hidden = f"{name}{colon}{_MASK if colon else ''}{at}{host}"
    return f"{scheme}{mark}{hidden}{slash}{path}{query}{_MASK if query else ''}"


def _show(found: Info) -> None:
    click.echo("versions")
    print_rows(found.versions.items(), indent="  ")
    click.echo("paths")
    print_rows(((place.what, place.path, place.found) for place in found.paths), indent="  ")
    engine = found.engine
    click.echo("engine")
    if engine.version is None:
        click.echo(f"  {engine.place}: {engine.detail}")
    else:
        click.echo(f"  {engine.place}: ipv6console {engine.version}, pid {engine.pid}, {engine.store}")
    if found.environment:
        click.echo("environment")
        print_rows(found.environment.items(), indent="  ")
    click.echo("settings")
    print_rows(
        ((item.name, f"{item.source} {item.where}".rstrip(), _text(item.value)) for item in found.settings), indent="  "
    )


def _text(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}"
    return f'"{value}"' if isinstance(value, str) else str(value)
