"""The plan dialog: the exact set first, then nothing but that set."""

from __future__ import annotations

from enum import Enum, auto

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from ipv6console.console import call, figure
from ipv6console.console.layout import sheet
from ipv6console.console.model import Model
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Span, Tone, content
from ipv6console.wire.plan import Applied, ApplyRequest, Plan, PlanAction, PlanRequest

_WORDS = {
    PlanAction.FLUSH_POOL: "flush",
    PlanAction.REVOKE_ADDRESSES: "revoke",
    PlanAction.REVOKE_PREFIX: "revoke",
    PlanAction.RELEASE_INSTANCE: "release",
    PlanAction.SUBSCRIBER_REVOKE: "revoke",
    PlanAction.REPAIR_LEAK: "repair",
}
_EFFECTS = {
    PlanAction.FLUSH_MIRROR: "the mirror forgets its usage: every address is idle in it again",
    PlanAction.FLUSH_POOL: "every address leaves the pool; the spawner then fills it anew",
    PlanAction.REVOKE_ADDRESSES: "these addresses are withdrawn everywhere, for good",
    PlanAction.REVOKE_PREFIX: "the prefix and its addresses are withdrawn everywhere, for good",
    PlanAction.RELEASE_INSTANCE: "all that the instance has in the space is released; the addresses rest before others get them",
    PlanAction.SUBSCRIBER_ALLOCATE: "the subscriber gets a prefix of the IPAM's",
    PlanAction.SUBSCRIBER_ACTIVATE: "the prefix becomes active",
    PlanAction.SUBSCRIBER_SUSPEND: "the prefix is suspended and stays the subscriber's",
    PlanAction.SUBSCRIBER_RESUME: "the prefix is active again",
    PlanAction.SUBSCRIBER_REVOKE: "the subscriber loses the prefix",
    PlanAction.REPAIR_LEAK: "store and IPAM are made to agree about the prefix",
}
_POOL = frozenset({
    PlanAction.FLUSH_MIRROR, PlanAction.FLUSH_POOL, PlanAction.REVOKE_ADDRESSES, PlanAction.REVOKE_PREFIX,
})  # fmt: skip
"""Acts on the pool, whose plans tell leases and mirrors; of the others the steps are what matters."""
_SHOWN = 6


class _Phase(Enum):
    PLANNING = auto()
    ASKING = auto()
    APPLYING = auto()
    DONE = auto()


