"""The life of a prefix, read from the kept events."""

from __future__ import annotations

from ipv6console.engine.journal import Journal
from ipv6console.wire.event import Event, EventFilter
from ipv6console.wire.prefix import PrefixMoment, PrefixStory, PrefixTurn

_TURNS = {
    "prefix.appeared": PrefixTurn.SEEN,
    "prefix.drained": PrefixTurn.DRAINED,
    "prefix.resumed": PrefixTurn.RETURNED,
    "prefix.deprecated": PrefixTurn.DEPRECATED,
    "prefix.silent": PrefixTurn.SILENT,
    "prefix.returned": PrefixTurn.RETURNED,
    "prefix.refused": PrefixTurn.REFUSED,
    "prefix.gone": PrefixTurn.GONE,
    "revoke.prefix": PrefixTurn.REVOKED,
}
_PAGE = 200
_ABOVE_ALL = 2**63 - 1


async def story_of(journal: Journal, prefix: str, limit: int) -> PrefixStory:
    """Return the newest `limit` turns in the life of `prefix`, oldest first; raises Unavailable."""
    found: list[PrefixMoment] = []
    before = _ABOVE_ALL
    while len(found) < limit:
        page = await journal.page(0, _PAGE, EventFilter(subject=prefix), before=before)
        if not page.events:
            break
        found[:0] = [_moment(event) for event in page.events if event.kind in _TURNS]
        before = page.events[0].id
    return PrefixStory(prefix=prefix, entries=tuple(found[-limit:]))


def _moment(event: Event) -> PrefixMoment:
    leases = event.data.get("leases")
    return PrefixMoment(
        at=event.at,
        turn=_TURNS[event.kind],
        text=event.text,
        leases=leases if isinstance(leases, int) else None,
        actor=event.actor,
        event=event.id,
    )
