"""What the console needs of a connection: one stream of frames, and the acts.

The shipped source is `link.Link` over the client library; tests script their own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from ipv6console.wire.frame import DeltaFrame, EventsFrame, MissedFrame, StateFrame

if TYPE_CHECKING:
    from ipv6console.wire.address import AddressChanges, AddressPage
    from ipv6console.wire.doctor import DoctorReport
    from ipv6console.wire.event import EventFilter, EventPage
    from ipv6console.wire.history import HistoryPage
    from ipv6console.wire.lease import LeasePage
    from ipv6console.wire.mirror import MirrorSettings
    from ipv6console.wire.ndp import NdpConfig
    from ipv6console.wire.notify import NotifyTested
    from ipv6console.wire.plan import Applied, ApplyRequest, Plan, PlanRequest
    from ipv6console.wire.prefix import PrefixStory
    from ipv6console.wire.reply import ResetReply, SpawnsReply
    from ipv6console.wire.rewind import RewindSpan
    from ipv6console.wire.space import BindingPage, BindingReleased
    from ipv6console.wire.state import MirrorRow, PrefixRow, State
    from ipv6console.wire.subscriber import LifecycleHistory, OutboxPage, OutboxRow, SubscriberPage
    from ipv6console.wire.target import TargetPage


class LossKind(StrEnum):
    """Why there is no connection, as far as an operator has to do something else about it."""

    UNREACHABLE = "unreachable"
    DENIED = "denied"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Joined:
    """The stream is up; a StateFrame follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The stream is down: why, what would help, how many attempts have failed since; the source keeps trying."""

    text: str
    next: str
    kind: LossKind = LossKind.UNREACHABLE
    attempt: int = 0


Frame = StateFrame | DeltaFrame | EventsFrame | MissedFrame | Joined | Lost


class Refused(Exception):
    """An act that was not done: what happened and the next step; `kind` is the problem document's type."""

    def __init__(self, detail: str, *, next: str = "", kind: str = "refused", title: str = "Refused") -> None:  # noqa: A002 - the word of the problem document
        super().__init__(detail)
        self.detail = detail
        self.next = next
        self.kind = kind
        self.title = title

    @property
    def outdated(self) -> bool:
        """Whether the plan no longer holds, so that planning again is the way on."""
        return self.kind in {"plan-changed", "not-found"}


class Source(Protocol):
    """One engine, reached by whatever way. Every act raises Refused when it was not done."""

    def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield frames for as long as it is iterated; never ends by itself and never raises for a lost connection."""

    async def state(self) -> State:
        """Ask for the whole document: after a gap, and to learn whether a silent engine still answers."""

    async def spawn(self, number: int) -> SpawnsReply:
        """Make `number` (1-100) verified addresses."""

    async def plan(self, request: PlanRequest) -> Plan:
        """Ask what an act would do to exactly what."""

    async def apply(self, request: ApplyRequest) -> Applied:
        """Do what a plan says, or nothing."""

    async def drain_mirror(self, dbname: str, draining: bool) -> MirrorRow:
        """Stop handing out from one mirror, or take it up again."""

    async def drain_prefix(self, prefix: str, draining: bool) -> PrefixRow:
        """Stop handing out from one prefix, or take it up again."""

    async def doctor(self, prefix: str | None) -> DoctorReport:
        """Walk the chain from interface to echo."""

    async def mirror_settings(self, dbname: str) -> MirrorSettings:
        """Ask what a mirror does differently from the pool."""

    async def targets(self, dbname: str, limit: int) -> TargetPage:
        """Ask who bans a mirror's addresses."""

    async def leases(self, dbname: str, limit: int) -> LeasePage:
        """Ask for a mirror's live leases."""

    async def history(self, addr: str, limit: int) -> HistoryPage:
        """Ask who held an address."""

    async def addresses(self, cursor: str | None, limit: int) -> AddressPage:
        """Ask for addresses of the pool; `cursor` is the `next` of the page before."""

    async def address_changes(self, since: int | None) -> AddressChanges:
        """Ask what changed in the pool after change number `since`; without one only for the current number."""

    async def lease_page(self, dbname: str | None, cursor: str | None, limit: int) -> LeasePage:
        """Ask for live leases of one mirror or all; `cursor` is the `next` of the page before."""

    async def reset(self, dbname: str, addrs: tuple[str, ...]) -> ResetReply:
        """Make addresses idle again in a mirror; a lease with an owner stays."""

    async def reset_all(self, dbname: str) -> ResetReply:
        """Make every address of a mirror idle again; leases with an owner stay."""

    async def events(
        self, since: int = 0, limit: int = 100, wanted: EventFilter | None = None, *, before: int | None = None
    ) -> EventPage:
        """Ask for up to `limit` (1,000) wanted events above `since`, with `before` for the newest below that id."""

    async def state_at(self, at: float) -> State:
        """Ask for the document as it was at `at` (unix seconds); refused when nothing that old is kept."""

    async def rewind(self) -> RewindSpan:
        """Ask how far back the document can be read."""

    async def prefix_story(self, prefix: str) -> PrefixStory:
        """Ask for the kept turns in a prefix's life, the newest hundred."""

    async def ndp_config(self, prefix: str) -> NdpConfig:
        """Ask what the NDP strategy of a prefix wants configured, and what is there."""

    async def notify_test(self) -> NotifyTested:
        """Tell every webhook and command that this is a test."""

    async def subscribers(
        self, *, state: str | None, text: str | None, cursor: str | None, limit: int
    ) -> SubscriberPage:
        """Ask for subscribers in a state, with a text in id, user name or prefix; `cursor` continues the page before."""

    async def subscriber_history(self, tenant: str, subscriber_id: str, limit: int) -> LifecycleHistory:
        """Ask what became of a subscriber's prefix, the newest first."""

    async def outbox(self, tenant: str, subscriber_id: str, limit: int) -> OutboxPage:
        """Ask which steps other systems have to take, or took, for a subscriber: pending ones first."""

    async def retry_step(self, step: str) -> OutboxRow:
        """Try a pending step now."""

    async def cancel_step(self, step: str, reason: str) -> OutboxRow:
        """Let a pending step not be taken."""

    async def bindings(self, *, address: str | None, text: str | None, cursor: str | None, limit: int) -> BindingPage:
        """Ask for bindings of an address or inside a network, with a text in address, instance, id, resource or a tag."""

    async def release_binding(self, space: str, address: str) -> BindingReleased:
        """Release the binding of an address."""

    def introduce(self, *, read_only: bool) -> None:
        """Let others who are attached know whether this console acts."""

    async def close(self) -> None:
        """Let the connection go."""


class Owner(Protocol):
    """The engine child a console started itself. Called once, after the terminal is restored."""

    @property
    def failure(self) -> str | None:
        """Why the child is given up, None while it runs or is started again."""

    def leave_running(self) -> None:
        """Let the engine live on without the console."""

    def stop(self) -> None:
        """Stop the engine and wait for its end."""
