"""Everything known of a row or a pane, for as long as it is known."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from ipv6console.console import figure
from ipv6console.console.layout import sheet
from ipv6console.console.model import Condition
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.tone import Span, Tone, content
from ipv6console.console.widgets.pane import Pane, View

Subject = tuple[str, list[tuple[str, str]]]
"""A title, and lines with a label."""


class DetailDialog(Reader):
    """Shows what `pane` has under its cursor, anew every second; what the cursor has left, as it was last and when.

    `view` returns what panes draw from at that time.
    """

    def __init__(self, pane: Pane, subject: Subject, view: Callable[[], View]) -> None:
        now = view()
        super().__init__(subject[0], self._told, copied=pane.copied(now), call=pane.outside(now))
        self._pane, self._view, self._lines, self._at = pane, view, subject[1], now.model.now

    def _told(self, width: int) -> Content:
        view = self._view()
        found = self._pane.subject(view) if self._pane.is_attached else None
        current = found is not None and found[0] == self.heading
        if found is not None and current:
            self._lines, self._at = found[1], view.model.now
        return content(*self._caution(view, current=current)) + sheet(self._lines, width)

    def _caution(self, view: View, *, current: bool) -> tuple[Span, ...]:
        model = view.model
        if model.condition is Condition.STALE:
            return ((f"◌ stale {figure.whole_age(model.silence)}: the engine told this last\n\n", Tone.WARN),)
        if current:
            return ()
        return ((f"as of {view.wall(self._at)}, {figure.ago(model.age_of(self._at))}\n\n", Tone.DIM),)
