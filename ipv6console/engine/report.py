"""One verdict of a scraper on one address."""

from __future__ import annotations

from typing import NamedTuple


class ReportItem(NamedTuple):
    """`status` is idle, using or bad; `lease` the token; `target` the host that answered so, `reason` in words."""

    addr: str
    status: str
    lease: str | None = None
    target: str | None = None
    reason: str | None = None
