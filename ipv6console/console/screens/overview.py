"""The Overview: prefix, NDP, pool, mirrors and events on one screen, and a list in their place when it is narrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Input, Static

from ipv6console.console.action import Scope, Standing
from ipv6console.console.tone import Tone, content, verdict
from ipv6console.console.trouble import troubles
from ipv6console.console.widgets.chrome import KeyBar, TopLine, VerdictLine, Where
from ipv6console.console.widgets.events import EventsPane
from ipv6console.console.widgets.grid import Grid
from ipv6console.console.widgets.mirrors import MirrorsPane, TablePane
from ipv6console.console.widgets.ndp import NdpPane
from ipv6console.console.widgets.pane import Pane, View
from ipv6console.console.widgets.pool import PoolPane
from ipv6console.console.widgets.prefix import PrefixPane
from ipv6console.console.widgets.summary import SummaryPane

LEAST = (60, 15)
BREAKPOINTS = ((0, "-narrow"), (110, "-normal"), (180, "-wide"))
"""From which width on which layout is shown."""


class OverviewScreen(Screen[None]):
    """Five panes; what is drawn and how often is decided by the app."""

    CSS_PATH = "overview.tcss"
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,l,right", "step(1)", show=False),
        Binding("shift+tab,h,left", "step(-1)", show=False),
    ]

    def __init__(self, wall: Callable[[float], str], ready: Callable[[], None]) -> None:
        super().__init__()
        self._wall, self._ready = wall, ready

    def compose(self) -> ComposeResult:
        """Chrome, panes, key bar, and the page for terminals that are too small."""
        yield TopLine(id="top")
        yield VerdictLine(id="verdict")
        with Container(id="all"):
            with Container(id="left"):
                with Container(id="cards"):
                    yield PrefixPane(id="prefix")
                    yield NdpPane(id="ndp")
                    yield PoolPane(id="pool")
                yield SummaryPane(id="status")
                yield MirrorsPane(id="mirrors")
            yield EventsPane(id="events", wall=self._wall)
        yield KeyBar(id="keys")
        yield Static(id="small")

    def on_mount(self) -> None:
        """The mirrors are what most keys are about."""
        self.query_one(MirrorsPane).target.focus()
        self.call_after_refresh(self._ready)

    @property
    def panes(self) -> list[Pane]:
        """The panes that can be seen."""
        return [
            pane
            for pane in self.query(Pane)
            if pane.display and all(node.display for node in pane.ancestors if hasattr(node, "display"))
        ]

    @property
    def focused_pane(self) -> Pane | None:
        """The pane with the focus."""
        return next((pane for pane in self.query(Pane) if pane.has_focus_within), None)

    @property
    def too_small(self) -> bool:
        """Whether the terminal is below what the panes need."""
        return self.size.width < LEAST[0] or self.size.height < LEAST[1]

    def draw(self, view: View, where: Where, standing: Standing, *, panes: bool = True) -> None:
        """Show what is known now; without `panes` only the age of the data has changed."""
        self.set_class(self.too_small, "-small")
        if self.too_small:
            self._draw_small(view)
            return
        width = self.size.width
        self.query_one(TopLine).redraw(view.model, where, width)
        if not panes:
            return
        self.query_one(VerdictLine).redraw(view.model, width)
        pane = self.focused_pane
        scopes = {Scope.ANYWHERE}
        if isinstance(pane, TablePane):
            scopes.add(Scope.TABLE)
        self.query_one(KeyBar).redraw(frozenset(scopes), standing, width)
        for shown in self.panes:
            shown.redraw(view)

    def _draw_small(self, view: View) -> None:
        model = view.model
        lines = [content(("The terminal is too small", Tone.STRONG))]
        lines.append(content(f"have {self.size.width}x{self.size.height}, need {LEAST[0]}x{LEAST[1]}"))
        found = troubles(model.state) if model.state else ()
        if model.condition != "live":
            lines.append(content((f"◌ {model.condition.value} {int(model.silence)} s", Tone.WARN)))
        if found:
            word, tone = verdict(found[0].level)
            lines.append(content((f"{word} ", tone), f"{found[0].subject}: {found[0].text}"))
        elif model.condition == "live":
            lines.append(content(("● all well", Tone.OK)))
        if model.events:
            lines.append(content((model.events[-1].text, Tone.DIM)))
        lines.append(content(("q", Tone.KEY), " quits"))
        static = self.query_one("#small", Static)
        static.update(content().join(()) if not lines else content("\n").join(lines))

    def action_step(self, step: int) -> None:
        """Go to the next or the previous pane."""
        panes = self.panes
        if not panes or isinstance(self.focused, Input):
            return
        pane = self.focused_pane
        index = panes.index(pane) + step if pane in panes else 0
        panes[index % len(panes)].target.focus()

    @property
    def zoomed(self) -> bool:
        """Whether one pane has the whole screen."""
        return self.has_class("-zoom")

    def toggle_zoom(self) -> None:
        """Give the focused pane the whole screen, or give it back."""
        pane = self.focused_pane
        if self.zoomed:
            self.remove_class("-zoom")
            for other in self.query(Pane):
                other.remove_class("-zoomed")
            self._hold(None)
        elif pane is not None:
            self.add_class("-zoom")
            pane.add_class("-zoomed")
            self._hold(pane)

    def _hold(self, pane: Pane | None) -> None:
        for container_id in ("cards", "left"):
            container = self.query_one(f"#{container_id}")
            if pane is None:
                container.styles.clear_rule("display")
            else:
                container.styles.display = "block" if container in pane.ancestors else "none"
        self.refresh(layout=True)

    def on_resize(self) -> None:
        """A pane that the new width hides gives the focus to one it shows."""
        self.call_after_refresh(self._keep_focus)

    def _keep_focus(self) -> None:
        panes = self.panes
        if panes and self.focused_pane not in panes and not isinstance(self.focused, Input):
            self.query_one(MirrorsPane).target.focus() if self.query_one(MirrorsPane) in panes else panes[
                0
            ].target.focus()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A double click is Enter."""
        event.stop()
        self.run_worker(self.app.run_action("act('open')"), exit_on_error=True)

    def filter_pane(self) -> TablePane | None:
        """Return the table that a filter is for: the focused one, else the mirrors."""
        pane = self.focused_pane
        return pane if isinstance(pane, TablePane) else self.query_one(MirrorsPane)
