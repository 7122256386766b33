"""The NDP screen: how neighbours find this host for each prefix, and the doctor's chain."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container

from ipv6console.console.action import Scope
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.screens.page import Page
from ipv6console.console.tone import content
from ipv6console.console.widgets.answering import AnsweringPane
from ipv6console.console.widgets.chain import ChainPane
from ipv6console.console.widgets.events import ReachEventsPane
from ipv6console.console.widgets.strategy import StrategyPane

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class NdpScreen(Page):
    """The list above; below it strategy and configuration, and the chain.

    Narrow terminals keep list and chain, wide ones have the events about it besides.
    """

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "ndp.tcss"]
    mode = "ndp"
    scopes = frozenset({Scope.NDP})

    def inside(self) -> ComposeResult:
        """The list, strategy and chain; in a wide terminal what happened."""
        yield AnsweringPane(id="answering")
        with Container(id="below"):
            yield StrategyPane(id="strategy")
            yield ChainPane(id="chain")
        yield ReachEventsPane(id="reach")

    @property
    def _shell(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def act_again(self) -> None:
        """Walk the chain and compare the configuration again."""
        self.query_one(ChainPane).report.forget()
        self.query_one(StrategyPane).config.forget()
        self._shell.redraw()

    def act_why(self) -> None:
        """Open the chain of the prefix under the cursor."""
        row = self.query_one(AnsweringPane).chosen(self._shell.view)
        self._shell.acts.why(row.prefix if row else None)

    async def act_config(self) -> None:
        """Open strategy and configuration of the prefix under the cursor."""
        view = self._shell.view
        row, pane = self.query_one(AnsweringPane).chosen(view), self.query_one(StrategyPane)
        if row is None:
            text = "There is no prefix under the cursor, so nothing is configured."
            self._shell.say("Configuration", content(text), severity="warning")
            return
        pane.compare(row, view)
        await pane.config.settled()
        told = partial(pane.told, row, view)
        self._shell.push_screen(
            Reader(
                f"NDP of {row.prefix}",
                told,
                copied=pane.copied(view),
                copied_as="what is wanted",
                wide=True,
                call=pane.outside(view),
            )
        )

    def reveal(self, name: str) -> None:
        """Put the cursor on a prefix."""
        self.query_one(AnsweringPane).reveal(name)
