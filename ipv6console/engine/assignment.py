"""What the state document tells of lasting assignments: spaces, subscribers' prefixes, and the systems that must agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ipv6console.engine.core import Core
from ipv6console.engine.external import Registry, SessionControl
from ipv6console.engine.spaces import Spaces
from ipv6console.ipam.lifecycle import State
from ipv6console.ipam.subscribers import Desk
from ipv6console.wire.space import SpaceRow
from ipv6console.wire.state import SpaceState
from ipv6console.wire.status import Level, Stamp

EMBEDDED = "embedded"
_NONE = "no IPAM is configured: name local spaces in lifecycle.spaces, or a NetBox in [netbox]"


class Correspondence(Protocol):
    """How the systems beside ours answered last: what was wrong, None when nothing was."""

    ipam: str | None
    radius: str | None


class Attention(Protocol):
    """Who looks for prefixes that are stuck."""

    @property
    def stuck(self) -> int:
        """How many there are."""
        ...


class Lifecycle(Protocol):
    """What is asked of `engine.subscribers.Subscribers`."""

    registry: Registry
    sessions: SessionControl | None
    desk: Desk

    @property
    def courier(self) -> Correspondence:
        """Who speaks to IPAM and RADIUS."""
        ...

    @property
    def caretaker(self) -> Attention:
        """Who looks for what is stuck."""
        ...


class Assignment:
    """Counts anew only what has changed; `leaks` says how many leaks are known of, None when nobody has looked."""

    def __init__(
        self, core: Core, spaces: Spaces, subscribers: Lifecycle, leaks: Callable[[], int | None] = lambda: None
    ) -> None:
        self._core = core
        self._spaces = spaces
        self._subscribers = subscribers
        self._leaks = leaks
        self._rows: tuple[SpaceRow, ...] = ()
        self._rows_of = -1

    def state(self, stamp: Stamp | None = None) -> SpaceState:
        """Return the part of the document, of now unless `stamp` says otherwise."""
        desk, courier = self._subscribers.desk, self._subscribers.courier
        spaces = self._spaces_now()
        states = desk.book.states()
        oldest = next(iter(desk.outbox), None)
        ipam, ipam_text = self._ipam(courier.ipam)
        radius, radius_text = self._radius(courier.radius)
        return SpaceState(
            stamp=stamp or Stamp(self._core.clock.now(), "engine"),
            revision=self._spaces.revision + desk.book.revision,
            spaces=len(spaces),
            bindings=sum(row.bindings for row in spaces),
            delegations=sum(row.delegations for row in spaces),
            resting=sum(row.resting for row in spaces),
            subscribers=states.total(),
            states={state.value: states[state] for state in State},
            pending=len(desk.outbox),
            pending_since=None if oldest is None else oldest.created_at,
            stuck=self._subscribers.caretaker.stuck,
            leaks=self._leaks(),
            registry=self._subscribers.registry.name,
            ipam=ipam,
            ipam_text=ipam_text,
            radius=radius,
            radius_text=radius_text,
        )

    def _spaces_now(self) -> tuple[SpaceRow, ...]:
        # Ten times a second somebody may ask, and exact counts take a while in spaces of many ranges.
        revision = self._spaces.revision
        if self._rows_of != revision:
            self._rows, self._rows_of = self._spaces.rows(), revision
        return self._rows

    def _ipam(self, complaint: str | None) -> tuple[Level, str]:
        registry = self._subscribers.registry.name
        if complaint is not None:
            return self._complained(f"{registry}: {complaint}")
        if registry != EMBEDDED:
            return Level.OK, self._core.settings.netbox.url
        wanted = self._core.settings.lifecycle.spaces
        known = {row.name for row in self._spaces_now()}
        missing = [name for name in wanted if name not in known]
        if missing:
            told = ", ".join(missing)
            return Level.WARN, f"lifecycle.spaces names what is not there: {told}; ipv6console space create makes one"
        return (Level.OK, f"prefixes are cut out of {', '.join(wanted)}") if wanted else (Level.OFF, _NONE)

    def _complained(self, text: str) -> tuple[Level, str]:
        # Whom nobody asks any more may be well again; what was wrong is then no more than the last that was heard.
        return (Level.WARN, text) if len(self._subscribers.desk.outbox) else (Level.UNKNOWN, f"{text}; not asked since")

    def _radius(self, complaint: str | None) -> tuple[Level, str]:
        if self._subscribers.sessions is None:
            return Level.OFF, "no RADIUS is configured"
        if complaint is not None:
            return self._complained(complaint)
        server = self._core.settings.radius.server
        return Level.OK, "the NAS of each session" if server == "nas" else server
