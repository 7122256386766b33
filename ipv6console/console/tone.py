"""Tones: what a piece of text means, told by glyph and word first and by colour last."""

from __future__ import annotations

from enum import StrEnum

from textual.content import Content

from ipv6console.console.keyring import in_force
from ipv6console.wire.event import EventLevel
from ipv6console.wire.status import Level


class Tone(StrEnum):
    """What a piece of text means."""

    PLAIN = "plain"
    STRONG = "strong"
    DIM = "dim"
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    BUSY = "busy"
    KEY = "key"
    """The own key of an action; the operator's is shown if it was changed."""
    PRESS = "press"
    """A key that cannot be changed."""


STYLES: dict[Tone, str] = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.DIM: "$foreground-muted",
    Tone.OK: "$text-success",
    Tone.WARN: "bold $text-warning",
    Tone.FAIL: "bold $text-error",
    Tone.UNKNOWN: "$foreground-muted",
    Tone.BUSY: "$text-primary",
    Tone.KEY: "bold $text-primary",
    Tone.PRESS: "bold $text-primary",
}
"""The theme's colour of each tone, in the words of Textual's content markup."""

_LEVELS: dict[Level, tuple[str, str, Tone]] = {
    Level.OK: ("●", "ok", Tone.OK),
    Level.WARN: ("▲", "warn", Tone.WARN),
    Level.FAIL: ("✖", "fail", Tone.FAIL),
    Level.OFF: ("○", "off", Tone.DIM),
    Level.UNKNOWN: ("◌", "unknown", Tone.UNKNOWN),
}

_EVENTS: dict[EventLevel, tuple[str, str, Tone]] = {
    EventLevel.INFO: ("·", "info", Tone.DIM),
    EventLevel.WARNING: ("▲", "warn", Tone.WARN),
    EventLevel.ERROR: ("✖", "fail", Tone.FAIL),
}

Span = tuple[str, Tone]
"""A piece of text and what it means."""


def verdict(level: Level, *, stale: bool = False) -> Span:
    """Return the glyph and word of a level; when the data is stale only what it was, never in its colour."""
    glyph, word, tone = _LEVELS[level]
    return (f"◌ was {word}", Tone.UNKNOWN) if stale else (f"{glyph} {word}", tone)


def loudness(level: EventLevel) -> Span:
    """Return the glyph and word of an event's level."""
    glyph, word, tone = _EVENTS[level]
    return f"{glyph} {word}", tone


def glyph_of(level: Level, *, stale: bool = False) -> Span:
    """Return only the glyph of a level, for cells whose neighbour says the word."""
    glyph, _, tone = _LEVELS[level]
    return ("◌", Tone.UNKNOWN) if stale else (glyph, tone)


def content(*spans: Span | str | Content) -> Content:
    """Join spans (a bare string is plain) into content; text is taken literally, never as markup."""
    return Content.assemble(*((told(span), STYLES[span[1]]) if isinstance(span, tuple) else span for span in spans))


def told(span: Span) -> str:
    """Return the text of a span, with the key that is in force where it names one."""
    text, tone = span
    return in_force(text) if tone is Tone.KEY else text
