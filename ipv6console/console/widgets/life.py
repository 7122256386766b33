"""The life of the subscriber under the cursor: its timeline, and the steps that other systems take for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.inquiry import Inquiry
from ipv6console.console.layout import hang
from ipv6console.console.life import STATES, STEP_WORDS, next_try, step_state
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, content
from ipv6console.console.widgets.addresses import Note, refused
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.pane import TextPane, View, waiting
from ipv6console.console.widgets.subscribers import SubscribersPane
from ipv6console.console.widgets.table import NONE_PASS, RowsPane
from ipv6console.wire.subscriber import LifecycleHistory, LifecycleStep, OutboxPage, OutboxRow, SubscriberRow

MOST = 100
"""Entries of a timeline, and steps, that are asked for."""

_WHEN, _WHAT = 10, 23
_STRIP = ("pending", "allocated", "active", "suspended", "revoking", "revoked")


def strip(row: SubscriberRow) -> Content:
    """Return the stages of a life with the one that the prefix is in, and what leads there."""
    parts: list[Span] = []
    for state in _STRIP:
        glyph, tone = STATES[state]
        here = state == row.state
        parts.append((f"{glyph} {state}" if here else state, tone if here else Tone.DIM))
        parts.append((" / " if state == "active" else " → ", Tone.DIM))
    ends = content(*parts[:-1])
    return ends + content("   ", ("✖ failed", Tone.FAIL)) if row.state == "failed" else ends


def timeline(steps: tuple[LifecycleStep, ...], now: float, width: int) -> list[Content]:
    """Return the entries, the newest first, each with its age, what became of the prefix, why and by whom."""
    lines = []
    for step in steps:
        head = content((f"{figure.whole_age(max(0.0, now - step.at)):<{_WHEN}}", Tone.DIM), _turn(step))
        told = content(step.text or "", ("" if not step.prefix else f"  {step.prefix}", Tone.STRONG))
        told += content((f"  by {step.actor}" if step.actor else "", Tone.DIM))
        lines.append(hang(head, told, _WHAT, width))
    return lines


def _turn(step: LifecycleStep) -> Span:
    if step.before == step.after:
        return ("· note", Tone.DIM)
    glyph, tone = STATES.get(step.after, ("◌", Tone.UNKNOWN))
    return (f"{glyph} {step.after}", tone)


Chosen = Callable[[], SubscriberRow | None]


class LifePane(TextPane):
    """What became of the prefix of the subscriber that `chosen` returns."""

    topic = "Timeline"
    scopes = frozenset({Scope.SUBSCRIBERS})
    guide: ClassVar[str] = (
        "The life of the prefix of the subscriber under the cursor, the newest first: each state it came to, and every answer of "
        "IPAM or RADIUS, with who asked for it. {again} reads it again; Enter on the subscriber shows all of it."
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._history: Inquiry[LifecycleHistory] = Inquiry(self, "life")

    def _table(self) -> SubscribersPane:
        return self.screen.query_one(SubscribersPane)

    def basis(self, view: View) -> tuple[object, ...]:
        """The subscriber, and what was answered."""
        history = self._history
        return (self._table().chosen(), self._table().readings, history.value, history.refusal, history.asking)

    def redraw(self, view: View) -> None:
        """Show the life of the subscriber the table is on."""
        row, history = self._table().chosen(), self._history
        if row is not None:
            about = (row.tenant, row.subscriber_id, id(view.source))
            ask = lambda: view.source.subscriber_history(row.tenant, row.subscriber_id, MOST)  # noqa: E731 - closes over the row
            history.want(about, self._table().readings, ask, view)
        stamp = self._table().stamp(view) if row is not None and history.value is not None else None
        self.frame(view, "Timeline" if row is None else f"Timeline of {row.subscriber_id}", stamp)
        body = waiting(view, "the timeline")
        if body is None:
            body = content(*nobody()) if row is None else self._told(row, view)
        self.write(body)

    def _told(self, row: SubscriberRow, view: View) -> Content:
        parts = [strip(row)] if self.room >= 64 else []
        note = pending(self._history, view)
        if note is not None:
            return Content("\n").join([*parts, content(*note)])
        assert self._history.value is not None  # noqa: S101 - else there is a note
        steps = self._history.value.steps
        lines = timeline(steps, view.model.now, self.room)
        return Content("\n").join([*parts, *(lines or [content(("○ nothing has happened yet", Tone.DIM))])])

    def read_again(self) -> None:
        """Ask again."""
        self._history.forget()

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """The timeline, line by line."""
        row, told = self._table().chosen(), self._history.value
        if row is None or told is None:
            return None
        return f"Timeline of {row.subscriber_id}", [
            (view.moment(step.at), f"{step.before} → {step.after}  {step.text}") for step in told.steps
        ]

    def copied(self, view: View) -> str | None:
        """The timeline as text."""
        told = self.subject(view)
        return None if told is None else "\n".join(f"{when}  {what}" for when, what in told[1])

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        row = self._table().chosen()
        return lookup.subscribers(view.door) if row is None else lookup.life(view.door, row.tenant, row.subscriber_id)


def nobody() -> Note:
    """What is shown while the cursor is on no subscriber."""
    return (("○ no subscriber under the cursor", Tone.DIM),)


def pending(inquiry: Inquiry[LifecycleHistory] | Inquiry[OutboxPage], view: View) -> Note | None:
    """Return what stands for an answer that is not there; None when it is."""
    if inquiry.refusal is not None:
        return refused(inquiry.refusal)
    if inquiry.value is not None:
        return None
    live = view.model.condition is Condition.LIVE
    return (("⟳ reading", Tone.BUSY),) if live else (("◌ not read", Tone.UNKNOWN), ": the engine does not answer")


class StepsPane(RowsPane[OutboxRow]):
    """The steps of the subscriber that the table is on: pending ones first, then what was taken, the newest first."""

    topic = "Steps"
    what = "the steps"
    scopes = frozenset({Scope.TABLE, Scope.SUBSCRIBERS})
    guide: ClassVar[str] = (
        "What IPAM and RADIUS are asked to do for the subscriber under the cursor, one after the other: ⟳ pending ones are tried "
        "until answered, with more and more time between (NEXT); ● done, ✖ refused for good, ○ cancelled by an operator. ANSWER "
        "is what was said last.\n"
        "{retry} tries a step now, {cancel_step} lets it not be taken, with a reason; Enter shows everything, {filter} filters."
    )
    fields = frozenset({"step", "state", "answer"})
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="state", title="STATE", width=11),
        Column(key="step", title="STEP", width=10, flex=1),
        Column(key="tries", title="TRIES", width=5, right=True),
        Column(key="next", title="NEXT", width=10),
        Column(key="age", title="AGE", width=4, right=True, rank=2),
        Column(key="answer", title="ANSWER", width=14, flex=6, rank=1),
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._steps: Inquiry[OutboxPage] = Inquiry(self, "steps")

    def _table(self) -> SubscribersPane:
        return self.screen.query_one(SubscribersPane)

    def basis(self, view: View) -> tuple[object, ...]:
        """The subscriber, what was answered, and the filter."""
        steps = self._steps
        return (
            self._table().chosen(),
            self._table().readings,
            steps.value,
            steps.refusal,
            steps.asking,
            self.filter_text,
        )

    def redraw(self, view: View) -> None:
        """Show the steps that pass the filter."""
        row, steps = self._table().chosen(), self._steps
        if row is not None:
            about = (row.tenant, row.subscriber_id, id(view.source))
            ask = lambda: view.source.outbox(row.tenant, row.subscriber_id, MOST)  # noqa: E731 - closes over the row
            steps.want(about, self._table().readings, ask, view)
        known = row is not None and steps.value is not None
        count = f" · {figure.count(len(self.listed))}" if known else ""
        heading = "Steps" if row is None else f"Steps of {row.subscriber_id}{count}"
        self.frame(view, heading, self._table().stamp(view) if known else None)
        if view.paused and self.grid.rows:
            return
        body = waiting(view, self.what)
        note: Note | None = (body,) if body is not None else nobody() if row is None else pending(steps, view)
        found = self.listed if note is None else ()
        rows = self.passing(found, view)
        if note is None and not rows:
            note = (
                NONE_PASS if found else (("○ no step was ever needed", Tone.DIM), ": neither IPAM nor RADIUS was asked")
            )
        if note is None:
            self.place(rows, None)
        else:
            self.place([], ("", Tone.PLAIN), *note)

    @property
    def listed(self) -> tuple[OutboxRow, ...]:
        """The steps that were answered."""
        return () if self._steps.value is None else self._steps.value.steps

    def read_again(self) -> None:
        """Ask again."""
        self._steps.forget()

    @staticmethod
    def fields_of(row: OutboxRow) -> dict[str, str]:
        """Step, state and answer."""
        return {"step": row.step, "state": row.state, "answer": f"{row.answer or ''} {row.reason or ''}"}

    @staticmethod
    def grid_row(row: OutboxRow, view: View) -> GridRow:
        """One step."""
        stale = view.model.condition is Condition.STALE
        late = row.state == "pending" and row.attempts > 1 and not stale
        said = row.answer or ""
        if row.reason:
            said = f"{row.reason} (by {row.actor})  {said}"
        return GridRow(
            row.id,
            {
                "state": (step_state(row, stale=stale),),
                "step": ((row.step, Tone.DIM if stale else Tone.STRONG),),
                "tries": ((str(row.attempts), Tone.WARN if late else Tone.DIM),),
                "next": ((next_try(row, view.model.now), Tone.BUSY if not stale else Tone.DIM),),
                "age": ((figure.whole_age(view.model.age_of(row.created_at)), Tone.DIM),),
                "answer": ((said, Tone.PLAIN if row.state in {"pending", "refused"} else Tone.DIM),),
            },
        )

    def meant(self) -> OutboxRow | None:
        """Return the step under the cursor when the focus is here, else the first that is pending."""
        if self.has_focus_within:
            return next((row for row in self.listed if row.id == self.grid.cursor_key), None)
        row = self._table().chosen()
        mine = self._steps.about is not None and row is not None
        return next((step for step in self.listed if mine and step.state == "pending"), None)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the step under the cursor."""
        row = next((row for row in self.listed if row.id == self.grid.cursor_key), None)
        if row is None:
            return None
        return f"Step {row.step}", [("what", STEP_WORDS.get(row.step, row.step)), *facts(row, view.model.now)]

    def copied(self, view: View) -> str | None:
        """The step's id, which is also the operation's."""
        return self.grid.cursor_key

    def outside(self, view: View) -> Call:
        """The command that lists the same."""
        row = self._table().chosen()
        return lookup.outbox(view.door, None if row is None else (row.tenant, row.subscriber_id))
