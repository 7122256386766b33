"""The Space screen: subscribers and their prefixes' lives, and the bindings of address spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.timer import Timer

from ipv6console.console import call
from ipv6console.console.action import Scope
from ipv6console.console.screens.dialog import Answer, Choice
from ipv6console.console.screens.page import Page
from ipv6console.console.screens.session import CancelStepDialog, SessionDialog
from ipv6console.console.screens.subscriber import SubscriberDialog
from ipv6console.console.source import Refused
from ipv6console.console.tone import content
from ipv6console.console.widgets.bindings import BindingsPane
from ipv6console.console.widgets.census import CensusPane
from ipv6console.console.widgets.life import MOST, LifePane, StepsPane
from ipv6console.console.widgets.listed import ListedPane
from ipv6console.console.widgets.pane import Pane
from ipv6console.console.widgets.subscribers import SubscribersPane
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.subscriber import OutboxRow, SubscriberRow

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

_STILL = 0.1
"""Seconds the cursor has to stand still before its subscriber's life is asked for."""


class SpaceScreen(Page):
    """Both tables read themselves while they are seen; the life and the steps are of the subscriber under the cursor."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "space.tcss"]
    mode = "space"
    scopes = frozenset({Scope.SPACE})

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None

    def inside(self) -> ComposeResult:
        """The counts, the subscribers with what became of one, the bindings."""
        yield CensusPane(id="census")
        with Container(id="tables"):
            yield SubscribersPane(id="subscribers")
            with Container(id="life"):
                yield StepsPane(id="steps")
                yield LifePane(id="timeline")
            yield BindingsPane(id="bindings")

    @property
    def home(self) -> Pane:
        """The subscribers are what most keys are about."""
        return self.subscribers

    @property
    def subscribers(self) -> SubscribersPane:
        """The subscribers."""
        return self.query_one(SubscribersPane)

    @property
    def _bound(self) -> BindingsPane:
        return self.query_one(BindingsPane)

    @property
    def _steps(self) -> StepsPane:
        return self.query_one(StepsPane)

    @property
    def _shown_in(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def on_listed_pane_read(self) -> None:
        """Show what has come."""
        self._draw_panes()

    def on_grid_moved(self) -> None:
        """Show another subscriber's life, once the cursor stands still."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_STILL, self._draw_panes)

    def _draw_panes(self) -> None:
        if self._shown_in.page is self and not self.too_small and self.is_mounted:
            with self.app.batch_update():
                for pane in self.panes:
                    pane.draw(self._shown_in.view)

    def act_open(self) -> None:
        """Show everything of the subscriber, in Bindings of the binding, in Steps of the step, in the counts of those."""
        pane, row = self.focused_pane, self.subscribers.chosen()
        if row is None or isinstance(pane, BindingsPane | CensusPane | StepsPane):
            self._shown_in.acts.open()
            return
        self.app.push_screen(SubscriberDialog(row, self.subscribers.chosen, lambda: self._shown_in.view))

    def act_again(self) -> None:
        """Read both tables, the timeline and the steps again."""
        self.read_again()
        self._shown_in.redraw()

    def read_again(self) -> None:
        """Let everything that is read be read again."""
        for pane in self.query(ListedPane):
            pane.read_again()
        self._steps.read_again()
        self.query_one(LifePane).read_again()

    def _subscriber(self, verb: str) -> SubscriberRow | None:
        row = self.subscribers.chosen()
        if row is None:
            self._shown_in.say(verb, content("There is no subscriber under the cursor."), severity="warning")
        return row

    async def act_allocate(self) -> None:
        """Plan a prefix for the subscriber, of the size of its profile."""
        row = self._subscriber("Allocate")
        if row is not None:
            await self._plan(
                "Allocate a prefix for", row, _request(PlanAction.SUBSCRIBER_ALLOCATE, row, row.prefix_size)
            )

    async def act_activate(self) -> None:
        """Ask for the session, then plan."""
        row = self._subscriber("Activate")
        if row is not None:
            await self._ask_session("Activate the prefix of", row, PlanAction.SUBSCRIBER_ACTIVATE)

    async def act_suspend(self) -> None:
        """Plan to suspend the prefix."""
        row = self._subscriber("Suspend")
        if row is not None:
            await self._plan("Suspend the prefix of", row, _request(PlanAction.SUBSCRIBER_SUSPEND, row))

    async def act_resume(self) -> None:
        """Plan to let the prefix be active again."""
        row = self._subscriber("Resume")
        if row is not None:
            await self._plan("Resume the prefix of", row, _request(PlanAction.SUBSCRIBER_RESUME, row))

    async def act_revoke(self) -> None:
        """Ask what is to be told to whom, then plan; in Bindings nothing is revoked but released."""
        if isinstance(self.focused_pane, BindingsPane):
            await self.act_release_binding()
            return
        row = self._subscriber("Revoke")
        if row is not None:
            await self._ask_session("Revoke the prefix of", row, PlanAction.SUBSCRIBER_REVOKE)

    async def _ask_session(self, heading: str, row: SubscriberRow, action: PlanAction) -> None:
        request = await self.app.push_screen_wait(SessionDialog(row, action, self._shown_in.door))
        if request is not None:
            await self._plan(heading, row, request)

    async def _plan(self, heading: str, row: SubscriberRow, request: PlanRequest) -> None:
        await self._shown_in.acts.plan(f"{heading} {row.subscriber_id}", request)
        self.act_again()

    async def act_release_binding(self) -> None:
        """Release the binding under the cursor, or plan the release of all that its instance has in the space."""
        console, row = self._shown_in, self._bound.chosen()
        if row is None:
            console.say("Release", content("There is no binding under the cursor."), severity="warning")
            return
        one = call.release_binding(console.door, row.space, row.address)
        every = PlanRequest(action=PlanAction.RELEASE_INSTANCE, space=row.space, instance=row.instance)
        answers = [
            Answer("one", f"Only {row.address}", one),
            Answer("every", f"All of instance {row.instance} in {row.space}: the plan comes next", call.planning(console.door, every)),
        ]  # fmt: skip
        text = (
            f"{row.address} is bound to {row.instance}/{row.id}. Once released it rests before somebody else gets it."
        )
        answer = await self.app.push_screen_wait(Choice("Release", content(text), answers, grave=True))
        if answer == "every":
            await console.acts.plan(f"Release all of {row.instance} in {row.space}", every)
        elif answer == "one":
            try:
                released = await console.source.release_binding(row.space, row.address)
            except Refused as refusal:
                console.acts.refused(refusal, one)
                return
            told = f"{row.address} is released." if released.count else f"{row.address} was released already."
            console.say("Release", content(told))
        if answer:
            self.act_again()

    async def _step(self, verb: str) -> OutboxRow | None:
        """Return the pending step that is meant; where there is no room for Steps they are asked for."""
        steps = self._steps
        step = steps.meant() if steps in self.panes else await self._first_pending(verb)
        if step is None or step.state != "pending":
            told = (
                "No step of this subscriber waits."
                if step is None
                else f"That step is {step.state}: nothing of it waits."
            )
            self._shown_in.say(verb, content(told), severity="warning")
            return None
        return step

    async def _first_pending(self, verb: str) -> OutboxRow | None:
        row = self.subscribers.chosen()
        if row is None:
            return None
        try:
            page = await self._shown_in.source.outbox(row.tenant, row.subscriber_id, MOST)
        except Refused as refusal:
            self._shown_in.say(verb, content(f"{refusal.detail} {refusal.next}"), severity="warning")
            return None
        return next((step for step in page.steps if step.state == "pending"), None)

    async def act_retry(self) -> None:
        """Try a pending step now."""
        console, step = self._shown_in, await self._step("Retry")
        if step is None:
            return
        try:
            await console.source.retry_step(step.id)
        except Refused as refusal:
            console.acts.refused(refusal, call.retry_step(console.door, step.id))
            return
        console.say("Retry", content(f"{step.step} of {step.subscriber_id} is tried now."))
        self.act_again()

    async def act_cancel_step(self) -> None:
        """Ask why a pending step is not to be taken, and say so to the engine."""
        console, step = self._shown_in, await self._step("Cancel step")
        if step is None:
            return
        told = f"{step.step}: tried {step.attempts} times. {step.answer or 'No answer yet.'}"
        reason = await self.app.push_screen_wait(CancelStepDialog(step.id, told, step.subscriber_id, console.door))
        if reason is None:
            return
        try:
            await console.source.cancel_step(step.id, reason)
        except Refused as refusal:
            console.acts.refused(refusal, call.cancel_step(console.door, step.id, reason))
            return
        console.say("Cancel step", content(f"{step.step} of {step.subscriber_id} is not taken: {reason}"))
        self.act_again()

    def reveal(self, name: str) -> None:
        """Look for a subscriber, named TENANT/ID."""
        subscribers = self.subscribers
        tenant, _, subscriber_id = name.partition("/")
        subscribers.look_for(f"tenant:{tenant} id:{subscriber_id}" if subscriber_id else "")
        subscribers.target.focus()
        self._shown_in.redraw()


def _request(action: PlanAction, row: SubscriberRow, prefix_size: int | None = None) -> PlanRequest:
    return PlanRequest(action=action, subscriber_id=row.subscriber_id, tenant=row.tenant, prefix_size=prefix_size)
