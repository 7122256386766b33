"""Which events an operator wants: words and fields as typed, and how much of it the engine can pick out by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv6Address, IPv6Network

from ipv6console.wire.event import EVERY_EVENT, LEVELS, Event, EventFilter, EventLevel

FIELDS = ("level", "kind", "subject", "actor", "mirror", "prefix", "text")
LEVEL_NAMES = {EventLevel.INFO: "info", EventLevel.WARNING: "warn", EventLevel.ERROR: "fail"}
"""The levels by the words the screen uses."""

_BY_WORD = {name: level for level, name in LEVEL_NAMES.items()} | {level.value: level for level in LEVELS}


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the filter; without a `field` it may stand anywhere in the event."""

    text: str
    field: str | None
    inverted: bool

    def passes(self, event: Event) -> bool:
        """Whether `event` passes this word."""
        return self._hits(event) is not self.inverted

    def _hits(self, event: Event) -> bool:
        wanted = self.text.casefold()
        match self.field:
            case "level":
                return LEVELS.index(event.level) >= LEVELS.index(_BY_WORD[wanted])
            case "kind":
                return event.kind.startswith(wanted)
            case "subject" | "mirror":
                return event.subject == self.text
            case "actor":
                return wanted in (event.actor or "").casefold()
            case "text" | "prefix":
                return wanted in event.text.casefold()
            case _:
                words = (event.text, event.kind, event.subject or "", event.actor or "")
                return any(wanted in word.casefold() for word in words)

    def __str__(self) -> str:
        named = f"{self.field}:{self.text}" if self.field else self.text
        return f"!{named}" if self.inverted else named


@dataclass(frozen=True, slots=True)
class Sieve:
    """What is wanted: at least `level`, and every term."""

    level: EventLevel = EventLevel.INFO
    terms: tuple[Term, ...] = ()

    def passes(self, event: Event) -> bool:
        """Whether `event` is wanted."""
        return LEVELS.index(event.level) >= LEVELS.index(self.level) and all(term.passes(event) for term in self.terms)

    @property
    def wanted(self) -> EventFilter:
        """What the engine is asked for: everything that passes is among it."""
        asked = replace(EVERY_EVENT, level=None if self.level is LEVELS[0] else self.level)
        for term in self.terms:
            if not term.inverted:
                asked = _narrowed(asked, term)
        return asked

    @property
    def everything(self) -> bool:
        """Whether nothing is held back."""
        return self == EVERYTHING

    def __str__(self) -> str:
        level = () if self.level is LEVELS[0] else (f"level:{LEVEL_NAMES[self.level]}",)
        return " ".join((*level, *map(str, self.terms)))


EVERYTHING = Sieve()
"""Holds nothing back."""


def sieve(text: str, level: EventLevel) -> Sieve:
    """Return the sieve for a filter line and the level that is set; a word that is still being typed asks for nothing."""
    return Sieve(level, tuple(term for term in map(_term, text.split()) if term is not None))


def unknown(text: str) -> str | None:
    """Return the first word that names a level there is none of, also when more is typed; None when all are known."""
    for word in text.split():
        field, _, value = word.removeprefix("!").lower().partition(":")
        if field == "level" and not any(name.startswith(value) for name in _BY_WORD):
            return word
    return None


def louder(level: EventLevel, steps: int) -> EventLevel:
    """Return the level so many steps louder (below zero: quieter), as far as there are."""
    return LEVELS[min(len(LEVELS) - 1, max(0, LEVELS.index(level) + steps))]


def _term(word: str) -> Term | None:
    inverted = word.startswith("!")
    bare = word[1:] if inverted else word
    field, colon, value = bare.partition(":")
    named = bool(colon) and field.lower() in FIELDS
    wanted = value if named else bare
    if not wanted or (named and field.lower() == "level" and wanted.lower() not in _BY_WORD):
        return None
    return Term(_spelled(wanted), field.lower() if named else None, inverted)


def _spelled(word: str) -> str:
    """Return an address or a prefix as the engine spells it, any other word as it is."""
    if ":" not in word:
        return word
    try:
        return str(IPv6Network(word, strict=False)) if "/" in word else str(IPv6Address(word))
    except ValueError:
        return word


def _narrowed(asked: EventFilter, term: Term) -> EventFilter:
    match term.field:
        case "level":
            level = _BY_WORD[term.text.lower()]
            known = asked.level or LEVELS[0]
            return replace(asked, level=max(level, known, key=LEVELS.index))
        case "kind" if asked.kind is None:
            return replace(asked, kind=term.text.lower())
        case "actor" if asked.actor is None:
            return replace(asked, actor=term.text)
        case "text" | "prefix" if asked.text is None:
            return replace(asked, text=term.text)
        case "subject" | "mirror" if asked.subject is None:
            return replace(asked, subject=term.text)
        case _:
            return asked
