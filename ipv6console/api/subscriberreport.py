"""The report of a tenant's subscribers as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ipv6console.api.parameter import MOST_ROWS

if TYPE_CHECKING:
    from ipv6console.engine.caller import Caller
    from ipv6console.engine.engine import Engine
    from ipv6console.wire.subscriber import SubscriberRow

_COLUMNS = (
    "tenant", "subscriber_id", "assignment_mode", "prefix_size", "state", "since", "prefix", "registry", "registry_id",
    "username", "nas_ip", "ipam", "radius", "pending", "stuck", "text", "created_at", "allocated_at", "activated_at",
    "suspended_at", "revoked_at",
)  # fmt: skip
_TIMES = {"since", "created_at", "allocated_at", "activated_at", "suspended_at", "revoked_at"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def report_of(engine: Engine, caller: Caller, tenant: str | None) -> str:
    """Return every subscriber of `tenant`, or of all that the caller may see, as CSV with a head; raises Refusal."""
    written = io.StringIO(newline="")
    out = csv.writer(written)
    out.writerow(_COLUMNS)
    cursor: str | None = None
    while True:
        page = engine.subscribers.page(caller, tenant=tenant, state=None, text=None, cursor=cursor, limit=MOST_ROWS)
        out.writerows(_cells(row) for row in page.subscribers)
        cursor = page.next
        if cursor is None:
            return written.getvalue()
        # Picks get in between.
        await asyncio.sleep(0)


def _cells(row: SubscriberRow) -> list[str]:
    return [_cell(name, row.netbox_prefix_id if name == "registry_id" else getattr(row, name)) for name in _COLUMNS]


def _cell(name: str, value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _TIMES and isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    text = str(value)
    # A spreadsheet would take a user name that begins so for a formula.
    return f"'{text}" if text.startswith(_FORMULA) else text
