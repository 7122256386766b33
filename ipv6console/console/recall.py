"""What happened on an engine since this user last looked at it, and keeping in mind what was seen."""

from __future__ import annotations

from ipv6console.console.digest import Digest, digest
from ipv6console.console.model import Condition, Model
from ipv6console.console.seen import Memory, Seen, engine_key
from ipv6console.console.source import Source
from ipv6console.wire.event import Event
from ipv6console.wire.state import State

PAGE, MOST = 1_000, 10_000
"""Events asked for at once, and looked at altogether."""


async def since_last_look(source: Source, state: State, seen: Seen | None, own: str) -> Digest | None:
    """Return what happened after `seen`; None when the engine was never seen, or nothing did.

    This console's own coming and going, by its name `own`, does not count. Raises Refused.
    """
    last = state.engine.last_event
    if seen is None or last <= seen.event:
        return None
    start = max(seen.event, last - MOST)
    events: list[Event] = []
    at = start
    while at < last:
        page = await source.events(at, PAGE)
        events += [event for event in page.events if event.id <= last and not _own(event, own)]
        if not page.events:
            break
        at = page.events[-1].id
    told = digest(events, since=seen.event, since_at=seen.at, unread=start - seen.event)
    return told if told.count else None


def _own(event: Event, own: str) -> bool:
    # The name ends in the process, which another console of the same user does not share: its visits are ours as well.
    user, _, _ = own.rpartition(":")
    return event.kind in {"console.attached", "console.left"} and event.text.startswith(f"{user}:")


def keep_in_mind(memory: Memory, model: Model) -> Seen | None:
    """Remember the newest event that was shown, and return it; raises Unremembered.

    Nothing is known of an engine that never answered, and nothing new of one that is not heard of.
    """
    state = model.state
    if state is None:
        return None
    event = max(model.last_event, state.engine.last_event if model.condition is Condition.LIVE else 0)
    if not event:
        return None
    seen = Seen(event=event, at=model.now if model.condition is Condition.LIVE else state.at)
    memory.keep(engine_key(state), seen)
    return seen
