"""The Events screen: the log, and the event under its cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult

from ipv6console.console.action import Scope
from ipv6console.console.goal import Goal, goals
from ipv6console.console.ledger import Gap
from ipv6console.console.model import Model
from ipv6console.console.screens.dialog import Answer, Choice
from ipv6console.console.screens.jump import JumpDialog
from ipv6console.console.screens.page import Page
from ipv6console.console.tab import TABS
from ipv6console.console.tone import content
from ipv6console.console.widgets.happening import EventPane
from ipv6console.console.widgets.log import LogPane
from ipv6console.console.widgets.table import FilterLine
from ipv6console.wire.state import PrefixRow

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

_MODES = {tab.mode for tab in TABS}


class EventsScreen(Page):
    """The log, and below it (beside it when there is room) the event under the cursor."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "events.tcss"]
    mode = "events"
    scopes = frozenset({Scope.EVENTS})

    def inside(self) -> ComposeResult:
        """The two panes."""
        yield LogPane(id="log")
        yield EventPane(id="event")

    @property
    def log_pane(self) -> LogPane:
        """The log."""
        return self.query_one(LogPane)

    @property
    def _shell(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def act_louder(self) -> None:
        """Show louder events only."""
        self.log_pane.turn_level(1)

    def act_quieter(self) -> None:
        """Show quieter events too."""
        self.log_pane.turn_level(-1)

    def act_follow(self) -> None:
        """Go to the newest event and follow."""
        self.log_pane.go_end()

    def jump_to(self, at: float) -> None:
        """Go to the first event at or after `at` (unix seconds)."""
        self.log_pane.go_to(at)

    def act_again(self) -> None:
        """Ask again for what was refused, and read on."""
        self.log_pane.again()

    async def act_time(self) -> None:
        """Ask for a time and go there."""
        console = self._shell
        dialog = JumpDialog(lambda: console.model.now, console.zone, console.moment, console.door)
        at = await console.push_screen_wait(dialog)
        if at is not None:
            self.log_pane.go_to(at)

    async def act_open(self) -> None:
        """Open what the event under the cursor is about, on its own screen."""
        item = self.log_pane.chosen
        if item is None or isinstance(item, Gap):
            self.log_pane.again()
            return
        about = tuple(goal for goal in goals(item) if goal.mode in _MODES)
        if not about:
            self._shell.acts.open()
            return
        goal = about[0] if len(about) == 1 else await self._asked(about)
        if goal is not None:
            await self._seek(goal)

    async def _asked(self, about: tuple[Goal, ...]) -> Goal | None:
        outside = self.query_one(EventPane).outside(self._shell.view)
        answers = [Answer(f"goal-{number}", goal.title, outside) for number, goal in enumerate(about)]
        answer = await self._shell.push_screen_wait(Choice("Open what?", content("The event is about:"), answers))
        return next((goal for number, goal in enumerate(about) if answer == f"goal-{number}"), None)

    async def _seek(self, goal: Goal) -> None:
        console, model = self._shell, self._shell.model
        known = {
            "mirrors": model.mirror(goal.key),
            "prefixes": _prefix(model, goal.key),
            "ndp": _prefix(model, goal.key),
        }
        if goal.key and known.get(goal.mode, goal) is None:
            text = f"{goal.title} is not known to the engine any more; what is here is what the log tells."
            console.say("Open", content(text), severity="warning")
            return
        await console.switch_mode(console.context.mode(goal.mode))
        if goal.key:
            reveal(console.page, goal.key)


def reveal(page: Page, key: str) -> None:
    """Put the cursor of a page on one thing: as the page does it, else by the filter of its table."""
    own = getattr(page, "reveal", None)
    if own is not None:
        own(key)
        return
    pane = page.filter_pane()
    if pane is not None:
        pane.ask_filter()
        pane.query_one(FilterLine).value = key
        pane.target.focus()


def _prefix(model: Model, name: str) -> PrefixRow | None:
    return next((row for row in model.prefixes if row.prefix == name), None)
