"""What the engine asks of the store and the host; `store` and `linux` implement it, `daemon` joins them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ipv6console.ipam import change as ipam
from ipv6console.pool import change as pool
from ipv6console.pool.change import LeaseEnded, Snapshot
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.event import EVERY_EVENT, Event, EventFilter, EventLevel
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.notify import Notice, NotifierMeans
from ipv6console.wire.state import NdpRow, StoreState
from ipv6console.wire.status import Finding, Level, Stamp
from ipv6console.wire.target import TargetRow


class Durability(StrEnum):
    """What an acknowledged change survives: the death of the process, or the loss of power as well."""

    PROCESS = "process"
    POWER = "power"


class StoreError(Exception):
    """The store cannot commit; the message names the cause, `fix` the step that helps."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


Change = pool.Change | ipam.Change
"""What can be committed: of the pool, of spaces and of subscribers."""

Settled = Callable[[StoreError | None], None]
"""Hears once what became of a commit: None when it is durable, else what went wrong."""


class Store(Protocol):
    """Durable state: what `commit` returned from is there after a crash."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What an operator should know about how the store was found when it was opened."""
        ...

    async def load(self) -> Snapshot:
        """Return everything committed; after a failed commit this is also how the memory is set right again."""
        ...

    async def commit(self, changes: Sequence[Change], durability: Durability = Durability.PROCESS) -> None:
        """Return once `changes` are committed, in order, all or none; raises StoreError."""
        ...

    def submit(self, changes: Sequence[Change], durability: Durability, done: Settled) -> None:
        """Commit as `commit` does, and call `done` in the loop's thread then; raises StoreError when it is closed."""
        ...

    def record(self, events: Sequence[Event]) -> None:
        """Queue `events` to be kept; does not wait and does not fail the caller."""
        ...

    async def events(
        self, since: int, limit: int, wanted: EventFilter = EVERY_EVENT, *, before: int | None = None
    ) -> tuple[Event, ...]:
        """Return up to `limit` wanted kept events with an id above `since`, oldest first; raises StoreError.

        With `before` those nearest below that id instead of those nearest above `since`.
        """
        ...

    async def last_event(self) -> int:
        """Return the id of the newest kept event, 0 when there is none."""
        ...

    async def forget_events(self, before: float) -> int:
        """Delete events older than `before` (unix seconds); return how many."""
        ...

    async def history(
        self, address: int | None, mirror: str | None, at: float | None, limit: int
    ) -> tuple[LeaseEnded, ...]:
        """Return up to `limit` ended leases, newest first: of one address, in one mirror, that lived at one time."""
        ...

    async def targets(self, mirror: str | None, limit: int) -> tuple[TargetRow, ...]:
        """Return up to `limit` hosts named in bad verdicts of one mirror or all, the one with most of them first."""
        ...

    async def index_history(self) -> int:
        """Make leases that ended since findable by address without reading all; return how much was done.

        To be called now and then; what is not done yet is found too, but the more slowly the more it is.
        """
        ...

    async def pack_addresses(self) -> int:
        """Keep addresses in a form that a start reads faster, some of them if many are not; return how much was done.

        To be called now and then; what is not done yet is read too, but more slowly.
        """
        ...

    async def delete_departed(self) -> bool:
        """Delete some rows of addresses that left all at once, in a few milliseconds; return whether there may be more.

        Until then they take room and nothing else; a start need not wait for it.
        """
        ...

    async def forget_history(self, before: float, keep: int) -> int:
        """Delete leases that ended before `before` (unix seconds), and the oldest of more than `keep`; return how many."""
        ...

    async def binding_history(
        self, space_id: int, address: int | None, instance: str | None, limit: int, *, family: int = 6
    ) -> tuple[ipam.PastBinding, ...]:
        """Return up to `limit` ended bindings of a space, the one that ended last first; raises StoreError.

        Of one address of a family, of one instance; None is any.
        """
        ...

    async def forget_binding_history(self, before: float) -> int:
        """Delete what is known of bindings that ended before `before` (unix seconds); return how many."""
        ...

    async def transitions(self, tenant: str, subscriber: str, limit: int) -> tuple[ipam.TransitionRecorded, ...]:
        """Return up to `limit` entries of a subscriber's timeline, the newest first; raises StoreError."""
        ...

    async def ended_intents(
        self,
        tenant: str | None,
        state: str | None,
        before: ipam.IntentPlace | None,
        limit: int,
        *,
        subscriber: str | None = None,
    ) -> tuple[ipam.IntentRecorded, ...]:
        """Return up to `limit` intents that are done, refused or cancelled, the last ended first; raises StoreError.

        Of one tenant, in one state, of one subscriber; None is any. With `before` those that come after that one in this order.
        """
        ...

    async def count_ended_intents(self, tenant: str | None, state: str | None, subscriber: str | None = None) -> int:
        """Return how many intents of one tenant ended, in one state, of one subscriber; None is any. Raises StoreError."""
        ...

    async def checkpoint(self) -> None:
        """Bring the database file up to date with the write-ahead log; raises StoreError."""
        ...

    def status(self) -> StoreState:
        """Return how the store is right now, from memory."""
        ...

    async def close(self) -> None:
        """Commit what is queued and close."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPrefix:
    """A prefix the kernel says this host may use; `address` is the host's own address in it.

    `on_link` is True when neighbours resolve addresses of the prefix on `interface`, False when a router sends the
    whole prefix here. Lifetimes are unix seconds until they end, None for ever.
    """

    network: int
    length: int
    interface: str
    source: str
    on_link: bool
    address: int | None = None
    deprecated: bool = False
    preferred_until: float | None = None
    valid_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """What the kernel says at one moment: usable prefixes (best first), own addresses, known neighbours.

    `cut` are the interfaces nothing comes through, each with what is so in words ("eth0 has no carrier").
    """

    stamp: Stamp
    prefixes: tuple[HostPrefix, ...]
    addresses: frozenset[int] = frozenset()
    neighbours: frozenset[int] = frozenset()
    cut: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()


class PrefixWatch(Protocol):
    """Where prefixes come from."""

    async def view(self) -> HostView:
        """Ask the kernel now."""
        ...

    def views(self) -> AsyncIterator[HostView]:
        """Yield the present view, then one after every change the kernel tells of (bursts joined)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachability:
    """How one announced prefix stands: its local route, and its NDP row.

    `on_link` is what asking the network showed: neighbours resolve single addresses, or a router sends the whole prefix
    here; None while nobody answered, when what the routes say stands. `severed` says why nothing can reach the prefix
    ("eth0 has no carrier"), None while something can.
    """

    network: int
    length: int
    stamp: Stamp
    route: Level
    text: str
    ndp: NdpRow
    findings: tuple[Finding, ...] = field(default=())
    on_link: bool | None = None
    severed: str | None = None


