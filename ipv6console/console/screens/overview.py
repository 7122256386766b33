"""The Overview: prefix, NDP, pool, mirrors and events on one screen; narrow, a list in place of the cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container

from ipv6console.console.life import is_used
from ipv6console.console.screens.page import Page
from ipv6console.console.standing import Standing
from ipv6console.console.widgets.census import CensusPane
from ipv6console.console.widgets.chrome import Where
from ipv6console.console.widgets.events import EventsPane
from ipv6console.console.widgets.mirrors import MirrorsPane
from ipv6console.console.widgets.ndp import NdpPane
from ipv6console.console.widgets.pane import Pane, View
from ipv6console.console.widgets.pool import PoolPane
from ipv6console.console.widgets.prefix import PrefixPane
from ipv6console.console.widgets.summary import SummaryPane
from ipv6console.console.widgets.table import TablePane
from ipv6console.console.widgets.timeline import TimelinePane

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class OverviewScreen(Page):
    """Five panes, six where there are subscribers or bindings; three in a narrow terminal, in a wide one the timeline of the prefix besides."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "overview.tcss"]
    mode = "overview"

    def inside(self) -> ComposeResult:
        """The cards or the list of states, the mirrors, the timeline, the events."""
        with Container(id="cards"):
            yield PrefixPane(id="prefix")
            yield NdpPane(id="ndp")
            yield PoolPane(id="pool")
        yield SummaryPane(id="status")
        yield CensusPane(id="space", brief=True)
        with Container(id="middle"):
            yield MirrorsPane(id="mirrors")
            yield TimelinePane(id="timeline")
        yield EventsPane(id="events")

    def draw(self, view: View, where: Where, standing: Standing) -> None:
        """Show what is known; spaces and subscribers have a line where there are any."""
        state = view.model.state
        peopled = state is not None and is_used(state.space)
        if peopled is not self.has_class("-peopled"):
            self.set_class(peopled, "-peopled")
            self.call_after_refresh(cast("ConsoleApp", self.app).redraw)
        super().draw(view, where, standing)

    def act_again(self) -> None:
        """Read the timeline again, where it is shown."""
        console = cast("ConsoleApp", self.app)
        timeline = self.query_one(TimelinePane)
        if timeline in self.panes:
            timeline.read_again()
            console.redraw()
        else:
            console.acts.again()

    @property
    def home(self) -> Pane:
        """The mirrors are what most keys are about."""
        return self.query_one(MirrorsPane)

    def filter_pane(self) -> TablePane | None:
        """Return the focused table, else the mirrors."""
        pane = self.focused_pane
        return pane if isinstance(pane, TablePane) else self.query_one(MirrorsPane)
