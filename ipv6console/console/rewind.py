"""The past on screen: the engine's document as it was, with what else was known at that moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, cast

from ipv6console.console.keyring import keyed
from ipv6console.console.model import Model
from ipv6console.console.source import Joined, Refused, Source
from ipv6console.wire.event import EVERY_EVENT, Event, EventFilter, EventPage
from ipv6console.wire.frame import EventsFrame, StateFrame
from ipv6console.wire.history import HistoryPage, HistoryRow
from ipv6console.wire.prefix import PrefixStory
from ipv6console.wire.state import State

STEP, LEAP = 5.0, 60.0
"""Seconds that one key goes back or forth."""

NEWEST = 1.5
"""Seconds behind the live document from which on one is back at it: what is kept is a second apart."""

EVENTS_WANTED = 200
LEASES_WANTED = 1_000
"""Of one address: those that came after the moment shown are among them."""


def past(live: Model, state: State, events: Iterable[Event] | None = None) -> Model:
    """Return a model of the moment `state` was true: nothing in it is newer, and its clock stands still.

    `events` are those before that moment; without them those that the live model knows.
    """
    model = Model(lambda: 0.0)
    model.take(Joined())
    model.take(StateFrame(state=state))
    known = live.events if events is None else events
    model.take(EventsFrame(events=tuple(event for event in known if event.at <= state.at)))
    gone = max(0, round(live.now - state.at))
    model.rates = {name: _without(rates, gone) for name, rates in live.rates.items()}
    model.lives = {name: _without(counts, gone) for name, counts in live.lives.items()}
    model.spawn_rates = _without(live.spawn_rates, gone)
    return model


def _without(rates: deque[float], newest: int) -> deque[float]:
    kept = list(rates)[: len(rates) - newest] if newest < len(rates) else []
    return deque(kept, maxlen=rates.maxlen)


def lacks_events(live: Model, at: float) -> bool:
    """Return whether the live model remembers too few events from before `at` to fill a screen."""
    before = sum(event.at <= at for event in live.events)
    return before < EVENTS_WANTED and (not live.events or live.events[0].id > 1)


_LACKS = {
    "targets": ("who banned a mirror is counted as of now only", "{events} Events tells its bans by then. "),
    "lease_page": ("who holds what is known as of now only", "{who} tells who had held one address by then. "),
    "leases": ("who holds what is known as of now only", "{who} tells who had held one address by then. "),
    "mirror_settings": ("a mirror's own settings are known as of now only", ""),
    "doctor": ("the chain can be walked as it is now only", ""),
    "subscribers": (
        "which subscriber was in which state is known as of now only",
        "What is counted above is of then. ",
    ),
    "subscriber_history": ("a subscriber's timeline is read as of now only", ""),
    "outbox": ("the steps of a subscriber are known as of now only", ""),
    "bindings": ("what was bound to what is known as of now only", "What is counted above is of then. "),
    "ndp_config": ("the configuration can be read as it is now only", ""),
}
"""What is asked, why there is no answer from the past, and what there is instead."""


class PastSource:
    """What is asked while the past is shown: events and leases up to that moment; for the rest nobody knows how it was.

    Asking for anything else raises Refused with the reason, as every act does.
    """

    def __init__(self, source: Source, at: float, told: str) -> None:
        self._source, self._at, self._told = source, at, told

    async def events(
        self, since: int = 0, limit: int = 100, wanted: EventFilter | None = None, *, before: int | None = None
    ) -> EventPage:
        """Ask for events that had happened by then."""
        wanted = wanted or EVERY_EVENT
        until = self._at if wanted.until is None else min(wanted.until, self._at)
        bounded = EventFilter(
            level=wanted.level,
            kind=wanted.kind,
            subject=wanted.subject,
            actor=wanted.actor,
            text=wanted.text,
            start=wanted.start,
            until=until,
        )
        return await self._source.events(since, limit, bounded, before=before)

    async def prefix_story(self, prefix: str) -> PrefixStory:
        """Ask for the turns in a prefix's life that had been taken by then."""
        story = await self._source.prefix_story(prefix)
        return replace(story, entries=tuple(entry for entry in story.entries if entry.at <= self._at))

    async def history(self, addr: str, limit: int) -> HistoryPage:
        """Ask who had held an address by then; a lease that ended later was still held."""
        page = await self._source.history(addr, max(limit, LEASES_WANTED))
        begun = [row for row in page.entries if row.since <= self._at][:limit]
        return HistoryPage(entries=tuple(self._then(row) for row in begun))

    def _then(self, row: HistoryRow) -> HistoryRow:
        ended = row.until is not None and row.until <= self._at
        return row if ended else replace(row, until=None, verdict=None, target=None, reason=None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        async def refused(*_args: object, **_options: object) -> NoReturn:
            what, instead = _LACKS.get(name, ("what that would tell is not kept from then", ""))
            raise Refused(
                f"The screen shows {self._told}: {what}.",
                next=keyed(f"{instead}{{back}} goes back to live."),
                kind="rewinding",
                title="Not in the past",
            )

        return refused


def past_source(source: Source, at: float, told: str) -> Source:
    """Return the source for pages that show the moment `at`, which is written as `told`."""
    return cast("Source", PastSource(source, at, told))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What of the past is on the screen: when (unix seconds), whole seconds ago, and the moment asked for, if another."""

    at: float
    ago: float
    asked: float | None = None


class Rewinder:
    """Steps one engine's screen through its past. Keys may come faster than documents: only the last one is gone to.

    `run` runs a coroutine besides, `changed` is called when something else is to be shown, `say` tells the operator
    what is not possible, `told` writes a time.
    """

    def __init__(
        self,
        source: Source,
        live: Model,
        *,
        run: Callable[[Coroutine[Any, Any, None]], object],
        changed: Callable[[], None],
        say: Callable[[str], None],
        told: Callable[[float], str],
    ) -> None:
        self._source, self._live = source, live
        self._run, self._changed, self._say, self._told = run, changed, say, told
        self._wanted: float | None = None
        self._oldest: float | None = None
        self._chasing = False
        self.model: Model | None = None
        self.source: Source | None = None

    @property
    def moment(self) -> Moment | None:
        """What of the past is shown, None while it is the present."""
        if self.model is None:
            return None
        at = self.model.now
        asked = self._wanted if self._wanted is not None and abs(self._wanted - at) > 1.0 else None
        return Moment(at=at, ago=float(max(0, int(self._live.now - at))), asked=asked)

    def step(self, seconds: float) -> None:
        """Go so many seconds forth, or back when it is negative; beyond the newest moment it is live again."""
        if self._live.state is None:
            self._say("Nothing is known of this engine yet, so there is no past to show.")
        elif self._wanted is None and seconds > 0:
            self._say(keyed("This is live: there is nothing later. {rewind_back} goes back."))
        else:
            self.go((self._live.now if self._wanted is None else self._wanted) + seconds)

    def go(self, at: float) -> None:
        """Show the moment `at` (unix seconds), as far as it is kept."""
        if at > self._live.now - NEWEST:
            self.leave()
            return
        if self._oldest is not None and at < self._oldest:
            self._say(f"Nothing older is kept than {self._told(self._oldest)}.")
            at = self._oldest
        self._wanted = at
        self._changed()
        if not self._chasing:
            self._chasing = True
            self._run(self._chase())

    def leave(self) -> None:
        """Show the present again."""
        self._wanted = self._oldest = None
        self.model = self.source = None
        self._changed()

    async def _chase(self) -> None:
        reached = None
        try:
            while self._wanted is not None and self._wanted != reached:
                reached = self._wanted
                try:
                    await self._show(reached)
                except Refused as refusal:
                    self._say(f"{refusal.detail} {refusal.next}".strip())
                    self.leave()
        finally:
            self._chasing = False

    async def _show(self, at: float) -> None:
        if self._oldest is None:
            self._oldest = (await self._source.rewind()).oldest
            if self._oldest is None:
                raise Refused("The engine keeps no past yet: it has only just started.", next="Try again in a moment.")
            if at < self._oldest:
                self._say(f"Nothing older is kept than {self._told(self._oldest)}.")
                if self._wanted == at:
                    self._wanted = self._oldest
                at = self._oldest
        state = await self._source.state_at(at)
        events = None
        if lacks_events(self._live, state.at):
            newest = self._live.last_event + 1
            page = await self._source.events(0, EVENTS_WANTED, EventFilter(until=state.at), before=newest)
            events = page.events
        if self._wanted is not None:
            self.model = past(self._live, state, events)
            self.source = past_source(self._source, state.at, self._told(state.at))
            self._changed()