class Reach(Protocol):
    """Makes this host answer for a prefix: the local route and the NDP strategy."""

    async def announce(self, prefix: HostPrefix) -> None:
        """Set up route and NDP for `prefix`; repeating it changes nothing. Raises OSError with a cause to show."""
        ...

    async def withdraw(self, network: int, length: int) -> None:
        """Remove what `announce` set up for that prefix."""
        ...

    async def withdraw_all(self) -> None:
        """Remove everything that was set up, last to first."""
        ...

    async def leave(self) -> None:
        """Leave everything that was set up to a successor on this host, which starts now."""
        ...

    def answers_singly(self) -> bool:
        """Return whether it may ever answer for single addresses; if not, it need not be told of any."""
        ...

    async def answer_for(self, added: Sequence[int]) -> None:
        """Answer neighbours for these addresses too; returns once that is so.

        Only strategies that answer for live addresses alone need it. What fails does not raise: `inspect` tells of it.
        """
        ...

    async def stop_answering(self, removed: Sequence[int]) -> None:
        """Answer neighbours for these addresses no longer, once no traffic from them is to be expected."""
        ...

    async def answer_only(self, addresses: Sequence[int]) -> None:
        """Answer neighbours for exactly these addresses of all prefixes, announced now or later."""
        ...

    async def inspect(self) -> tuple[Reachability, ...]:
        """Look at the kernel and the daemons now, mend what died, and say how each announced prefix stands."""
        ...

    async def config(self, network: int, length: int) -> NdpConfig | None:
        """Return what NDP wants configured for an announced prefix and what is there, None when it is not announced.

        Raises OSError when it cannot be looked at.
        """
        ...

    def changes(self) -> AsyncIterator[None]:
        """Yield whenever something that was set up changed by itself (a daemon died, a route was deleted)."""
        ...

    def privileged(self) -> bool:
        """Return whether this process may change routes (CAP_NET_ADMIN)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegatedPrefix:
    """A prefix that this host sends somewhere, or that its DHCPv6 server leased; `text` says where and to whom."""

    network: int
    length: int
    text: str


class Delegations(Protocol):
    """Where to look for prefixes that are delegated in fact; `name` is kernel or dhcpv6."""

    name: str

    async def look(self) -> Sequence[DelegatedPrefix]:
        """Return them; raises OSError with a cause to show when they cannot be looked at."""
        ...


class Doctor(Protocol):
    """Walks the chain for one prefix."""

    async def examine(self, prefix: HostPrefix | None) -> DoctorReport:
        """Return the chain's report for `prefix`, or for the best candidate when None."""
        ...


class NotCarried(Exception):
    """A notice that did not get there: why, and what helps; no secret is in either.

    `again` says whether trying again may help by itself, `after` in how many seconds at the earliest, if that was told.
    """

    def __init__(self, text: str, *, next: str, again: bool, after: float | None = None) -> None:  # noqa: A002 - the word of the problem document
        super().__init__(text)
        self.text = text
        self.next = next
        self.again = again
        self.after = after


class Carrier(Protocol):
    """Brings notices to one webhook or command; `target` says where without what may be secret."""

    name: str
    means: NotifierMeans
    target: str
    level: EventLevel
    kinds: tuple[str, ...]

    async def carry(self, notice: Notice) -> str:
        """Bring it there, once, within the time that the settings allow; return how it was taken. Raises NotCarried."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...
