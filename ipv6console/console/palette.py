"""The palette: every action of the registry by name, who held an address, and the command that does the same."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.command import Command, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.widgets import OptionList, Static

from ipv6console.console import lookup
from ipv6console.console.action import ACTIONS, Action
from ipv6console.console.call import Door, command
from ipv6console.console.keyring import key_of, keyed
from ipv6console.console.screens.who import address_in
from ipv6console.console.standing import obstacle
from ipv6console.console.tone import Tone, content

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

_PLACELESS = {"attach", "--help"}
"""Commands that are not about the engine on the screen."""


def outside(item: Action, door: Door) -> str:
    """Return the command that does or tells the same as an action; empty for what is about the screen alone."""
    words = shlex.split(item.command)
    if not words:
        return ""
    return command(*words) if words[0] in _PLACELESS else door.cli(*words)


@dataclass(frozen=True, slots=True)
class Offer:
    """What an entry of the palette does when it is called, and the command that does the same."""

    do: Callable[[], Any]
    cli: str

    def __call__(self) -> Any:
        """Do it."""
        return self.do()


class ActionProvider(Provider):
    """Finds actions; one that cannot be done says why instead of its help."""

    @property
    def _console(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def _told(self, item: Action) -> tuple[str, str]:
        reason = obstacle(item, self._console.standing)
        return f"{item.title} ({key_of(item)})", f"Not now: {reason}" if reason else keyed(item.help)

    def _offer(self, item: Action) -> Offer:
        return Offer(partial(self.app.run_action, f"act('{item.id}')"), outside(item, self._console.door))

    async def discover(self) -> Hits:
        """Offer all of them."""
        for item in ACTIONS:
            if item.palette:
                title, told = self._told(item)
                yield DiscoveryHit(title, self._offer(item), help=told)

    async def search(self, query: str) -> Hits:
        """Offer those that match."""
        addr = address_in(query)
        if addr is not None:
            look = Offer(partial(self._console.acts.who, addr), lookup.who(self._console.door, addr).cli)
            yield Hit(1.0, f"Who held {addr}", look, help="Looks it up in the history of leases.")
        matcher = self.matcher(query)
        for item in ACTIONS:
            title, told = self._told(item)
            score = max(matcher.match(title), matcher.match(item.help) * 0.5)
            if item.palette and score > 0:
                yield Hit(score, matcher.highlight(title), self._offer(item), help=told)


class Palette(CommandPalette):
    """Textual's palette, with the command of the entry under the cursor in its last lines."""

    CSS: ClassVar[str] = """
    Palette CommandList { max-height: 60vh; }
    Palette #outside { dock: bottom; height: auto; padding: 0 2; background: $panel; color: $foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+y", "copy_call", show=False, priority=True)]

    def __init__(self) -> None:
        super().__init__(placeholder="An action, or an address: who held it", id="--command-palette")
        self._cli = ""

    def compose(self) -> ComposeResult:
        """What Textual has, and the command."""
        yield from super().compose()
        yield Static(id="outside")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the command of the entry under the cursor."""
        offer = event.option.hit.command if isinstance(event.option, Command) else None
        self._cli = offer.cli if isinstance(offer, Offer) else ""
        told = (
            content(("as CLI   ", Tone.PRESS), f"{self._cli}\n", ("Ctrl+Y", Tone.PRESS), (" copies the command   ", Tone.DIM))
            if self._cli
            else content(("It is about the screen alone: no command does it\n", Tone.DIM))
        )  # fmt: skip
        keys = content(("Enter", Tone.PRESS), (" does it   ", Tone.DIM), ("Esc", Tone.PRESS), (" leaves", Tone.DIM))
        self.query_one("#outside", Static).update(told + keys)

    def action_copy_call(self) -> None:
        """Send the command to the terminal's clipboard."""
        if self._cli:
            self.app.copy_to_clipboard(self._cli)
            self.notify(f"Sent to the terminal's clipboard: {self._cli}", title="Copied", markup=False)
