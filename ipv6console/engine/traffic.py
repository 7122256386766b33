"""How requests were answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """Counts requests since the start: those answered on the hot path, and those the framework answered."""

    hot: int = 0
    framework: int = 0
