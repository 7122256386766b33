"""Puts the look on the app: theme, glyphs and keys, at the start, by key, and when the settings change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingsMap

from ipv6console.configfile import ConfigError
from ipv6console.console.glyph import AsciiFilter, wants_ascii
from ipv6console.console.keyring import Keys, put_in_force
from ipv6console.console.look import Look, Looks
from ipv6console.console.theme import THEMES
from ipv6console.console.tone import content

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the settings' files have changed."""
_URGENT = frozenset({"ctrl+c", "ctrl+q"})
_LASTING = 15.0


def bindings(keys: Keys) -> BindingsMap:
    """Return the app's bindings: a key is looked up in the registry when it is pressed."""
    pressed = dict.fromkeys(key for own in keys.values() for key in own)
    return BindingsMap([Binding(key, f"key('{key}')", show=False, priority=key in _URGENT) for key in pressed])


class Dress:
    """The look that one app wears; with `looks` it follows the settings while it runs."""

    def __init__(self, app: ConsoleApp, look: Look, looks: Looks | None) -> None:
        self._app, self._looks = app, looks
        self.look = look
        self.ascii = AsciiFilter(enabled=wants_ascii(look.glyphs))
        for theme in THEMES:
            app.register_theme(theme)
        app.theme = look.theme
        put_in_force(look.keys)

    def put_on(self) -> None:
        """Begin to follow the settings."""
        if self._looks is not None:
            self._app.set_interval(LOOK_AGAIN, self.look_again)

    def next_theme(self) -> None:
        """Wear the next theme, until the console ends or the settings name one."""
        names = [theme.name for theme in THEMES]
        following = names[(names.index(self.look.theme) + 1) % len(names)]
        self._change(replace(self.look, theme=following))
        self._app.say(
            "Theme", content(f'{following}. For good: theme = "{following}" below [console] in the settings.')
        )

    def _change(self, look: Look) -> None:
        app, self.look = self._app, look
        app.theme = look.theme
        self.ascii.enabled = wants_ascii(look.glyphs)
        put_in_force(look.keys)
        app.bind_keys(look.keys)
        app.screen.refresh(layout=True)
        app.redraw()

    def look_again(self) -> None:
        """Take over settings that have changed; bad ones are told and leave everything as it is."""
        if self._looks is None:
            return
        try:
            renewed = self._looks.renewed()
        except ConfigError as error:
            self._app.notify(
                f"{error}\nWhat was in force stays in force.", title="Settings: not taken over", severity="warning",
                timeout=_LASTING, markup=False,
            )  # fmt: skip
            return
        if renewed is None:
            return
        look, later = renewed
        self._change(look)
        told = f"Theme {look.theme}, glyphs {look.glyphs}, and the keys are as the file says."
        if later:
            told += f"\nRestart needed for: {', '.join(later)}."
        self._app.notify(told, title="Settings taken over", timeout=_LASTING, markup=False)
