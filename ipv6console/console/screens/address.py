"""One address on the whole screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from ipv6console.console import call, lookup
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.source import Refused, Source
from ipv6console.console.widgets.address import MOST, Known, describe
from ipv6console.console.widgets.pane import View
from ipv6console.wire.history import HistoryPage


class AddressDialog(Reader):
    """Asks for the past when opened and again on `r`; ages and state are live. `fresh` returns it as it is now."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "ask", show=False)]
    hints = (("r", "ask again"),)

    def __init__(self, known: Known, fresh: Callable[[], Known | None], view: View) -> None:
        super().__init__(f"Address {known.row.addr}", self._told, copied=known.row.addr, wide=True)
        self._known, self._fresh, self._view = known, fresh, view

    def calls(self) -> call.Call | None:
        """The same outside the console."""
        return lookup.who(self._view.door, self._known.row.addr)

    def on_mount(self) -> None:
        """Ask who held it."""
        self.action_ask()

    def action_ask(self) -> None:
        """Ask who held it."""
        self.run_worker(self._ask(), exclusive=True, group="ask")

    async def _ask(self) -> None:
        history = await asked(self._view.source, self._known.row.addr)
        self._known = Known(self._known.row, history, self._view.model.now)
        self.write()

    def _told(self, width: int) -> Content:
        now = self._fresh()
        if now is not None and now.row.addr == self._known.row.addr:
            self._known = replace(self._known, row=now.row)
        return describe(self._known, self._view.model, self._view.moment, width)


async def asked(source: Source, addr: str) -> HistoryPage | Refused:
    """Ask who held an address; a refusal is an answer, too."""
    try:
        return await source.history(addr, MOST)
    except Refused as refusal:
        return refusal
