"""Since you last looked: what happened while nobody watched, counted by level and kind, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from textual.content import Content

from ipv6console.console import figure
from ipv6console.console.layout import hang
from ipv6console.console.tone import Tone, content, loudness
from ipv6console.wire.event import LEVELS, Event, EventLevel

WORST = 6
"""How many single events are told."""

_LOUD_FIRST = tuple(reversed(LEVELS))
_NOUNS = {
    EventLevel.ERROR: ("failure", "failures"),
    EventLevel.WARNING: ("warning", "warnings"),
    EventLevel.INFO: ("other event", "other events"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How often one kind of event happened, how loud at most, and when last (unix seconds)."""

    kind: str
    level: EventLevel
    count: int
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What happened after event `since`, which was seen at `since_at` (unix seconds); `unread` are too many to count."""

    since: int
    since_at: float
    last: int
    levels: dict[EventLevel, int]
    kinds: tuple[Kind, ...]
    worst: tuple[Event, ...]
    actors: dict[str, int]
    unread: int = 0

    @property
    def count(self) -> int:
        """How many events were looked at."""
        return sum(self.levels.values())

    @property
    def level(self) -> EventLevel:
        """The loudest level there was."""
        return next((level for level in _LOUD_FIRST if self.levels[level]), EventLevel.INFO)


def digest(events: Iterable[Event], *, since: int, since_at: float, unread: int = 0) -> Digest:
    """Return the digest of `events`, of which only those after number `since` count."""
    found = [event for event in events if event.id > since]
    kinds: dict[str, list[Event]] = {}
    for event in found:
        kinds.setdefault(event.kind, []).append(event)
    told = [
        Kind(
            kind=kind,
            level=max((event.level for event in run), key=LEVELS.index),
            count=len(run),
            last_at=max(event.at for event in run),
        )
        for kind, run in kinds.items()
    ]
    told.sort(key=lambda row: (-LEVELS.index(row.level), -row.count, row.kind))
    loud = [event for event in found if event.level is not EventLevel.INFO]
    loud.sort(key=lambda event: (-LEVELS.index(event.level), -event.id))
    levels = Counter(event.level for event in found)
    return Digest(
        since=since,
        since_at=since_at,
        last=max((event.id for event in found), default=since),
        levels={level: levels[level] for level in LEVELS},
        kinds=tuple(told),
        worst=tuple(loud[:WORST]),
        actors=dict(Counter(event.actor for event in found if event.actor).most_common()),
        unread=unread,
    )


def headline(told: Digest) -> str:
    """Return the counts in one line, the loudest first: "✖ 2 failures, ▲ 1 warning, 40 other events"."""
    parts = []
    for level in _LOUD_FIRST:
        number = told.levels[level]
        if number:
            glyph = "" if level is EventLevel.INFO else loudness(level)[0].split(" ")[0] + " "
            parts.append(glyph + figure.many(number, *_NOUNS[level]))
    more = f", {figure.count(told.unread)} older ones not looked at" if told.unread else ""
    return ", ".join(parts) + more


def page(told: Digest, now: float, width: int) -> Content:
    """Return the digest as text in `width` cells; `now` is the engine's time in unix seconds."""
    ago = figure.span(now - told.since_at)
    lines = [
        content(("You last looked ", Tone.DIM), f"{ago} ago", (", since then:", Tone.DIM)),
        content((headline(told) or "nothing happened", Tone.STRONG)),
    ]
    if told.worst:
        lines += [Content(""), content(("The worst, newest first", Tone.STRONG))]
        for event in told.worst:
            head = content(loudness(event.level), (f" {figure.whole_age(now - event.at)}", Tone.DIM))
            lines.append(hang(head, Content(event.text), _COLUMN, width))
    if told.kinds:
        lines += [Content(""), content(("By kind", Tone.STRONG))]
        for row in told.kinds:
            last = figure.ago(now - row.last_at)
            body = content(f"{row.kind}  ", (figure.count(row.count), Tone.STRONG), (f"  last {last}", Tone.DIM))
            lines.append(hang(content(loudness(row.level)), body, _COLUMN, width))
    if told.actors:
        lines += [Content(""), content(("Who did something", Tone.STRONG))]
        lines += [
            hang(content((f"{figure.count(number)}x", Tone.DIM)), Content(actor), _COLUMN, width)
            for actor, number in told.actors.items()
        ]
    return Content("\n").join(lines)


_COLUMN = 14
