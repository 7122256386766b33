"""ASCII in place of the console's glyphs, for terminals and locales that have no others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_PLAIN = {
    "●": "*", "○": "o", "◌": "?", "▲": "!", "✖": "x", "⟳": "~", "·": ".", "…": "~", "→": ">", "←": "<", "↑": "^",
    "↓": "v", "◀": "<", "▶": ">", "▼": "v", "Δ": "d", "✓": "+", "±": "+", "│": "|", "┃": "|", "║": "|",
    "╎": "|", "┆": "|", "▏": "|", "▎": "|", "▕": "|", "▐": "|", "▌": "|", "─": "-", "━": "-", "═": "=", "╌": "-",
    "┄": "-", "▔": "-", "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-", "▆": "+", "▇": "#", "▉": "#", "▊": "#",
    "▋": "#", "▍": "|", "█": "#", "▓": "%", "▒": "%", "░": ":", "■": "#", "□": "o", "◆": "*", "◇": "o", "⊙": "o",
    "╍": "=", "╏": ":", "▀": "-", "🔎": "/ ",
}  # fmt: skip
_CORNERS = "╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝┏┓┗┛╞╡╴╵╶╷▖▗▘▙▛▜▝▟"
_TABLE = str.maketrans({**_PLAIN, **dict.fromkeys(_CORNERS, "+")})


@lru_cache(4_096)
def ascii_of(text: str) -> str:
    """Return `text` in ASCII and of the same width in cells; what has no likeness is a question mark."""
    if text.isascii():
        return text
    near = text.translate(_TABLE)
    if near.isascii():
        return near
    return "".join(sign if sign.isascii() else "?" * cell_len(sign) for sign in near)


class AsciiFilter(LineFilter):
    """Draws everything in ASCII, whoever drew it: text, borders and scroll bars."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line in ASCII."""
        del background  # it is the same
        return [Segment(ascii_of(text), style, control) for text, style, control in segments]


def wants_ascii(glyphs: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether to draw in ASCII: as the setting `glyphs` says, with "auto" when the locale names another charset."""
    if glyphs != "auto":
        return glyphs == "ascii"
    environ = os.environ if environ is None else environ
    chosen = [environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if chosen[0] == "" and chosen[1] == "C.UTF-8" and chosen[2] in {"C", "POSIX"}:
        del chosen[1]  # Python itself has set it, because the locale asks for nothing but ASCII (PEP 538)
    locale = next((name for name in chosen if name), "UTF-8")
    return "utf8" not in locale.lower().replace("-", "")
