"""Figures as an operator reads them: ages, spans of time, counts, bars and sparklines."""

from __future__ import annotations

from collections.abc import Sequence

from ipv6console import quantity

many = quantity.many

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SPARKS = "▁▂▃▄▅▆▇"
_FRESH = 2.0
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def age(seconds: float) -> str:
    """Return an age in one unit: "0.3 s" below ten seconds, then "14 s", "3 m", "5 h", "2 d"."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return whole_age(seconds)


def whole_age(seconds: float) -> str:
    """Return an age in one whole unit: "now" below one second, "4 s", "3 m", "5 h", "2 d"."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"


def ago(seconds: float) -> str:
    """Return how long ago something was, in one whole unit: "now" below one second, "4 s ago"."""
    age = whole_age(seconds)
    return age if age == "now" else f"{age} ago"


def fresh_age(seconds: float) -> str:
    """Return an age as `whole_age`, but "now" below two seconds: what comes anew every second does not flicker."""
    return whole_age(seconds if seconds >= _FRESH else 0.0)


def milliseconds(number: float) -> str:
    """Return a short time: "3.1 ms", "0.06 ms" where one more digit is all there is."""
    return f"{number:.1f} ms" if number >= 0.095 else f"{number:.2f} ms"


def span(seconds: float) -> str:
    """Return a length of time in two units: "29 d 4 h", "2 m 5 s", "3 s"."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for length, unit in _UNITS:
        if left >= length or (parts and len(parts) < 2):
            parts.append(f"{left // length} {unit}")
            left %= length
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"


def count(number: float) -> str:
    """Return a whole number with thousands separators."""
    return f"{int(number):,}"


def short(number: float) -> str:
    """Return a number in at most five characters: "312", "9,999", "12 k" as "12.0k", "3.4M"."""
    if number < 10_000:
        return f"{int(number):,}"
    for length, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= length:
            scaled = number / length
            return f"{scaled:.1f}{unit}" if scaled < 100 else f"{scaled:.0f}{unit}"
    return str(number)


def rate(per_second: float) -> str:
    """Return a rate per second: "0", "0.4", "31.2", "1.2k"."""
    if per_second < 0.05:
        return "0"
    return f"{per_second:.1f}" if per_second < 1_000 else short(per_second)


def bar(part: float, whole: float, width: int) -> str:
    """Return `width` cells of which part/whole are filled, to an eighth of a cell; the rest is a dotted track."""
    share = min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0
    eighths = round(share * width * 8)
    if part > 0:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[rest] if rest else "")
    return filled + "·" * (width - len(filled))


def shares(parts: Sequence[int], width: int) -> tuple[int, ...]:
    """Divide `width` cells among `parts`; whatever is not zero gets at least one cell while there is room."""
    total = sum(parts)
    if total <= 0 or width <= 0:
        return tuple(0 for _ in parts)
    cells = [max(1, part * width // total) if part else 0 for part in parts]
    while sum(cells) > width:
        cells[cells.index(max(cells))] -= 1
    cells[max(range(len(parts)), key=lambda index: parts[index])] += width - sum(cells)
    return tuple(cells)


def spark(values: Sequence[float], width: int) -> str:
    """Return the last `width` values as a sparkline scaled to their own maximum; nothing yet is a dot."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    drawn = "".join(
        _SPARKS[round(max(0.0, value) / top * (len(_SPARKS) - 1))] if top > 0 else _SPARKS[0] for value in shown
    )
    return drawn.rjust(width, "·")
