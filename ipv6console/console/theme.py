"""The themes of the console; what a colour says is always said by a glyph and a word as well."""

from __future__ import annotations

from textual.theme import Theme

from ipv6console.config import THEMES as NAMES

# Okabe and Ito's colours, which people without red or green cones tell apart: sky blue for well, orange, vermillion.
_SKY, _ORANGE, _VERMILLION, _PURPLE = "#56b4e9", "#f0a830", "#ff7a3d", "#cc79a7"

THEMES: tuple[Theme, ...] = (
    Theme(
        name="dark",
        primary="#0178d4",
        secondary="#004578",
        accent="#ffa62b",
        warning="#ffa62b",
        error="#e0526f",
        success="#4ebf71",
        foreground="#e0e0e0",
        dark=True,
    ),
    Theme(
        name="light",
        primary="#004578",
        secondary="#0178d4",
        accent="#0178d4",
        warning="#8a5300",
        error="#a3122f",
        success="#126b33",
        foreground="#1a1a1a",
        background="#f4f4f4",
        surface="#ffffff",
        panel="#dfe4ea",
        dark=False,
    ),
    Theme(
        name="high-contrast",
        primary="#6cb6ff",
        secondary="#a5d4ff",
        accent="#ffff00",
        warning="#ffff00",
        error="#ff8f8f",
        success="#00ff6a",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#202020",
        dark=True,
        text_alpha=1.0,
        variables={
            "foreground-muted": "#d8d8d8",
            "text-success": "#00ff6a",
            "text-warning": "#ffff00",
            "text-error": "#ff8f8f",
            "text-primary": "#6cb6ff",
            "primary-muted": "#003a78",
            "warning-muted": "#b0b000",
        },
    ),
    Theme(
        name="deuteranopia",
        primary=_PURPLE,
        secondary="#7d4a68",
        accent=_ORANGE,
        warning=_ORANGE,
        error=_VERMILLION,
        success=_SKY,
        foreground="#e6e6e6",
        dark=True,
        variables={
            "text-success": _SKY,
            "text-warning": _ORANGE,
            "text-error": _VERMILLION,
            "text-primary": "#e3a3c6",
        },
    ),
    Theme(
        name="ansi",
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        accent="ansi_magenta",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "border-blurred": "ansi_bright_black",
            "foreground-muted": "ansi_default",
            "block-cursor-foreground": "ansi_default",
            "block-cursor-background": "ansi_default",
            "block-cursor-text-style": "reverse",
            "input-cursor-text-style": "reverse",
            "input-selection-background": "ansi_blue",
            "input-selection-foreground": "ansi_bright_white",
            "screen-selection-background": "ansi_blue",
            "screen-selection-foreground": "ansi_bright_white",
            "scrollbar": "ansi_blue",
            "scrollbar-background": "ansi_default",
            "scrollbar-background-hover": "ansi_default",
            "scrollbar-background-active": "ansi_default",
        },
    ),
)
"""In the order in which the key goes through them; ansi takes all colours from the terminal."""

if tuple(theme.name for theme in THEMES) != NAMES:
    raise RuntimeError("the themes and their names in the settings differ")
