"""The Overview: prefix, NDP, pool, mirrors and events on one screen, and a list in their place when it is narrow."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from ipv6console.console.screens.page import Page
from ipv6console.console.widgets.events import EventsPane
from ipv6console.console.widgets.mirrors import MirrorsPane
from ipv6console.console.widgets.ndp import NdpPane
from ipv6console.console.widgets.pane import Pane
from ipv6console.console.widgets.pool import PoolPane
from ipv6console.console.widgets.prefix import PrefixPane
from ipv6console.console.widgets.summary import SummaryPane
from ipv6console.console.widgets.table import TablePane


class OverviewScreen(Page):
    """Five panes, six in a narrow terminal."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "overview.tcss"]
    mode = "overview"

    def inside(self) -> ComposeResult:
        """The cards or the list of states, the mirrors, the events."""
        with Container(id="left"):
            with Container(id="cards"):
                yield PrefixPane(id="prefix")
                yield NdpPane(id="ndp")
                yield PoolPane(id="pool")
            yield SummaryPane(id="status")
            yield MirrorsPane(id="mirrors")
        yield EventsPane(id="events")

    @property
    def home(self) -> Pane:
        """The mirrors are what most keys are about."""
        return self.query_one(MirrorsPane)

    def filter_pane(self) -> TablePane | None:
        """Return the focused table, else the mirrors."""
        pane = self.focused_pane
        return pane if isinstance(pane, TablePane) else self.query_one(MirrorsPane)
