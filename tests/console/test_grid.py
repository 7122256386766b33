"""The table: what fits, where the cursor stays, what is drawn again."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from ipv6console.console.tone import Tone
from ipv6console.console.widgets.grid import Column, Grid, GridRow, fitted

pytestmark = pytest.mark.anyio
COLUMNS = (
    Column(key="name", title="NAME", width=6, flex=1),
    Column(key="value", title="VALUE", width=6, right=True),
    Column(key="extra", title="EXTRA", width=10, rank=1),
)


def row(number: int, value: str = "1") -> GridRow:
    return GridRow(f"k{number}", {"name": ((f"row {number}", Tone.PLAIN),), "value": ((value, Tone.OK),)})


class GridApp(App[None]):
    CSS = "Grid { height: 6; }"

    def compose(self) -> ComposeResult:
        yield Grid(COLUMNS, id="grid")

    @property
    def grid(self) -> Grid:
        return self.query_one(Grid)

    def line(self, y: int) -> str:
        return "".join(segment.text for segment in self.grid.render_line(y))


def test_what_does_not_fit_goes_by_rank_and_the_rest_is_shared_out() -> None:
    assert [(column.key, width) for column, width in fitted(COLUMNS, 30)] == [("name", 12), ("value", 6), ("extra", 10)]
    assert [(column.key, width) for column, width in fitted(COLUMNS, 20)] == [("name", 13), ("value", 6)]


async def test_a_long_or_unprintable_text_stays_in_its_cell() -> None:
    app = GridApp()
    async with app.run_test(size=(20, 10)):
        app.grid.show([GridRow("k", {"name": (("a\x1b[31mvery long name", Tone.PLAIN),), "value": (("12", Tone.OK),)})])
        assert app.line(1) == "a·[31mvery l…     12"


async def test_rows_that_fill_the_table_exactly_need_no_scrollbar() -> None:
    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([row(number) for number in range(20)])
        await pilot.pause()
        assert app.grid.show_vertical_scrollbar
        app.grid.show([row(number) for number in range(5)])
        await pilot.pause()
        assert not app.grid.show_vertical_scrollbar
        app.grid.show([row(number) for number in range(6)])
        await pilot.pause()
        assert app.grid.show_vertical_scrollbar


async def test_the_cursor_follows_its_row_but_stays_on_the_first_line() -> None:
    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([row(number) for number in range(3)])
        await pilot.press("j")
        assert app.grid.cursor_key == "k1"
        app.grid.show([row(9), *(row(number) for number in range(3))])
        assert app.grid.cursor_key == "k1"
        await pilot.press("g")
        app.grid.show([row(8), row(9)])
        assert app.grid.cursor_key == "k8"


async def test_a_cursor_whose_row_went_stays_near() -> None:
    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([row(number) for number in range(3)])
        await pilot.press("G")
        app.grid.show([row(0)])
        assert app.grid.cursor_key == "k0"
        app.grid.show([])
        assert app.grid.cursor_key is None


async def test_the_header_stays_when_the_rows_scroll() -> None:
    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([row(number) for number in range(50)])
        await pilot.press("G")
        await pilot.pause()
        assert app.line(0).startswith("NAME")
        assert app.line(5).startswith("row 49")
        await pilot.press("pageup", "k")
        assert app.grid.cursor_key == "k44"


async def test_a_hundred_thousand_rows_are_no_more_work_than_those_in_view() -> None:
    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([row(number) for number in range(100_000)])
        await pilot.press("G")
        await pilot.pause()
        assert app.line(5).startswith("row 99999")


async def test_a_click_puts_the_cursor_and_a_second_one_opens() -> None:
    opened = []

    class Opening(GridApp):
        def on_grid_opened(self, event: Grid.Opened) -> None:
            opened.append(event.key)

    app = Opening()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([row(number) for number in range(3)])
        await pilot.click("#grid", offset=(2, 2))
        assert app.grid.cursor_key == "k1"
        await pilot.click("#grid", offset=(2, 3), times=2)
        assert opened == ["k2"]
