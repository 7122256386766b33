"""Settings as files, the environment and flags give them, in that order of precedence from last to first."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from ipv6console import paths
from ipv6console.config import NotifySettings, Settings
from ipv6console.configkind import Unfit
from ipv6console.configvalue import KINDS

PREFIX = "IPV6CONSOLE_"


class ConfigError(ValueError):
    """A setting that cannot be used; the message says where it stands, what is wrong and what is allowed."""


class Source(StrEnum):
    """What kind of place a setting comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Given:
    """One value somebody gave, as Settings holds it, and where: "FILE:LINE", a variable's or a flag's name.

    `items` has the same for each item of a list or table in a file, by its number or key.
    """

    value: object
    where: str
    source: Source
    items: Mapping[int | str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where, as a sentence begins."""
        return f"the environment variable {self.where}" if self.source is Source.ENVIRONMENT else self.where


Layer = dict[tuple[str, str], Given]


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings in force; `given` has the place of each that is not the default's, `files` those that were read."""

    settings: Settings
    given: Layer = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def load(
    *,
    config: str | None = None,
    flags: Mapping[tuple[str, str], tuple[str, Any]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings in force; see `effective`."""
    return effective(config=config, flags=flags, environ=environ).settings


def effective(
    *,
    config: str | None = None,
    flags: Mapping[tuple[str, str], tuple[str, Any]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Effective:
    """Return the settings in force, and where each comes from.

    `config` (else IPV6CONSOLE_CONFIG) names one file to read instead of the user's. `flags` maps (section, key) to the
    name of the flag, or of a variable that stands for it, and the value. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    system, own = places(config, environ)
    named = bool(config or environ.get("IPV6CONSOLE_CONFIG"))
    merged: Layer = {}
    read = []
    for path, must_exist in ((system, False), (own, named)):
        layer = _file(path, must_exist=must_exist)
        if layer is not None:
            read.append(path)
            merged.update(layer)
    merged.update(_environment(environ))
    merged.update(_flags(flags or {}))
    sections = {}
    for section in fields(Settings):
        kind = type(getattr(Settings(), section.name))
        sections[section.name] = kind(
            **{key: given.value for (name, key), given in merged.items() if name == section.name}
        )
    settings = Settings(**sections)
    _agree(settings.pool.usable_num, "usable_num", settings.pool.max_total, "max_total", merged)
    _agree(settings.pool.bad_cooldown, "bad_cooldown", settings.pool.bad_cooldown_max, "bad_cooldown_max", merged)
    _part(settings.notify, merged)
    _complete(settings, merged)
    return Effective(settings, merged, tuple(read))


def places(config: str | None = None, environ: Mapping[str, str] | None = None) -> tuple[Path, Path]:
    """Return the system's file of settings and the user's, or the one that `config` or IPV6CONSOLE_CONFIG names."""
    environ = os.environ if environ is None else environ
    named = config or environ.get("IPV6CONSOLE_CONFIG") or None
    return paths.system_config(), Path(named) if named else paths.user_config()


def parse(text: str, name: str) -> Layer:
    """Return what the TOML `text` of the file `name` sets; raises ConfigError naming the line."""
    import tomli  # noqa: PLC0415 - most commands find no file to parse

    from ipv6console.tomllines import key_lines  # noqa: PLC0415 - as above

    try:
        document = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{name}:{error.lineno}: {error.msg} (column {error.colno})") from error
    lines = key_lines(text)
    layer: Layer = {}
    for section, table in document.items():
        first = min(line for path, line in lines.items() if path[0] == section)
        origin = f"{name}:{first}"
        if section not in KINDS:
            raise ConfigError(f"{origin}: {_unknown_section(section, table)}")
        if not isinstance(table, dict):
            raise ConfigError(f"{origin}: {section} is a section; write [{section}] and its keys below it")
        for key, value in table.items():
            line = lines[(section, key)]
            if key not in KINDS[section]:
                raise ConfigError(f"{name}:{line}: {_unknown_key(section, key)}")
            items = {
                path[2]: f"{name}:{at}" for path, at in lines.items() if path[:2] == (section, key) and len(path) == 3
            }
            try:
                layer[section, key] = Given(KINDS[section][key].read(value), f"{name}:{line}", Source.FILE, items)
            except Unfit as error:
                line = _line(lines, (section, key), error.path)
                raise ConfigError(f"{name}:{line}: {section}.{key}: {error}") from error
    return layer


def _line(lines: Mapping[tuple[str | int, ...], int], setting: tuple[str, str], path: tuple[str | int, ...]) -> int:
    """Return the line of what is wrong inside a setting, or of the nearest thing around it that has one."""
    found = (lines.get((*setting, *path[:depth])) for depth in range(len(path), -1, -1))
    return next(line for line in found if line is not None)


def _file(path: Path, *, must_exist: bool) -> Layer | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        if must_exist:
            raise ConfigError(f"{path}: there is no such file; config.example.toml shows what one holds") from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return parse(text, str(path))


def _environment(environ: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for variable, text in environ.items():
        for section, kinds in KINDS.items():
            start = f"{PREFIX}{section.upper()}_"
            if not variable.startswith(start):
                continue
            key = variable.removeprefix(start).lower()
            if key not in kinds:
                raise ConfigError(f"the environment variable {variable}: {_unknown_key(section, key)}")
            layer[section, key] = _from_text(section, key, text, variable, Source.ENVIRONMENT)
    return layer


def _flags(flags: Mapping[tuple[str, str], tuple[str, Any]]) -> Layer:
    layer: Layer = {}
    for (section, key), (flag, value) in flags.items():
        source = Source.FLAG if flag.startswith("-") else Source.ENVIRONMENT
        if isinstance(value, str):
            layer[section, key] = _from_text(section, key, value, flag, source)
            continue
        try:
            layer[section, key] = Given(KINDS[section][key].read(value), flag, source)
        except Unfit as error:
            raise ConfigError(f"{flag}: {error}") from error
    return layer


def _from_text(section: str, key: str, text: str, where: str, source: Source) -> Given:
    try:
        return Given(KINDS[section][key].read_text(text), where, source)
    except Unfit as error:
        raise ConfigError(f"{Given(text, where, source).origin}: {error}") from error


def _agree(low: float, low_key: str, high: float, high_key: str, merged: Layer) -> None:
    if low <= high:
        return
    origin, other = (
        merged["pool", key].origin if ("pool", key) in merged else "the default" for key in (low_key, high_key)
    )
    raise ConfigError(
        f"{origin}: pool.{low_key} = {low:.15g} must not be above pool.{high_key} = {high:.15g} ({other})"
    )


def _part(notify: NotifySettings, merged: Layer) -> None:
    """Refuse two that bear one name: nobody could say which of them is to be tested."""
    seen: set[str] = set()
    named = {"webhook": [row.name for row in notify.webhook], "command": [row.name for row in notify.command]}
    for key, names in named.items():
        for number, name in enumerate(names):
            if name in seen:
                given = merged["notify", key]
                where = given.items.get(number, given.origin)
                raise ConfigError(f"{where}: notify.{key}: there is another one named {name}; give it another name")
            seen.add(name)


def _complete(settings: Settings, merged: Layer) -> None:
    """Refuse half of an IPAM or RADIUS server, and files that are not there.

    A file that cannot be seen is another matter: it may be the engine's user alone who can.
    """
    for section, key, secret, holds in (
        ("netbox", "url", "token_file", "the token of its API"),
        ("radius", "server", "secret_file", "the secret shared with it"),
    ):
        if getattr(getattr(settings, section), key) and not getattr(getattr(settings, section), secret):
            raise ConfigError(
                f"{merged[section, key].origin}: {section}.{key} needs {section}.{secret}, a file that holds {holds}"
            )
    for section, key in (("netbox", "token_file"), ("netbox", "ca_file"), ("radius", "secret_file")):
        path = getattr(getattr(settings, section), key)
        if path and _absent(Path(path)):
            raise ConfigError(f"{merged[section, key].origin}: {section}.{key}: there is no file {path}")


def _absent(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _unknown_section(section: str, value: object) -> str:
    if not isinstance(value, dict):
        homes = [name for name, kinds in KINDS.items() if section in kinds]
        if homes:
            return f"{section} belongs below [{homes[0]}]"
    near = difflib.get_close_matches(section, KINDS, n=1, cutoff=0.5)
    meant = f"did you mean [{near[0]}]?" if near else f"the sections are {', '.join(KINDS)}"
    return f"there is no section {section}; {meant}"


def _unknown_key(section: str, key: str) -> str:
    homes = [name for name, kinds in KINDS.items() if key in kinds]
    if homes:
        return f"there is no key {key} in [{section}]; it belongs below [{homes[0]}]"
    near = difflib.get_close_matches(key, KINDS[section], n=1, cutoff=0.4)
    meant = f"did you mean {near[0]}?" if near else f"its keys are {', '.join(KINDS[section])}"
    return f"there is no key {key} in [{section}]; {meant}"
