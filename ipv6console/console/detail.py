"""Everything known of a document, as lines: names in words, times as ages, nothing left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from ipv6console.console import figure
from ipv6console.wire.status import Stamp

_TIMES = {"at", "since", "first_seen", "created_at"}
_ABSENT = {
    "fix": "none is needed or known",
    "pid": "none",
    "config": "none",
    "lab": "none",
    "last_error": "none",
    "last_pick_at": "never",
    "last_ok_at": "never",
    "neediest": "none",
    "actor": "none",
    "subject": "none",
    "solicited": "not counted",
    "answered": "not counted",
}
"""What it means that there is no such thing; of all else it is that nobody knows."""


def facts(document: Any, now: float) -> list[tuple[str, str]]:
    """Return the fields of a wire document as label and value; `now` is the engine's time in unix seconds."""
    return [pair for field in fields(document) for pair in _told(field.name, getattr(document, field.name), now)]


def _told(name: str, value: Any, now: float) -> Iterator[tuple[str, str]]:
    label = name.replace("_", " ")
    if isinstance(value, Stamp):
        yield "known from", f"{value.source}, {figure.age(now - value.at)} ago"
    elif value is None:
        yield label, _ABSENT.get(name, "not known")
    elif isinstance(value, bool):
        yield label, "yes" if value else "no"
    elif isinstance(value, float) and (name in _TIMES or name.endswith(("_at", "_until"))):
        yield label, _time(value, now)
    elif isinstance(value, float):
        yield label, f"{value:.1%} of a core" if name == "cpu" else f"{value:.4g}"
    elif isinstance(value, int):
        yield label, str(value) if name in {"id", "pid"} else figure.count(value)
    elif isinstance(value, tuple):
        yield from _list(label, value, now)
    elif isinstance(value, dict):
        yield from ((f"{label} {key}", str(item)) for key, item in value.items())
    else:
        yield label, str(value) or "none"


def _time(value: float, now: float) -> str:
    return f"{figure.span(now - value)} ago" if value <= now else f"in {figure.span(value - now)}"


def _list(label: str, items: tuple[Any, ...], now: float) -> Iterator[tuple[str, str]]:
    if not items:
        yield label, "none"
    for number, item in enumerate(items):
        if is_dataclass(item) and not isinstance(item, type):
            for name, value in facts(item, now):
                yield f"{label} {number + 1} {name}", value
        else:
            yield label if number == 0 else "", str(item)
