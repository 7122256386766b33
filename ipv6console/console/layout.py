"""Lines with a label: a long value goes on below itself, not below its label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from textual.content import Content, Span

from ipv6console.console.tone import Tone, content

_LEAST = 8

Styled = tuple[str, tuple[Span, ...]]
Writer = Callable[[int], Content]
"""What writes a text for a given width in cells."""


def hang(label: Content, value: Content, indent: int, width: int) -> Content:
    """Return label and value side by side in `width` cells, the value from column `indent` on."""
    return _hung((label.plain, tuple(label.spans)), (value.plain, tuple(value.spans)), indent, width)


@lru_cache(maxsize=1_000)
def _hung(label: Styled, value: Styled, indent: int, width: int) -> Content:
    # Panes lay out all their lines anew when one changes, and wrapping is most of what that costs.
    parts = Content(value[0], list(value[1])).wrap(max(_LEAST, width - indent)) or [Content("")]
    head = Content(label[0], list(label[1])).truncate(indent, pad=True)
    below = Content(" " * indent)
    return Content("\n").join([(below if number else head) + part for number, part in enumerate(parts)])


def sheet(lines: Sequence[tuple[str, Content | str]], width: int, *, indent: int | None = None) -> Content:
    """Return labelled lines in `width` cells; the values stand in one column, at `indent` or behind the longest label."""
    column = max((len(label) for label, _ in lines), default=0) + 2 if indent is None else indent
    laid = [
        hang(content((label, Tone.DIM)), value if isinstance(value, Content) else Content(value), column, width)
        if label or value
        else Content("")
        for label, value in lines
    ]
    return Content("\n").join(laid)
