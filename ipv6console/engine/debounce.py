"""What is told of faults, and when: pure rules, time is passed in."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ipv6console.engine.fault import FAULTS, TOLD_ANEW, Fault, begun, ended, lasts
from ipv6console.wire.event import LEVELS, Event, EventLevel
from ipv6console.wire.notify import Notice, NoticeItem, NoticeState

GATHER = 1.0
"""Seconds that what happens together has to come together."""

SETTLE = 30.0
"""Seconds in which an engine that has started tells of every fault it finds."""

_MOST = 1_000
_LISTED = 50
_DIGEST = "notify.digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one destination is to hear of: events at least so loud whose kind begins so; without kinds all faults."""

    level: EventLevel
    kinds: tuple[str, ...] = ()

    def wants(self, event: Event) -> bool:
        """Return whether `event` is to be told."""
        if LEVELS.index(event.level) < LEVELS.index(self.level):
            return False
        return event.kind.startswith(self.kinds) if self.kinds else event.kind in FAULTS


@dataclass(frozen=True, slots=True)
class ToldFault:
    """A fault whose beginning was told and whose end was not: its last event, since when (unix seconds), how often."""

    event: Event
    since: float
    count: int


@dataclass(slots=True)
class _Incident:
    """One fault from its first event on; `due` is when something is to be told of it.

    `doubtful` is one that an earlier engine told, until this one has seen for itself how it stands.
    """

    fault: Fault
    event: Event
    since: float
    count: int = 0
    unsaid: int = 0
    said: EventLevel | None = None
    said_at: float = 0.0
    over: Event | None = None
    due: float | None = None
    doubtful: bool = False


