"""Panes of lines: as high as what they show, whatever their width was before."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import Static

from ipv6console.console.widgets.pane import TextPane

pytestmark = pytest.mark.anyio


class OnePane(App[None]):
    def compose(self) -> ComposeResult:
        yield TextPane(id="pane")


async def test_a_text_is_shown_whole_that_has_as_many_lines_as_another_had_before_the_pane_grew() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 30)) as pilot:
        pane = app.query_one(TextPane)
        room = pane.room
        pane.write(Content("\n".join(["x " * (room // 2 + 4)] * 4)))
        await pilot.pause()
        body = pane.query_one(".body", Static)
        assert body.size.height == 8
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert body.size.height == 4
        pane.write(Content("\n".join("abcdefgh")))
        await pilot.pause()
        assert body.size.height == 8
