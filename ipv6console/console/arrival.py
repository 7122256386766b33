"""Thousands of addresses at once, read from the answer in slices: all at a time would hold the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipv6console.client.request import EngineRequest
from ipv6console.wire.address import AddressChanges, AddressPage, AddressRow
from ipv6console.wire.codec import WireError, decode

if TYPE_CHECKING:
    from ipv6console.client.engine import AsyncIPv6Client

_BUSY, _IDLE = 0.004, 0.004
_AT_ONCE = 50
_TEXT, _NAMES, _NUMBER = (str,), (list,), (int, float)
_SHAPE: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("addr", _TEXT), ("prefix", _TEXT), ("leased_in", _NAMES), ("bad_in", _NAMES), ("verified_at", _NUMBER),
)  # fmt: skip


class AddressArrival:
    """What the pool's screen reads of one engine."""

    def __init__(self, client: AsyncIPv6Client) -> None:
        self._client = client

    async def page(self, cursor: str | None, limit: int) -> AddressPage:
        """Ask for a page of addresses; raises what the client raises, and WireError for a misshapen answer."""
        given: dict[str, str | int] = {"limit": limit} if cursor is None else {"limit": limit, "cursor": cursor}
        answer = await self._client.send(EngineRequest(dict, "GET", "/addresses", given))
        rows = await _rows(answer, "addresses")
        rest = decode(AddressPage, {**answer, "addresses": ()})
        return AddressPage(addresses=rows, total=rest.total, next=rest.next)

    async def changes(self, since: int | None) -> AddressChanges:
        """Ask what changed after `since`; raises as `page` does."""
        given = {} if since is None else {"since": since}
        answer = await self._client.send(EngineRequest(dict, "GET", "/addresses/changes", given))
        rows = await _rows(answer, "rows")
        rest = decode(AddressChanges, {**answer, "rows": ()})
        return AddressChanges(seq=rest.seq, rows=rows, gone=rest.gone, missed=rest.missed)


async def _rows(answer: Mapping[str, Any], name: str) -> tuple[AddressRow, ...]:
    listed = answer.get(name)
    if not isinstance(listed, list):
        raise WireError(f"{name}: a list is expected, got {type(listed).__name__}")
    rows: list[AddressRow] = []
    until = time.perf_counter() + _BUSY
    for start in range(0, len(listed), _AT_ONCE):
        rows += [address_row(item) for item in listed[start : start + _AT_ONCE]]
        if time.perf_counter() >= until:
            await asyncio.sleep(_IDLE)
            until = time.perf_counter() + _BUSY
    return tuple(rows)


def address_row(item: Any) -> AddressRow:
    """Return a row as `decode` would, at a fraction of its cost; raises WireError for what does not fit.

    Whatever is out of the ordinary is left to `decode`, which also says what is wrong with it.
    """
    if not isinstance(item, dict) or not all(isinstance(item.get(name), kinds) for name, kinds in _SHAPE):
        return decode(AddressRow, item)
    used, uses, retry = item.get("last_used_at"), item.get("uses", 0), item.get("retry_at")
    names = (*item["leased_in"], *item["bad_in"])
    plain = type(uses) is int and all(type(value) in {float, type(None)} for value in (used, retry))
    if not plain or type(item["verified_at"]) is not float or not all(type(name) is str for name in names):
        return decode(AddressRow, item)
    return AddressRow(
        addr=item["addr"],
        prefix=item["prefix"],
        verified_at=item["verified_at"],
        leased_in=tuple(item["leased_in"]),
        bad_in=tuple(item["bad_in"]),
        last_used_at=used,
        uses=uses,
        retry_at=retry,
    )