class Debounce:
    """Decides for one destination. A fault is told once, and that it is over when it has been for `quiet` seconds.

    One that comes and goes meanwhile is told with how often it did. What has no end is told at most once in `quiet`
    seconds, with how often it happened. When more than `most` notices were due in `quiet` seconds, they become one digest.
    Times are seconds of a clock that never goes back. `holds` says of a fault that is known from before a restart whether
    it is still there though no event has said so.
    """

    def __init__(
        self,
        wanted: Wanted,
        *,
        quiet: float,
        most: int,
        host: str,
        version: str,
        own: str = "",
        holds: Callable[[Fault], bool] = lambda _: False,
    ) -> None:
        self._wanted = wanted
        self._quiet = quiet
        self._most = most
        self._host = host
        self._version = version
        self._own = own
        self._holds = holds
        self._incidents: dict[Fault, _Incident] = {}
        self._sent: deque[float] = deque()
        self._held_until = 0.0
        self._missed = 0
        self._missed_at = 0.0

    def take(self, event: Event, now: float) -> None:
        """Take up what happened."""
        if event.subject == self._own and event.kind.startswith("notify."):
            # That it cannot be told is nothing to tell it.
            return
        for fault in ended(event):
            if fault in self._incidents:
                self._end(self._incidents[fault], event, now)
        if self._wanted.wants(event):
            self._begin(event, now)

    def miss(self, count: int, now: float) -> None:
        """Note that so many events came too fast to be looked at."""
        self._missed += count
        self._missed_at = now

    def next_at(self) -> float | None:
        """Return when `due` has something next, None while nothing is to come."""
        times = [incident.due for incident in self._incidents.values() if incident.due is not None]
        if self._missed:
            times.append(self._missed_at + GATHER)
        return max(min(times), self._held_until) if times else None

    def due(self, now: float) -> tuple[Notice, ...]:
        """Return what is to be told now."""
        if now < self._held_until:
            return ()
        self._forget(now)
        ready = [
            one
            for one in self._incidents.values()
            if one.due is not None and one.due <= now and not self._still(one, now)
        ]
        missed = self._missed if self._missed and self._missed_at + GATHER <= now else 0
        while self._sent and self._sent[0] <= now - self._quiet:
            self._sent.popleft()
        if not ready and not missed:
            return ()
        if not missed and len(ready) <= self._most - len(self._sent):
            self._sent.extend(now for _ in ready)
            return self._singly(ready, now)
        self._sent.append(now)
        self._held_until = now + self._quiet
        return (self._digest(ready, missed, now),)

    def flush(self, now: float) -> tuple[Notice, ...]:
        """Return what waits to be told, due or not: the last words of an engine that stops."""
        ready = [one for one in self._incidents.values() if one.due is not None and not one.doubtful]
        if not ready and not self._missed:
            return ()
        if not self._missed and len(ready) <= self._most:
            return self._singly(ready, now)
        return (self._digest(ready, self._missed, now),)

    def told(self) -> tuple[ToldFault, ...]:
        """Return what an engine that comes after this one has to know: what was told and may still hold."""
        return tuple(
            ToldFault(one.event, one.since, one.count)
            for one in self._incidents.values()
            if one.said is not None and lasts(one.fault)
        )

    def resume(self, told: Iterable[ToldFault], now: float) -> None:
        """Go on from what the engine before had told: what holds is not told again, what ended meanwhile is told as over."""
        for one in told:
            fault = begun(one.event)
            if fault in self._incidents or not lasts(fault) or not self._wanted.wants(one.event):
                continue
            incident = _Incident(fault, one.event, since=one.since, count=one.count, said=one.event.level, said_at=now)
            incident.doubtful = True
            if fault.family in TOLD_ANEW:
                text = f"it was not found again after a restart: {one.event.text}"
                self._end(incident, replace(one.event, at=now, text=text), now)
                incident.due, incident.doubtful = now + max(self._quiet, SETTLE), True
            self._incidents[fault] = incident

    def _begin(self, event: Event, now: float) -> None:
        fault = begun(event)
        incident = self._incidents.get(fault)
        if incident is None:
            if len(self._incidents) >= _MOST and not self._make_room():
                self.miss(1, now)
                return
            incident = self._incidents[fault] = _Incident(fault, event, since=event.at)
        again = incident.over is not None or incident.doubtful
        incident.doubtful = False
        incident.event, incident.over = event, None
        incident.count += 1
        incident.unsaid += 1
        if incident.said is None or LEVELS.index(event.level) > LEVELS.index(incident.said):
            due = now + GATHER
            incident.due = due if again or incident.due is None else min(incident.due, due)
        elif again:
            # It was told, its end was not: nothing is new but the count.
            incident.due = None
        elif incident.due is None:
            incident.due = max(now + GATHER, incident.said_at + self._quiet)

    def _end(self, incident: _Incident, event: Event, now: float) -> None:
        incident.over, incident.doubtful = event, False
        incident.due = now + self._quiet

    def _still(self, incident: _Incident, now: float) -> bool:
        """Return whether a fault from before a restart is there yet, and look again later if so."""
        if not incident.doubtful or not self._holds(incident.fault):
            return False
        incident.due = now + SETTLE
        return True

    def _make_room(self) -> bool:
        """Forget the fault told longest ago; return whether there was one."""
        told = (one for one in self._incidents.values() if one.due is None)
        oldest = min(told, key=lambda one: one.said_at, default=None)
        if oldest is not None:
            del self._incidents[oldest.fault]
        return oldest is not None

    def _forget(self, now: float) -> None:
        """Forget what has no end and has not happened again for long enough to be news."""
        gone = [
            one.fault
            for one in self._incidents.values()
            if one.due is None and not lasts(one.fault) and one.said_at + self._quiet <= now
        ]
        for fault in gone:
            del self._incidents[fault]

    def _told(self, incident: _Incident, now: float) -> NoticeItem:
        """Return what there is to say of a fault, and note that it was said."""
        event, over = incident.event, incident.over
        fix = event.data.get("fix")
        item = NoticeItem(
            state=NoticeState.FAULT if over is None else NoticeState.RECOVERED,
            level=event.level,
            kind=event.kind,
            subject=event.subject,
            text=event.text if over is None else over.text,
            at=event.at if over is None else over.at,
            since=incident.since,
            count=incident.unsaid if over is None else incident.count,
            fix=fix if isinstance(fix, str) and over is None else None,
        )
        if over is not None:
            del self._incidents[incident.fault]
        incident.said, incident.said_at, incident.unsaid, incident.due = event.level, now, 0, None
        return item

    def _singly(self, ready: Iterable[_Incident], now: float) -> tuple[Notice, ...]:
        told = [(one.over or one.event, self._told(one, now)) for one in ready]
        return tuple(
            Notice(
                id=f"{self._host}/{event.id}/{item.state.value}/{item.kind}",
                state=item.state,
                level=item.level,
                kind=item.kind,
                subject=item.subject,
                text=item.text,
                host=self._host,
                version=self._version,
                at=item.at,
                since=item.since,
                count=item.count,
                fix=item.fix,
            )
            for event, item in told
        )

    def _digest(self, ready: list[_Incident], missed: int, now: float) -> Notice:
        last = max(((one.over or one.event).id for one in ready), default=0)
        items = [self._told(one, now) for one in ready]
        items.sort(key=lambda item: (-LEVELS.index(item.level), -item.count))
        kinds: Counter[str] = Counter()
        for item in items:
            kinds[item.kind if item.state is NoticeState.FAULT else f"{item.kind} over"] += item.count
        text = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common(_LISTED))
        if missed:
            told = f"{missed} events that came too fast to be told apart"
            text = f"{text}, and {told}" if text else told
            self._missed = 0
        return Notice(
            id=f"{self._host}/{last}/digest/{now:.3f}",
            state=NoticeState.DIGEST,
            level=items[0].level if items else EventLevel.WARNING,
            kind=_DIGEST,
            subject=None,
            text=text,
            host=self._host,
            version=self._version,
            at=max((item.at for item in items), default=now),
            since=min((item.since for item in items), default=now),
            count=sum(item.count for item in items) + missed,
            items=tuple(items[:_LISTED]),
        )
