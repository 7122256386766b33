"""Who else is attached, and what each of them did lately."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.content import Content

from ipv6console.console import figure
from ipv6console.console.layout import hang
from ipv6console.console.tone import Tone, content, loudness
from ipv6console.wire.event import Event
from ipv6console.wire.presence import AttachedRow, WatcherKind

DEEDS = 5
"""How many deeds of each are told."""

_COLUMN = 12


def own_name() -> str:
    """Return the name this console gives itself: user, host and process, so that it is told from others."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in containers
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendant:
    """Somebody who is attached or was lately: `row` is None for those who are not any more; `deeds` newest first."""

    transport: str
    row: AttachedRow | None
    deeds: tuple[Event, ...]
    own: bool = False


def attendants(attached: Sequence[AttachedRow], events: Iterable[Event], own: str) -> tuple[Attendant, ...]:
    """Return everybody who is attached, this console first, then those who did something and are not attached.

    `own` is the name this console has given itself.
    """
    deeds: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: -event.id):
        if event.actor and not event.kind.startswith("console."):
            deeds.setdefault(event.actor, []).append(event)
    here = [
        Attendant(
            transport=row.transport, row=row, deeds=tuple(deeds.get(row.transport, ())[:DEEDS]), own=row.name == own
        )
        for row in attached
    ]
    here.sort(key=lambda found: (not found.own, found.row.kind is not WatcherKind.CONSOLE if found.row else True))
    transports = {row.transport for row in attached}
    others = [
        Attendant(transport=actor, row=None, deeds=tuple(done[:DEEDS]))
        for actor, done in deeds.items()
        if actor not in transports
    ]
    return (*here, *others)


def others_acting(attached: Sequence[AttachedRow], own: str) -> int:
    """Return how many other consoles that may act are attached."""
    return sum(row.kind is WatcherKind.CONSOLE and not row.read_only and row.name != own for row in attached)


def page(found: Sequence[Attendant], now: float, width: int) -> Content:
    """Return them as text in `width` cells; `now` is the engine's time in unix seconds."""
    here = [one for one in found if one.row is not None]
    gone = [one for one in found if one.row is None]
    lines = [content((f"Attached now · {len(here)}", Tone.STRONG))]
    for one in here:
        lines += _attendant(one, now, width)
    if not here:
        lines.append(content(("The engine names nobody: it is older than this console.", Tone.DIM)))
    if gone:
        lines += [Content(""), content(("Did something lately and is not attached", Tone.STRONG))]
        for one in gone:
            lines += _attendant(one, now, width)
    return Content("\n").join(lines)


def _attendant(one: Attendant, now: float, width: int) -> list[Content]:
    row = one.row
    if row is None:
        lines = [hang(content("  "), content((one.transport, Tone.PLAIN)), 2, width)]
    else:
        may = ("RO", Tone.WARN) if row.read_only else ("RW" if row.kind is WatcherKind.CONSOLE else "", Tone.PLAIN)
        who = ("● this console", Tone.OK) if one.own else (f"● {row.kind.value}", Tone.BUSY)
        stay = (f"  for {figure.span(now - row.since)}", Tone.DIM)
        told = content(
            who, "  ", (row.name or "no name", Tone.STRONG), "  ", may, stay, (f"  {row.transport}", Tone.DIM)
        )
        lines = [hang(content("  "), told, 2, width)]
    for event in one.deeds:
        head = content(f"    {figure.whole_age(now - event.at)}", " ")
        lines.append(hang(head, content(loudness(event.level), f"  {event.text}"), _COLUMN, width))
    if not one.deeds:
        lines.append(content(("    has done nothing that is known", Tone.DIM)))
    return lines
