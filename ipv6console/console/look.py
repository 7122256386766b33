"""How the operator wants the console to look, as the settings say it now, also while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from ipv6console.config import ConsoleSettings, Settings
from ipv6console.configfile import ConfigError, Effective
from ipv6console.console.keymap import KeymapError, keymap
from ipv6console.console.keyring import OWN_KEYS, Keys

_LIVE = ("theme", "glyphs", "keys")
"""What of [console] a running console takes over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Theme, glyphs ("auto", "unicode", "ascii") and the keys of all actions."""

    theme: str = "dark"
    glyphs: str = "auto"
    keys: Keys = field(default_factory=lambda: OWN_KEYS)


def look_of(found: Effective) -> Look:
    """Return what the settings want; raises ConfigError, with the place, for keys that cannot be had."""
    wanted = found.settings.console
    try:
        keys = keymap(wanted.keys)
    except KeymapError as error:
        given = found.given["console", "keys"]
        where = given.items.get(error.action, given.origin)
        raise ConfigError(f"{where}: console.keys: {error}") from error
    return Look(theme=wanted.theme, glyphs=wanted.glyphs, keys=keys)


class Looks:
    """The look, read again whenever one of `files` has changed; `read` reads all settings."""

    def __init__(self, found: Effective, files: Iterable[Path], read: Callable[[], Effective]) -> None:
        self.look = look_of(found)
        self._settings = found.settings
        self._files, self._read = tuple(files), read
        self._seen = self._marks()

    def _marks(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_mark(path) for path in self._files)

    def renewed(self) -> tuple[Look, tuple[str, ...]] | None:
        """Return the new look, and what else changed but counts from the next start on; None when no file changed.

        Raises ConfigError for settings that cannot be used; the look stays as it is, and is not read again before the
        file changes.
        """
        marks = self._marks()
        if marks == self._seen:
            return None
        self._seen = marks
        found = self._read()
        self.look = look_of(found)
        later = _changed(_still(self._settings), _still(found.settings))
        self._settings = found.settings
        return self.look, later


def _still(settings: Settings) -> Settings:
    standard = ConsoleSettings()
    same = {name: getattr(standard, name) for name in _LIVE}
    return replace(settings, console=replace(settings.console, **same))


def _changed(old: Settings, new: Settings) -> tuple[str, ...]:
    return tuple(
        f"{section.name}.{item.name}"
        for section in fields(Settings)
        for item in fields(getattr(old, section.name))
        if getattr(getattr(old, section.name), item.name) != getattr(getattr(new, section.name), item.name)
    )


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
