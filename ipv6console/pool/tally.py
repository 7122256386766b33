"""How often each row was used, and when last, in eight bytes a row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

_PAGE = 1024
_BLANK = bytes(8 * _PAGE)


class Tally:
    """Counts and times (whole unix seconds) in pages; a page exists once one of its rows was used."""

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        self._pages: dict[int, array[int]] | None = None  # made when needed: most mirrors of many are never used

    def __bool__(self) -> bool:
        """Return whether any row was ever used."""
        return self._pages is not None

    def add(self, row: int, uses: int, at: float) -> None:
        """Count `uses` of the row, the last of them at `at`."""
        pages = self._pages
        if pages is None:
            pages = self._pages = {}
        page = pages.get(row // _PAGE)
        if page is None:
            page = pages[row // _PAGE] = array("I", _BLANK)
        place = row % _PAGE * 2
        page[place] += uses
        page[place + 1] = int(at)

    def see(self, row: int, at: float) -> None:
        """Note that the row, counted before, was still in use at `at`."""
        if self._pages is not None:
            self._pages[row // _PAGE][row % _PAGE * 2 + 1] = int(at)

    def uses(self, row: int) -> int:
        """Return how often the row was used."""
        pages = self._pages
        page = None if pages is None else pages.get(row // _PAGE)
        return page[row % _PAGE * 2] if page is not None else 0

    def last(self, row: int) -> int:
        """Return when the row was last in use, 0 when it never was or that is not known."""
        page = self._page(row)
        return page[row % _PAGE * 2 + 1] if page is not None else 0

    def among(self, rows: Mapping[int, Sequence[int]]) -> Iterator[tuple[int, int, int]]:
        """Yield those of `rows`, as `by_page` returned them, that were used: row, how often, when last."""
        pages = self._pages or {}
        for number in pages.keys() & rows.keys():
            page = pages[number]
            for row in rows[number]:
                place = row % _PAGE * 2
                if page[place]:
                    yield row, page[place], page[place + 1]

    def _page(self, row: int) -> array[int] | None:
        return None if self._pages is None else self._pages.get(row // _PAGE)


def by_page(rows: Iterable[int]) -> dict[int, list[int]]:
    """Return the rows in the pages they have in every tally, to pass over those that do not exist."""
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(row // _PAGE, []).append(row)
    return found
