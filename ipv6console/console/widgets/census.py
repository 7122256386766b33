"""The Address space pane: subscribers by state, what waits for other systems, and how those are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.life import STATES, named_state
from ipv6console.console.model import Condition, Model
from ipv6console.console.tone import Span, Tone, content, verdict
from ipv6console.console.widgets.listed import NOT_TOLD
from ipv6console.console.widgets.pane import TextPane, View, waiting
from ipv6console.wire.state import SpaceState
from ipv6console.wire.status import Level

_SPARK, _SHORT = 10, 5
_GAP = "  "


def census(space: SpaceState, model: Model, *, stale: bool, trend: int) -> list[Content]:
    """Return how many subscribers are in each state, each with its trend of `trend` cells; states nobody is in are dim."""
    told = []
    for state in STATES:
        number = space.states.get(state, 0)
        (word, tone) = named_state(state)
        if state == "pending" and not space.pending:
            word, tone = "○ pending", Tone.DIM  # they never asked for a prefix
        glyph = ("◌" if stale else word.split(" ")[0]) if number else "·"
        shown = Tone.UNKNOWN if stale else tone if number else Tone.DIM
        spark = figure.spark(_risen(model.lives.get(state, ())), trend) if trend else ""
        told.append(content(
            (f"{glyph} {state} ", shown), (figure.short(number), Tone.STRONG if number else Tone.DIM),
            (f" {spark}" if spark else "", Tone.UNKNOWN if stale or not number else Tone.BUSY),
        ))  # fmt: skip
    return told


def _risen(counts: Sequence[float]) -> list[float]:
    """Return by how much each count is above the least of them: a trend of many shows what changes."""
    least = min(counts, default=0.0)
    return [count - least for count in counts]


def outbox(space: SpaceState, model: Model, *, stale: bool, brief: bool = False) -> Content:
    """Return what waits for other systems, and for how long."""
    if not space.pending:
        parts: list[Span] = [("◌ no step waits" if stale else "● no step waits", Tone.UNKNOWN if stale else Tone.OK)]
    else:
        since = (
            ""
            if space.pending_since is None
            else f"{' ' if brief else ', the oldest '}{figure.whole_age(model.age_of(space.pending_since))}"
        )
        waits = figure.many(space.pending, "step waits", "steps wait")
        parts = [(f"{'◌' if stale else '⟳'} {waits}{since}", Tone.UNKNOWN if stale else Tone.BUSY)]
    if space.stuck:
        parts += [
            (_GAP, Tone.PLAIN),
            (f"{'◌' if stale else '▲'} {figure.count(space.stuck)} stuck", Tone.UNKNOWN if stale else Tone.WARN),
        ]
    if space.leaks:
        leaks = (
            f"{figure.count(space.leaks)} differ"
            if brief
            else figure.many(space.leaks, "prefix differs", "prefixes differ")
        )
        parts += [(_GAP, Tone.PLAIN), (f"{'◌' if stale else '▲'} {leaks}", Tone.UNKNOWN if stale else Tone.WARN)]
    return content(*parts)


def neighbours(space: SpaceState, *, stale: bool) -> list[Content]:
    """Return how the IPAM and RADIUS are."""
    registry = f"IPAM ({space.registry}) " if space.registry else "IPAM "
    return [
        content((name, Tone.DIM), verdict(level, stale=stale), (f" {text}" if text and text != level else "", Tone.DIM))
        for name, level, text in (
            (registry, space.ipam, space.ipam_text),
            ("RADIUS ", space.radius, space.radius_text),
        )
    ]


def holdings(space: SpaceState) -> Content:
    """Return what the spaces hold."""
    many = figure.many
    told = [
        many(space.spaces, "space", "spaces"),
        many(space.bindings, "binding", "bindings"),
        many(space.delegations, "prefix cut", "prefixes cut"),
        many(space.resting, "address rests", "addresses rest"),
    ]
    return content((" · ".join(told), Tone.DIM))


def flowed(parts: list[Content], width: int) -> list[Content]:
    """Return the parts in lines of at most `width` cells, none of them broken while it fits into one."""
    lines: list[Content] = []
    for part in parts:
        if lines and lines[-1].cell_length + len(_GAP) + part.cell_length <= width:
            lines[-1] = lines[-1] + Content(_GAP) + part
        else:
            lines.append(part)
    return lines


class CensusPane(TextPane):
    """How subscribers and spaces stand, in a few lines; with `brief` only what matters on the Overview."""

    topic = "Address space"
    scopes = frozenset({Scope.SPACE})
    guide: ClassVar[str] = (
        "Subscribers by the state of their prefix, each with the trend of the last seconds; the steps that wait for IPAM or RADIUS; "
        "how those two are; what the spaces hold. Stuck are those that are allocated or being revoked for too long; prefixes differ "
        "when store, IPAM and kernel do not agree: `ipv6console leaks` lists and repairs them. {space} has all of it."
    )

    def __init__(self, *, id: str, brief: bool = False) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._brief = brief

    def basis(self, view: View) -> tuple[object, ...]:
        """The counts."""
        return (None if view.model.state is None else view.model.state.space,)

    def redraw(self, view: View) -> None:
        """Show the counts."""
        state = view.model.state
        space = None if state is None else state.space
        self.frame(view, "Address space", None if space is None else space.stamp)
        body = waiting(view, "the address space")
        if body is None:
            body = content(*NOT_TOLD) if space is None else self._told(space, view)
        self.write(body)

    def _told(self, space: SpaceState, view: View) -> Content:
        stale = view.model.condition is Condition.STALE
        waits = outbox(space, view.model, stale=stale)
        near = neighbours(space, stale=stale)
        if self._brief:
            counts = self._present(space, view, stale=stale)
            ill = [
                part
                for level, part in zip((space.ipam, space.radius), near, strict=True)
                if level not in {Level.OK, Level.OFF}
            ]
            told = Content(_GAP).join([*ill, waits, *counts, holdings(space)])
            return told.truncate(max(1, self.room), ellipsis=True)
        if view.compact:
            counts = self._present(space, view, stale=stale)
            near = [
                content((f"{name} ", Tone.DIM), verdict(level, stale=stale))
                for name, level in (("IPAM", space.ipam), ("RADIUS", space.radius))
            ]
            waits = outbox(space, view.model, stale=stale, brief=True)
            return Content("\n").join([*flowed([waits, *near], self.room), *flowed(counts, self.room)])
        counts = census(space, view.model, stale=stale, trend=_SPARK if view.wide else _SHORT)
        return Content("\n").join([*flowed(counts, self.room), *flowed([waits, *near, holdings(space)], self.room)])

    @staticmethod
    def _present(space: SpaceState, view: View, *, stale: bool) -> list[Content]:
        """Return the states that somebody is in."""
        told = zip(STATES, census(space, view.model, stale=stale, trend=0), strict=True)
        return [part for state, part in told if space.states.get(state)]

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything counted."""
        space = None if view.model.state is None else view.model.state.space
        return None if space is None else ("Address space", facts(space, view.model.now))

    def copied(self, view: View) -> str | None:
        """What is counted, as text."""
        told = self.subject(view)
        return None if told is None else "\n".join(f"{label}: {value}" for label, value in told[1])

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.state(view.door)
