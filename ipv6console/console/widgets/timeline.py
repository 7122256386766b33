"""The Timeline pane: what happened to one prefix, what each change did to leases, and what is still to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.inquiry import Inquiry
from ipv6console.console.layout import hang
from ipv6console.console.model import Condition, Model
from ipv6console.console.tone import Span, Tone, content
from ipv6console.console.widgets.pane import TextPane, View, waiting
from ipv6console.console.widgets.prefix import ENDED
from ipv6console.console.widgets.prefixes import PrefixesPane
from ipv6console.wire.prefix import PrefixMoment, PrefixStory, PrefixTurn
from ipv6console.wire.state import PrefixRow, PrefixState

_TURNS: dict[PrefixTurn, tuple[str, Tone]] = {
    PrefixTurn.SEEN: ("●", Tone.OK),
    PrefixTurn.RETURNED: ("●", Tone.OK),
    PrefixTurn.DEPRECATED: ("▲", Tone.WARN),
    PrefixTurn.DRAINED: ("▲", Tone.WARN),
    PrefixTurn.SILENT: ("✖", Tone.FAIL),
    PrefixTurn.REFUSED: ("✖", Tone.FAIL),
    PrefixTurn.GONE: ("✖", Tone.FAIL),
    PrefixTurn.REVOKED: ("✖", Tone.FAIL),
}
_PREFERRED = {PrefixTurn.SEEN, PrefixTurn.RETURNED}
_DRAINING = {PrefixTurn.DEPRECATED, PrefixTurn.DRAINED, PrefixTurn.SILENT}
_LOSING = {PrefixTurn.GONE, PrefixTurn.REVOKED}
_WHEN, _WHAT = 21, 35
_STRIP_LEAST = 64
_AHEAD = Tone.DIM


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the four stages: when it was reached (unix seconds), or when it will be at the latest, if that is known."""

    name: str
    mark: Span
    since: float | None = None
    until: float | None = None

    def when(self, now: float) -> str:
        """Return its time as seen from `now`."""
        if self.since is not None:
            return f"{figure.span(now - self.since)} ago"
        return "no end known" if self.until is None else f"in {figure.span(self.until - now)}"


def stages(row: PrefixRow, story: PrefixStory) -> tuple[Stage, ...]:
    """Return seen, preferred, deprecated and gone of the life the prefix has now: it may have been gone before."""
    seen = row.first_seen
    last: dict[str, PrefixMoment] = {}
    for entry in story.entries:
        if entry.turn is PrefixTurn.SEEN:
            seen, last = entry.at, {}
        for name, turns in (("preferred", _PREFERRED), ("draining", _DRAINING), ("gone", _LOSING)):
            if entry.turn in turns:
                last[name] = entry
    ended = row.state in ENDED
    preferred, draining, gone = last.get("preferred"), last.get("draining"), last.get("gone")
    return (
        Stage("seen", ("●", Tone.OK), since=seen),
        Stage("preferred", ("●", Tone.OK), since=preferred.at if preferred else seen),
        _reached(draining)
        if draining and row.state is not PrefixState.ACTIVE
        else Stage("deprecated", ("○", _AHEAD), until=None if ended else row.preferred_until),
        _reached(gone) if gone and ended else Stage("gone", ("○", _AHEAD), until=row.valid_until),
    )


def _reached(entry: PrefixMoment) -> Stage:
    return Stage(entry.turn.value, _TURNS[entry.turn], since=entry.at)


def strip(row: PrefixRow, story: PrefixStory, now: float, width: int) -> Content:
    """Return the four stages side by side: since when each is reached, or in how long it is at the latest."""
    found = stages(row, story)
    size = width // len(found)
    heads, times = Content(""), Content("")
    for stage in found:
        glyph, tone = stage.mark
        head = content((f"{glyph} {stage.name}", tone))
        line = "" if stage is found[-1] else f" {'─' * max(0, size - head.cell_length - 2)} "
        heads += head + content((line, Tone.DIM))
        times += content((stage.when(now), Tone.DIM if stage.since is None else Tone.PLAIN)).truncate(size, pad=True)
    return heads + content("\n") + times


def hurt(entry: PrefixMoment) -> Span:
    """Return what a change did to leases."""
    if entry.leases is None:
        return "", Tone.DIM
    if entry.turn in _LOSING:
        lost = figure.many(entry.leases, "lease lost", "leases lost")
        return (f"✖ {lost}", Tone.FAIL) if entry.leases else ("● no lease lost", Tone.OK)
    drained = figure.many(entry.leases, "lease drains", "leases drain")
    return (f"▲ {drained}", Tone.WARN) if entry.leases else ("● no lease drains", Tone.OK)


def changes(story: PrefixStory, moment: Callable[[float], str], width: int) -> list[Content]:
    """Return one entry after the other, the newest last, each with what it did to leases."""
    lines = []
    for entry in story.entries:
        glyph, tone = _TURNS[entry.turn]
        date, _, rest = moment(entry.at).partition(" ")
        head = content((f"{date} {rest[:8]}".ljust(_WHEN), Tone.DIM), (f"{glyph} {entry.turn}", tone))
        told, did = content(entry.text), hurt(entry)
        told += content("  ", did) if did[0] else content()
        told += content((f"  by {entry.actor}" if entry.actor else "", Tone.DIM))
        lines.append(hang(head, told, _WHAT, width))
    return lines