class PlanDialog(Dialog[Applied]):
    """Plans, shows the plan, applies it; a set that changed meanwhile is refused, planned again and asked anew."""

    def __init__(self, heading: str, request: PlanRequest, source: Source, model: Model, door: call.Door) -> None:
        super().__init__(heading)
        self._request, self._source, self._model, self._door = request, source, model, door
        self._word = _WORDS.get(request.action)
        self._plan: Plan | None = None
        self._again: Span | None = None
        self._applied: Applied | None = None
        self._phase = _Phase.PLANNING
        self.set_class(request.action in _POOL or self._word is not None, "-grave")

    def inside(self) -> ComposeResult:
        """The plan, the calls, the word and the reason, the buttons."""
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(content(("⟳ planning", Tone.BUSY)), classes="said")
            yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="field", id="reason-field"):
            yield Label("reason         ")
            yield Input(id="reason", compact=True, max_length=200, placeholder="why, for the record")
        with Horizontal(classes="field", id="word-field"):
            yield Label(content("type ", (f"{self._word or '':<10}", Tone.KEY)))
            yield Input(id="word", compact=True, max_length=20, placeholder="to confirm")
        yield Static(classes="said", id="hint")
        with Horizontal(classes="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Apply", id="go", compact=True, disabled=True)

    def on_mount(self) -> None:
        """Plan."""
        self.query_one("#reason-field").display = False
        self.query_one("#word-field").display = self._word is not None
        self.call_after_refresh(self._make)

    def on_resize(self) -> None:
        """Write the plan for the room there is now."""
        self.call_after_refresh(self._rewrite)

    def _rewrite(self) -> None:
        if self._plan is not None and self._phase is not _Phase.DONE:
            self._say(self._described(self._plan))

    def calls(self) -> call.Call | None:
        """The act outside the console."""
        return call.planned(self._door, self._request, self._plan, self._reason)

    @property
    def _reason(self) -> str:
        return self.query_one("#reason", Input).value.strip() if self.is_mounted else ""

    def _say(self, text: Content) -> None:
        self.query_one(".body .said", Static).update(text)
        self.query_one(".calls", Static).update(self.calls_shown())

    def _make(self) -> None:
        self._phase = _Phase.PLANNING
        self.query_one("#word", Input).value = ""
        self.query_one("#go", Button).disabled = True
        self.run_worker(self._planned(), exclusive=True)

    async def _planned(self) -> None:
        try:
            self._plan = await self._source.plan(self._request)
        except Refused as refusal:
            self._end(content((f"✖ {refusal.title}: ", Tone.FAIL), refusal.detail, "\n", (refusal.next, Tone.STRONG)))
            return
        self._phase = _Phase.ASKING
        self.query_one("#reason-field").display = self._plan.needs_reason
        self._say(self._described(self._plan))
        self.set_focus(self.query_one("#cancel", Button))  # at once: the next key may be there already
        self._weigh()

    def _described(self, plan: Plan) -> Content:
        again = () if self._again is None else (self._again,)
        sample = "\n".join(plan.sample[:_SHOWN])
        more = plan.count - min(len(plan.sample), _SHOWN)
        tail = f"\nand {figure.count(more)} more" if sample and more > 0 else ""
        hurt: Span = (
            (f"✖ {figure.many(plan.leases, 'live lease ends', 'live leases end')}", Tone.FAIL)
            if plan.leases
            else ("● no live lease", Tone.OK)
        )
        mirrors = ", ".join(plan.mirrors) or "none"
        left = max(0.0, plan.expires_at - plan.created_at)
        lines: list[tuple[str, tuple[Span | str, ...]]] = [
            ("target", ((plan.target, Tone.STRONG),)),
            ("what", (_EFFECTS[plan.action],)),
        ]
        if plan.action in _POOL:
            lines += [
                ("count", ((figure.many(plan.count, "address", "addresses"), Tone.STRONG),)),
                ("hurt", (hurt,)),
                ("mirrors", (mirrors,)),
                ("sample", ((sample or "none", Tone.PLAIN), (tail, Tone.DIM))),
            ]
        else:
            if plan.action is PlanAction.RELEASE_INSTANCE:
                lines.append(("count", ((figure.many(plan.count, "binding", "bindings"), Tone.STRONG),)))
            if (
                sample
                and plan.sample != (plan.target,)
                and plan.action in {PlanAction.RELEASE_INSTANCE, PlanAction.REPAIR_LEAK}
            ):
                lines.append(("about", ((sample, Tone.PLAIN), (tail, Tone.DIM))))
            steps = "\n".join(f"{number} {step}" for number, step in enumerate(plan.steps, 1))
            lines += [("steps", ((steps, Tone.STRONG),))] if steps else []
        held = f"{plan.id}, generation {plan.generation}, holds for {figure.span(left)}"
        lines.append(("plan", ((held, Tone.DIM),)))
        told = sheet([(label, content(*spans)) for label, spans in lines], self.room, indent=11)
        return content(*again) + told

    def on_input_changed(self) -> None:
        """See whether word and reason are there."""
        self._weigh()
        self.query_one(".calls", Static).update(self.calls_shown())

    def on_input_submitted(self) -> None:
        """Enter goes on to what is missing, at last to Apply; it never applies by itself."""
        self._weigh()  # Enter may come before what was typed has been told
        go = self.query_one("#go", Button)
        if not go.disabled:
            go.focus()
        else:
            self.focus_next("Input")

    def _weigh(self) -> None:
        missing = []
        if self._plan is not None and self._plan.needs_reason and not self._reason:
            missing.append("a reason")
        if self._word is not None and self.query_one("#word", Input).value.strip().lower() != self._word:
            missing.append(f"the word {self._word}")
        ready = self._phase is _Phase.ASKING and not missing
        self.query_one("#go", Button).disabled = not ready
        hint = content((f"needed: {' and '.join(missing)} (Tab goes there)", Tone.DIM)) if missing else Content("")
        self.query_one("#hint", Static).update(hint if self._phase is _Phase.ASKING else Content(""))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Apply, or leave."""
        if event.button.id == "go":
            self._apply()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Leave; not while the engine is applying, for then it is not known what was done."""
        if self._phase is _Phase.APPLYING:
            self.notify("The engine is at it. The answer comes in a moment.", severity="warning")
        else:
            self.dismiss(self._applied)

    def _apply(self) -> None:
        if self._phase is not _Phase.ASKING or self._plan is None:
            return
        self._phase = _Phase.APPLYING
        self.query_one("#go", Button).disabled = True
        self.query_one("#hint", Static).update(content(("⟳ applying", Tone.BUSY)))
        reason = self._reason if self._plan.needs_reason else None
        self.run_worker(self._sent(ApplyRequest(plan=self._plan.id, reason=reason)), exclusive=True)

    async def _sent(self, request: ApplyRequest) -> None:
        try:
            applied = await self._source.apply(request)
        except Refused as refusal:
            if refusal.outdated:
                why = "The set changed since the plan" if refusal.kind == "plan-changed" else "The plan was over"
                self._again = (f"▲ {why}, nothing was done. This is the new plan.\n", Tone.WARN)
                self._make()
                return
            self._end(content((f"✖ {refusal.title}: ", Tone.FAIL), refusal.detail, "\n", (refusal.next, Tone.STRONG)))
            return
        self._applied = applied
        self._end(_outcome(applied))

    def _end(self, text: Content) -> None:
        self._phase = _Phase.DONE
        self.query_one("#reason-field").display = False
        self.query_one("#word-field").display = False
        self.query_one("#hint", Static).update(Content(""))
        self.query_one("#go", Button).display = False
        self._say(text)
        cancel = self.query_one("#cancel", Button)
        cancel.label = "Close"
        cancel.focus()


def _outcome(applied: Applied) -> Content:
    done = (f"{applied.action.value} {applied.target}", Tone.STRONG)
    if applied.action in _POOL:
        ended = figure.many(applied.leases_ended, "lease", "leases")
        return content(
            ("● done: ", Tone.OK), done, f", {figure.many(applied.count, 'address', 'addresses')}, {ended} ended"
        )
    if applied.action is PlanAction.RELEASE_INSTANCE:
        return content(("● done: ", Tone.OK), done, f", {figure.many(applied.count, 'binding', 'bindings')}")
    if applied.count:
        return content(("● done: ", Tone.OK), done)
    told = "\nOther systems have still to do their part, or did not do it: the state and the steps tell."
    return content(("⟳ taken up: ", Tone.BUSY), done, (told, Tone.DIM))
