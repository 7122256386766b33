"""Parts of requests as they are written."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote


def given(**values: Any) -> dict[str, Any]:
    """Return what was given: the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def segment(text: str) -> str:
    """Return `text` as one path segment; dots are encoded too, for "." and ".." would walk the path."""
    return quote(text, safe="").replace(".", "%2E")