def ahead(row: PrefixRow, model: Model, width: int) -> list[Content]:
    """Return what is still to come, and what would hang on the prefix if it went now."""
    lines: list[Content] = []
    now = model.now
    if row.state in ENDED:
        return lines
    for until, text in (
        (row.preferred_until if row.state is PrefixState.ACTIVE else None, "preferred lifetime ends: it drains then"),
        (row.valid_until, "valid lifetime ends: leases still on it are lost then"),
    ):
        if until is not None and until > now:
            lines.append(
                hang(content((f"in {figure.span(until - now)}".ljust(_WHEN), Tone.DIM)), content(text), _WHEN, width)
            )
    others = [other for other in model.prefixes if other.state is PrefixState.ACTIVE and other.prefix != row.prefix]
    left = sum(other.addresses for other in others)
    lost = figure.many(row.leased, "lease is lost", "leases are lost")
    stay = (
        f"{figure.many(left, 'address stays', 'addresses stay')} in {figure.many(len(others), 'other prefix', 'other prefixes')}"
        if others
        else "no other prefix is active, so nothing could be handed out"
    )
    told = content(
        f"{figure.many(row.addresses, 'address leaves', 'addresses leave')} the pool, ",
        (lost, Tone.WARN if row.leased else Tone.PLAIN), f"; {stay}",
    )  # fmt: skip
    lines.append(hang(content(("if it went now", Tone.KEY)), told, _WHEN, width))
    return lines


class TimelinePane(TextPane):
    """The story of the prefix under the list's cursor, where there is no list of the one in use, from the kept events."""

    topic = "Timeline"
    guide: ClassVar[str] = (
        "What happened to the prefix under the cursor: seen → preferred → deprecated → gone, each with its time and with\n"
        "what it did to leases: ▲ they drain (end by themselves), ✖ they were lost. Prefixes that come and go more than\n"
        "once start anew with each `seen`. It is read from the kept events (30 days unless engine.event_days says\n"
        "otherwise). Below: what is still to come, and what would be hurt if the prefix went now. {again} reads it again."
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._story: Inquiry[PrefixStory] = Inquiry(self, "story")

    def redraw(self, view: View) -> None:
        """Show the story of the prefix the list is on."""
        row = self._row(view)
        heading = "Timeline" if row is None else f"Timeline · {row.prefix}"
        self.frame(view, heading, row.stamp if row else None)
        body = waiting(view, "the timeline")
        if body is None and row is None:
            body = content(("○ no prefix", Tone.DIM), "\nA prefix's story begins when the kernel shows one.")
        if body is None and row is not None:
            version = (row.state, row.changed_at, row.preferred_until is None)
            self._story.want((row.prefix, view.source), version, lambda: view.source.prefix_story(row.prefix), view)
            body = self._told(row, view)
        self.write(body or Content(""))

    def _row(self, view: View) -> PrefixRow | None:
        listed = next(iter(self.screen.query(PrefixesPane)), None)
        chosen = None if listed is None else listed.chosen(view)
        return chosen or next(iter(view.model.prefixes), None)

    def _told(self, row: PrefixRow, view: View) -> Content:
        parts: list[Content] = []
        inquiry, now = self._story, view.model.now
        if inquiry.refusal is not None:
            refusal = inquiry.refusal
            parts.append(content(
                (f"✖ {refusal.title}: ", Tone.FAIL), refusal.detail, "\n", (refusal.next, Tone.STRONG), "  ",
                ("r", Tone.KEY), " asks again",
            ))  # fmt: skip
        elif inquiry.value is None and view.model.condition is not Condition.LIVE:
            parts.append(content(("◌ not read", Tone.UNKNOWN), ": the engine does not answer"))
        elif inquiry.value is None:
            parts.append(content(("⟳ reading", Tone.BUSY), " the kept events"))
        if inquiry.value is not None:
            parts += self._history(row, inquiry.value, view)
        told = ahead(row, view.model, self.room)
        if told and view.model.condition is Condition.LIVE:
            parts.append(Content("\n").join(told))
        if inquiry.value is not None:
            age = figure.whole_age(now - inquiry.at)
            parts.append(content((f"from the kept events, read {age} ago  " if age != "now" else "from the kept events, read now  ", Tone.DIM), ("r", Tone.KEY), (" again", Tone.DIM)))  # fmt: skip
        return Content("\n\n").join(parts)

    def _history(self, row: PrefixRow, story: PrefixStory, view: View) -> list[Content]:
        if not story.entries:
            seen = figure.span(view.model.age_of(row.first_seen))
            return [content(("○ no event is kept", Tone.DIM), f" about it; it was first seen {seen} ago")]
        parts = [strip(row, story, view.model.now, self.room)] if self.room >= _STRIP_LEAST else []
        return [*parts, Content("\n").join(changes(story, view.moment, self.room))]

    def read_again(self) -> None:
        """Read the story anew when it is drawn next."""
        self._story.forget()

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """The story as lines."""
        row, story = self._row(view), self._story.value
        if row is None or story is None:
            return None
        lines = [(view.moment(entry.at), f"{entry.turn}: {entry.text} {hurt(entry)[0]}") for entry in story.entries]
        return f"Timeline of {row.prefix}", lines

    def copied(self, view: View) -> str | None:
        """The story as text."""
        told = self.subject(view)
        return None if told is None else "\n".join(f"{when}  {what}" for when, what in told[1])

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        row = self._row(view)
        return lookup.prefixes(view.door) if row is None else lookup.story(view.door, row.prefix)
