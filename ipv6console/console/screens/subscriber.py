"""A subscriber in full: where its prefix stands, its timeline, and the steps other systems take for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content

from ipv6console.console import call, figure, lookup
from ipv6console.console.detail import facts
from ipv6console.console.layout import hang, sheet
from ipv6console.console.life import STEP_WORDS, agreement, next_try, state_of, step_state
from ipv6console.console.model import Condition
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.source import Refused
from ipv6console.console.tone import Tone, content
from ipv6console.console.widgets.life import MOST, timeline
from ipv6console.console.widgets.pane import View
from ipv6console.wire.subscriber import LifecycleHistory, OutboxPage, OutboxRow, SubscriberRow

T = TypeVar("T")
_COLUMN = 18
_ABOVE = {"subscriber id", "state", "since", "ipam", "radius", "stuck", "text", "registry", "netbox prefix id"}


class SubscriberDialog(Reader):
    """Asks for timeline and steps when opened, again on `r`, and whenever the row of `fresh` is another one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "ask", show=False)]
    hints = (("r", "ask again"),)

    def __init__(self, row: SubscriberRow, fresh: Callable[[], SubscriberRow | None], view: Callable[[], View]) -> None:
        super().__init__(
            f"Subscriber {row.subscriber_id}", self._told, copied=row.subscriber_id, copied_as="the id", wide=True
        )
        self._row, self._fresh, self._view = row, fresh, view
        self._history: LifecycleHistory | Refused | None = None
        self._steps: OutboxPage | Refused | None = None
        self._asked_at: float | None = None

    def calls(self) -> call.Call | None:
        """The same outside the console."""
        return lookup.life(self._view().door, self._row.tenant, self._row.subscriber_id)

    def on_screen_resume(self) -> None:
        """Ask, also after a dialog over this one."""
        self.action_ask()

    def action_ask(self) -> None:
        """Ask for timeline and steps."""
        self.run_worker(self._ask(), exclusive=True, group="ask")

    async def _ask(self) -> None:
        row, source = self._row, self._view().source
        self._history, self._steps = await asyncio.gather(
            _answer(source.subscriber_history(row.tenant, row.subscriber_id, MOST)),
            _answer(source.outbox(row.tenant, row.subscriber_id, MOST)),
        )
        self._asked_at = self._view().model.now
        self.write()

    def _told(self, width: int) -> Content:
        view = self._view()
        found = self._fresh()
        if found is not None and (found.tenant, found.subscriber_id) == (self._row.tenant, self._row.subscriber_id):
            if found != self._row and self._asked_at is not None:
                self.action_ask()
            self._row = found
        now, row = view.model.now, self._row
        stale = view.model.condition is Condition.STALE
        head = f"◌ stale {figure.whole_age(view.model.silence)}: the engine told this last\n\n" if stale else ""
        parts = [
            content((head, Tone.WARN)) + self._standing(row, view, width),
            self._section("Steps of other systems", _written(self._steps, lambda page: _steps(page, now, width)), now),
            self._section("Timeline", _written(self._history, lambda told: _life(told, now, width)), now),
        ]
        return Content("\n\n").join(parts)

    def _section(self, title: str, body: Content, now: float) -> Content:
        asked = "" if self._asked_at is None else f"  told {figure.ago(max(0.0, now - self._asked_at))}"
        return content((title, Tone.STRONG), (asked, Tone.DIM), "\n") + body

    @staticmethod
    def _standing(row: SubscriberRow, view: View, width: int) -> Content:
        stale = view.model.condition is Condition.STALE
        age = figure.span(view.model.age_of(row.since))
        stuck = ("  ▲ stuck", Tone.WARN) if row.stuck and not stale else ("", Tone.DIM)
        told: list[tuple[str, Content | str]] = [
            ("state", content(state_of(row, stale=stale), f" for {age}", stuck)),
            ("what to know", row.text or "nothing"),
            ("IPAM", content(agreement(row.ipam, stale=stale))),
            ("RADIUS", content(agreement(row.radius, stale=stale))),
        ]
        if row.registry is not None:
            told.append(
                ("held by", row.registry if row.netbox_prefix_id is None else f"{row.registry} #{row.netbox_prefix_id}")
            )
        known = [(label, value) for label, value in facts(row, view.model.now) if label not in _ABOVE]
        told += [(label, value) for label, value in known if value != "not known"]
        return sheet(told, width, indent=_COLUMN)


async def _answer(asked: Awaitable[T]) -> T | Refused:
    try:
        return await asked
    except Refused as refusal:
        return refusal


def _written(answer: T | Refused | None, write: Callable[[T], Content]) -> Content:
    if answer is None:
        return content(("⟳ asking", Tone.BUSY))
    if isinstance(answer, Refused):
        return content((f"✖ {answer.title}: ", Tone.FAIL), answer.detail, " ", (answer.next, Tone.STRONG))
    return write(answer)


def _life(history: LifecycleHistory, now: float, width: int) -> Content:
    return Content("\n").join(timeline(history.steps, now, width)) or content(("nothing has happened yet", Tone.DIM))


def _steps(page: OutboxPage, now: float, width: int) -> Content:
    if not page.steps:
        return content(("none was ever needed", Tone.DIM))
    return Content("\n").join([hang(content(step_state(row)), _step(row, now), 13, width) for row in page.steps])


def _step(row: OutboxRow, now: float) -> Content:
    tries = figure.many(row.attempts, "try", "tries")
    again = next_try(row, now)
    when = f"next {again}" if again else f"{figure.span(max(0.0, now - row.changed_at))} ago"
    parts = [content((STEP_WORDS.get(row.step, row.step), Tone.STRONG), (f"  {tries}, {when}", Tone.DIM))]
    if row.answer:
        parts.append(content(f"  {row.answer}"))
    if row.reason:
        parts.append(content((f"  {row.reason} (by {row.actor})", Tone.WARN)))
    return Content("").join([*parts, content((f"  {row.id}", Tone.DIM))])
