"""A page: one screen of the console with chrome, tabs, panes and key bar around what it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from ipv6console.console import figure
from ipv6console.console.action import Scope
from ipv6console.console.compositor import SparingCompositor
from ipv6console.console.keyring import keyed
from ipv6console.console.model import Condition
from ipv6console.console.standing import Standing
from ipv6console.console.tone import Tone, content, verdict
from ipv6console.console.trouble import troubles
from ipv6console.console.widgets.chrome import KeyBar, TabLine, TopLine, VerdictLine, Where, liveness
from ipv6console.console.widgets.grid import Grid
from ipv6console.console.widgets.pane import Pane, View
from ipv6console.console.widgets.table import TablePane

LEAST = (60, 15)
BREAKPOINTS = ((0, "-narrow"), (110, "-normal"), (180, "-wide"))
"""From which width on which layout is shown."""


class Page(Screen[None]):
    """Chrome and panes. Subclasses yield their panes in `inside`; what is drawn and how often is decided by the app.

    `mode` names the page's tab; a page opened over another one (a detail) has that one's. A subclass with a
    stylesheet of its own names it besides this one: `CSS_PATH = ["page.tcss", "pool.tcss"]`.
    """

    CSS_PATH: ClassVar[list[str]] = ["page.tcss"]  # type: ignore[assignment] # Textual only reads it
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,l,right", "step(1)", show=False),
        Binding("shift+tab,h,left", "step(-1)", show=False),
    ]
    mode: ClassVar[str] = ""
    scopes: ClassVar[frozenset[Scope]] = frozenset()
    """Whose actions make sense anywhere on this page, besides those of the pane in focus."""

    _laid = False
    _composed_of: Sequence[Pane] = ()

    class Shown(Message):
        """The page is on the screen, anew or again, and wants to be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = SparingCompositor()

    def inside(self) -> ComposeResult:
        """Yield the panes, in containers or not."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Chrome, panes, key bar, and the page for terminals that are too small."""
        yield TopLine(id="top")
        yield TabLine(id="tabs")
        yield VerdictLine(id="verdict")
        with Container(id="all"):
            yield from self.inside()
        yield KeyBar(id="keys")
        yield Static(id="small")

    def on_mount(self) -> None:
        """Give the focus to what most keys are about."""
        self.home.target.focus()

    def on_screen_resume(self) -> None:
        """Ask to be drawn once everything is laid out."""
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        self._laid = True
        self.post_message(self.Shown())

    @property
    def home(self) -> Pane:
        """The pane that has the focus at first."""
        return next(iter(self.panes), self._all_panes[0])

    @property
    def _all_panes(self) -> Sequence[Pane]:
        """The panes, seen or not; a page keeps those it was composed of. A key may come before it is composed."""
        if not self._composed_of:
            self._composed_of = list(self.query(Pane))
        return self._composed_of

    @property
    def panes(self) -> list[Pane]:
        """The panes that can be seen."""
        return [pane for pane in self._all_panes if _seen(pane)]

    @property
    def focused_pane(self) -> Pane | None:
        """The pane with the focus."""
        return next((pane for pane in self._all_panes if pane.has_focus_within), None)

    @property
    def too_small(self) -> bool:
        """Whether the terminal is below what the panes need."""
        return self.size.width < LEAST[0] or self.size.height < LEAST[1]

    @property
    def here(self) -> frozenset[Scope]:
        """Whose actions make sense where the focus is."""
        pane = self.focused_pane
        return frozenset({Scope.ANYWHERE}) | self.scopes | (pane.scopes if pane is not None else frozenset())

    @property
    def drains(self) -> bool:
        """Whether a mirror or a prefix is here to be drained."""
        return self.own_act("drain") is not None or any(pane.drains for pane in self.panes)

    def draw(self, view: View, where: Where, standing: Standing) -> None:
        """Show what is known now; a pane is drawn when what it shows has changed."""
        if not self._laid:
            return
        self.set_class(self.too_small, "-small")
        if self.too_small:
            self._draw_small(view, where)
            return
        width = self.size.width
        self.query_one(TopLine).redraw(view.model, where, width)
        self.query_one(TabLine).redraw(self.mode, width, compact=view.compact)
        self.set_class(where.past is not None, "-past")
        self.query_one(VerdictLine).redraw(view.model, where, width)
        self.query_one(KeyBar).redraw(standing, width)
        for shown in self.panes:
            shown.draw(view)

    def forget(self) -> None:
        """Let the next `draw` draw everything."""
        for pane in self._all_panes:
            pane.forget()

    def _draw_small(self, view: View, where: Where) -> None:
        model, past = view.model, where.past
        live = model.condition is Condition.LIVE
        lines = [content(("The terminal is too small", Tone.STRONG))]
        lines.append(content(f"have {self.size.width}x{self.size.height}, need {LEAST[0]}x{LEAST[1]}"))
        found = troubles(model.state) if model.state else ()
        if past is not None:
            lines.append(
                content(
                    (
                        f"◀◀ REWIND {where.wall(past.at)}, {figure.span(past.ago)} ago · {keyed('{back}')} live",
                        Tone.WARN,
                    )
                )
            )
        elif not live:
            lines.append(content(liveness(model, where.notice)))
        if found:
            word, tone = verdict(found[0].level, stale=not live)
            lines.append(content((f"{word} ", tone), f"{found[0].subject}: {found[0].text}"))
        elif live:
            lines.append(content(("● all was well", Tone.UNKNOWN) if past else ("● all well", Tone.OK)))
        if model.events:
            lines.append(content((model.events[-1].text, Tone.DIM)))
        lines.append(content(("q", Tone.KEY), " quits"))
        self.query_one("#small", Static).update(content("\n").join(lines))

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
            for widget in self.query(".-aside, .-zoomed"):
                widget.remove_class("-aside", "-zoomed")
        elif pane is not None:
            self.add_class("-zoom")
            inner: Widget = pane
            while inner.id != "all":
                inner.add_class("-zoomed")
                outer = inner.parent
                assert isinstance(outer, Widget)  # noqa: S101 - every pane is inside #all
                for other in outer.children:
                    if other is not inner:
                        other.add_class("-aside")
                inner = outer

    def on_resize(self) -> None:
        """A pane that the new width hides gives the focus to one it shows."""
        self.call_after_refresh(self._keep_focus)

    def _keep_focus(self) -> None:
        panes = self.panes
        if panes and self.focused_pane not in panes and not isinstance(self.focused, Input):
            (self.home if self.home in panes else panes[0]).target.focus()

    def own_act(self, action_id: str) -> Callable[[], Any] | None:
        """Return how the focused pane, else this page, does an action: its `act_` method, plain or async."""
        found = (getattr(owner, f"act_{action_id}", None) for owner in (self.focused_pane, self))
        return next((act for act in found if act is not None), None)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A double click is Enter."""
        event.stop()
        self.run_worker(self.app.run_action("act('open')"), exit_on_error=True)

    def filter_pane(self) -> TablePane | None:
        """Return the table that a filter is for: the focused one, else the first one."""
        pane = self.focused_pane
        if isinstance(pane, TablePane):
            return pane
        return next((shown for shown in self.panes if isinstance(shown, TablePane)), None)


def _seen(pane: Pane) -> bool:
    return pane.display and all(node.display for node in pane.ancestors if isinstance(node, Widget))
