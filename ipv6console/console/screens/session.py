"""What is asked before a subscriber's prefix is activated or revoked: user name, NAS, and what is told to whom."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Label, Static

from ipv6console.console import call
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.tone import Tone, content
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.subscriber import SubscriberRow

_LABEL = 10
_CANCELLING = (
    "The step is not taken, and the next one goes on. An allocation that was made already is given back; a release that is "
    "cancelled leaves the prefix with the IPAM and the subscriber failed, until it is revoked again."
)


class TickBox(Checkbox):
    """A box that is empty when it is off: Textual's own tells that by its colour alone."""

    def render(self) -> Content:
        """Return the box and what it is about."""
        self.BUTTON_INNER = "X" if self.value else " "
        return super().render()


class SessionDialog(Dialog[PlanRequest]):
    """Asks about the session; dismisses with the plan to ask for. Nothing happens before that plan is confirmed."""

    AUTO_FOCUS = "#username"

    def __init__(self, row: SubscriberRow, action: PlanAction, door: call.Door) -> None:
        verb = "Activate" if action is PlanAction.SUBSCRIBER_ACTIVATE else "Revoke"
        super().__init__(f"{verb} the prefix of {row.subscriber_id}")
        self._row, self._action, self._door = row, action, door
        self._revokes = action is PlanAction.SUBSCRIBER_REVOKE
        self.set_class(self._revokes, "-grave")

    def inside(self) -> ComposeResult:
        """The session's fields, what is to be told, the calls, the buttons."""
        with Horizontal(classes="field"):
            yield Label(f"{'user name':<{_LABEL}}")
            yield Input(
                self._row.username or "", id="username", compact=True, max_length=253, placeholder="as RADIUS knows it"
            )
        with Horizontal(classes="field"):
            yield Label(f"{'NAS':<{_LABEL}}")
            yield Input(
                self._row.nas_ip or "", id="nas", compact=True, max_length=45, placeholder="its IPv4 or IPv6 address"
            )
        if self._revokes:
            known = bool(self._row.username or self._row.nas_ip)
            yield TickBox("tell RADIUS to end the session first (Disconnect)", known, id="radius", compact=True)
            yield TickBox("give the prefix back to the IPAM", True, id="release", compact=True)
        else:
            yield TickBox("tell RADIUS, and be active once it agrees (CoA)", False, id="radius", compact=True)
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(
                content(
                    ("Space turns a box on and off. The plan is shown next; nothing happens before that.", Tone.DIM)
                ),
                classes="said",
            )
            yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Plan", id="go", compact=True)

    @property
    def wanted(self) -> PlanRequest:
        """The plan to ask for, as things are typed and ticked."""
        row = self._row
        asked = PlanRequest(action=self._action, subscriber_id=row.subscriber_id, tenant=row.tenant)
        if not self.is_mounted:
            return asked
        return PlanRequest(
            action=self._action,
            subscriber_id=row.subscriber_id,
            tenant=row.tenant,
            username=self.query_one("#username", Input).value.strip() or None,
            nas_ip=self.query_one("#nas", Input).value.strip() or None,
            radius=self.query_one("#radius", Checkbox).value,
            release=not self._revokes or self.query_one("#release", Checkbox).value,
        )

    def calls(self) -> call.Call | None:
        """The act outside the console, as it is typed and ticked."""
        return call.planning(self._door, self.wanted)

    def _show_calls(self) -> None:
        self.query_one(".calls", Static).update(self.calls_shown())

    def on_input_changed(self) -> None:
        """Show the command for what is typed."""
        self._show_calls()

    def on_checkbox_changed(self) -> None:
        """Show the command for what is ticked."""
        self._show_calls()

    def on_input_submitted(self) -> None:
        """Enter goes on, at last to Plan."""
        self.focus_next()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Ask for the plan, or leave."""
        self.dismiss(self.wanted if event.button.id == "go" else None)


class CancelStepDialog(Dialog[str]):
    """Asks why a step is not to be taken; dismisses with the reason."""

    AUTO_FOCUS = "#reason"

    def __init__(self, step: str, told: str, subscriber_id: str, door: call.Door) -> None:
        super().__init__(f"Cancel a step of {subscriber_id}")
        self._step, self._told, self._door = step, told, door
        self.add_class("-grave")

    def inside(self) -> ComposeResult:
        """What is cancelled, the reason, the calls, the buttons."""
        with Horizontal(classes="field"):
            yield Label("reason    ")
            yield Input(id="reason", compact=True, max_length=200, placeholder="why, for the record")
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(content((self._told, Tone.STRONG), "\n", (_CANCELLING, Tone.DIM)), classes="said")
            yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons"):
            yield Button("Keep it", id="cancel", compact=True)
            yield Button("Cancel the step", id="go", compact=True, disabled=True)

    @property
    def _reason(self) -> str:
        return self.query_one("#reason", Input).value.strip() if self.is_mounted else ""

    def calls(self) -> call.Call | None:
        """The act outside the console."""
        return call.cancel_step(self._door, self._step, self._reason)

    def on_input_changed(self) -> None:
        """A reason makes it possible."""
        self.query_one("#go", Button).disabled = not self._reason
        self.query_one(".calls", Static).update(self.calls_shown())

    def on_input_submitted(self) -> None:
        """Enter goes to the button; it never cancels by itself."""
        go = self.query_one("#go", Button)
        go.disabled = not self._reason  # Enter may come before what was typed has been told
        if not go.disabled:
            go.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Cancel the step, or leave it."""
        self.dismiss(self._reason if event.button.id == "go" else None)
