"""The revoke dialog: which prefix or which addresses."""

from __future__ import annotations

import ipaddress

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from ipv6console.console import call
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.tone import Tone, content
from ipv6console.wire.plan import PlanAction, PlanRequest


class NotRevocable(ValueError):
    """A line that names neither a known prefix nor addresses."""


def wanted(line: str, prefixes: tuple[str, ...]) -> PlanRequest:
    """Return the plan to ask for: one known prefix, or addresses in any spelling. Raises NotRevocable."""
    words = line.replace(",", " ").split()
    if not words:
        raise NotRevocable("a prefix or addresses are needed")
    if len(words) == 1 and "/" in words[0]:
        try:
            prefix = str(ipaddress.IPv6Network(words[0]))
        except ValueError as error:
            raise NotRevocable(f"{words[0]} is no IPv6 prefix: {error}") from error
        if prefix not in prefixes:
            known = ", ".join(prefixes) or "none"
            raise NotRevocable(f"{prefix} is no prefix of this engine; known: {known}")
        return PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix=prefix)
    addresses = []
    for word in words:
        try:
            addresses.append(str(ipaddress.IPv6Address(word)))
        except ValueError as error:
            raise NotRevocable(f"{word} is no IPv6 address; one prefix, or addresses with spaces between") from error
    return PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=tuple(dict.fromkeys(addresses)))


class RevokeDialog(Dialog[PlanRequest]):
    """Asks what to revoke; dismisses with the plan to ask for. Nothing happens before that plan is confirmed."""

    AUTO_FOCUS = "#what"

    def __init__(self, suggestion: str, prefixes: tuple[str, ...], door: call.Door) -> None:
        super().__init__("Revoke: withdraw for good")
        self._suggestion, self._prefixes, self._door = suggestion, prefixes, door
        self.add_class("-grave")

    def inside(self) -> ComposeResult:
        """The line, what is wrong with it, the buttons."""
        with Horizontal(classes="field"):
            yield Label("what")
            yield Input(self._suggestion, id="what", compact=True, placeholder="2001:db8::1 2001:db8::2, or a prefix")
        yield Static(
            content(
                (
                    f"Prefixes: {', '.join(self._prefixes) or 'none'}\nThe plan is shown next; nothing happens before it is confirmed.",
                    Tone.DIM,
                )
            ),
            classes="said",
        )
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Plan", id="go", compact=True)

    def calls(self) -> call.Call | None:
        """The act outside the console, for what is typed."""
        typed = self.query_one("#what", Input).value if self.is_mounted else self._suggestion
        try:
            request = wanted(typed, self._prefixes)
        except NotRevocable:
            return call.Call(self._door.cli("revoke", "ADDRESS", "--reason", "REASON"), note="for what is typed above")
        return call.planning(self._door, request)

    def on_input_changed(self) -> None:
        """Show the command for what is typed."""
        self.query_one(".calls", Static).update(self.calls_shown())

    def on_input_submitted(self) -> None:
        """Enter asks for the plan."""
        self._go()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Ask for the plan, or leave."""
        if event.button.id == "go":
            self._go()
        else:
            self.dismiss(None)

    def _go(self) -> None:
        try:
            request = wanted(self.query_one("#what", Input).value, self._prefixes)
        except NotRevocable as problem:
            said: Content = content((f"✖ {problem}", Tone.FAIL))
            self.query_one(".said", Static).update(said)
            return
        self.dismiss(request)
