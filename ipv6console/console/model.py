"""What the console knows: the last document, the events, the connection, and how old all of it is. No Textual here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum

from ipv6console.console.burn import Burn
from ipv6console.console.source import Frame, Joined, LossKind, Lost
from ipv6console.wire.delta import DeltaGap, advance
from ipv6console.wire.event import Event
from ipv6console.wire.frame import DeltaFrame, EventsFrame, MissedFrame, StateFrame
from ipv6console.wire.state import MirrorRow, PrefixRow, PrefixState, State

SILENCE = 5.0
"""Seconds without a frame after which data counts as stale though the connection stands."""

EVENTS_KEPT = 1_000
SAMPLES_KEPT = 120
_PREFIX_ORDER = (PrefixState.ACTIVE, PrefixState.DRAINING, PrefixState.REVOKED, PrefixState.GONE)


class Condition(StrEnum):
    """What a pane can truthfully show."""

    LOADING = "loading"
    LIVE = "live"
    STALE = "stale"
    DENIED = "denied"
    ERROR = "error"


class Model:
    """The console's picture of one engine.

    `clock` is monotonic seconds. Ages are told in the engine's own time, so that a skewed clock on an attached host
    does not matter. `version` grows with every change that a screen could show, `log` whenever the
    engine numbers its events anew.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self.state: State | None = None
        self.loss: Lost | None = None
        self.joined = False
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.missed = 0
        self.version = 0
        self.log = 0
        self.rates: dict[str, deque[float]] = {}
        self.lives: dict[str, deque[float]] = {}
        self.burn = Burn()
        self.spawn_rates: deque[float] = deque(maxlen=SAMPLES_KEPT)
        self._heard_at: float | None = None
        self._sampled_at = clock()

    def take(self, frame: Frame) -> None:
        """Take in one frame; raises DeltaGap when the whole document has to be asked for again."""
        self.version += 1
        match frame:
            case Joined():
                self.joined, self.loss = True, None
            case Lost():
                self.joined, self.loss = False, frame
                return
            case StateFrame(state=state):
                self._take_state(state)
            case DeltaFrame(delta=delta):
                if self.state is None:
                    raise DeltaGap("a delta came before the document")
                if delta.generation > self.state.generation:
                    self.state = advance(self.state, delta)
            case EventsFrame(events=events):
                self._add_events(events)
            case MissedFrame(count=count):
                self.missed += count
        if not isinstance(frame, EventsFrame):
            self._heard_at = self._clock()

    def _take_state(self, state: State) -> None:
        """Take over a document, but not one that was asked for before what the stream has brought since."""
        known = self.state
        same = known is not None and _run(known) == _run(state)
        if known is not None and same and state.generation < known.generation:
            return
        self.state = state
        if not same and state.engine.last_event < self.last_event:
            self._number_from(state.engine.last_event + 1)

    def _number_from(self, first: int) -> None:
        """Forget the events from number `first` on: the engine gives these numbers anew, as it does with a new database."""
        while self.events and self.events[-1].id >= first:
            self.events.pop()
        self.log += 1

    def _add_events(self, events: Iterable[Event]) -> None:
        for event in events:
            newest = self.events[-1] if self.events else None
            if newest is not None and event.id <= newest.id:
                if event.at <= newest.at:
                    continue
                self._number_from(event.id)
            self.events.append(event)

    def sample(self) -> None:
        """Note the rates for the sparklines; call often, it keeps one sample a second."""
        now = self._clock()
        if self.state is None or self.condition is not Condition.LIVE or now - self._sampled_at < 1.0:
            return
        self._sampled_at = now
        self.burn.note(self.state)
        for row in self.state.mirrors:
            self.rates.setdefault(row.name, deque(maxlen=SAMPLES_KEPT)).append(row.picks_per_s)
        names = {row.name for row in self.state.mirrors}
        for name in [name for name in self.rates if name not in names]:
            del self.rates[name]
        space = self.state.space
        for name, number in space.states.items() if space is not None else ():
            self.lives.setdefault(name, deque(maxlen=SAMPLES_KEPT)).append(number)
        self.spawn_rates.append(self.state.pool.spawned_per_min)

    @property
    def silence(self) -> float:
        """Seconds since the engine was last heard of; since the start when it never was."""
        return self._clock() - (self._started if self._heard_at is None else self._heard_at)

    @property
    def condition(self) -> Condition:
        """What can truthfully be shown right now."""
        if self.state is not None:
            return Condition.LIVE if self.joined and self.silence <= SILENCE else Condition.STALE
        if self.loss is None:
            return Condition.LOADING
        return Condition.DENIED if self.loss.kind is LossKind.DENIED else Condition.ERROR

    @property
    def now(self) -> float:
        """The engine's time in unix seconds, as far as it can be told from here; 0 before the first document."""
        return 0.0 if self.state is None else self.state.at + self.silence

    def age_of(self, at: float) -> float:
        """Return how many seconds ago the engine's time was `at`."""
        return max(0.0, self.now - at)

    @property
    def prefixes(self) -> tuple[PrefixRow, ...]:
        """The prefixes, those in use first, newest first among equals."""
        rows = () if self.state is None else self.state.prefixes
        return tuple(sorted(rows, key=lambda row: (_PREFIX_ORDER.index(row.state), -row.first_seen)))

    @property
    def prefix(self) -> PrefixRow | None:
        """The prefix in use, None when there is none."""
        return next((row for row in self.prefixes if row.state is PrefixState.ACTIVE), None)

    def mirror(self, name: str) -> MirrorRow | None:
        """Return the row of one mirror."""
        return next((row for row in self.state.mirrors if row.name == name), None) if self.state else None

    @property
    def last_event(self) -> int:
        """The id of the newest event seen, 0 before the first."""
        return self.events[-1].id if self.events else 0


def _run(state: State) -> tuple[int, float]:
    return state.engine.pid, state.engine.started_at
