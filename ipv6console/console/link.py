"""The shipped source: the client library's streams and calls, joined into what the console reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ipv6console.client.errors import EngineRefused, EngineUnreachable
from ipv6console.client.place import find_place
from ipv6console.client.stream import Connected, Disconnected, Follower
from ipv6console.client.token import find_token
from ipv6console.console.source import Frame, Joined, LossKind, Lost, Refused
from ipv6console.wire.codec import WireError
from ipv6console.wire.frame import EventsFrame, StateFrame
from ipv6console.wire.presence import Presence, WatcherKind
from ipv6console.wire.subscriber import OutboxPage

if TYPE_CHECKING:
    from ipv6console.client.engine import AsyncIPv6Client
    from ipv6console.console.arrival import AddressArrival
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
    from ipv6console.wire.subscriber import LifecycleHistory, OutboxRow, SubscriberPage
    from ipv6console.wire.target import TargetPage

T = TypeVar("T")
_RETRY = 3.0
_FIRST_RETRY = 0.2
_QUICK_TRIES = 25
_EVENTS_BACK = 200
_QUEUE = 64
_OPEN_WITHIN = 10.0


class Link:
    """A Source over the client library; `target` is a Unix socket's path or a base URL. It never gives up.

    The first attempts follow each other quickly, because an engine that was just started is there in a moment. `token`
    is shown to this engine; "" is none, also not the environment's. Others see this console as `name`. Raises
    ValueError when the target is no place or the token none. The streams are all that the first picture needs; what
    requests need is loaded by the first of them.
    """

    def __init__(self, target: str, *, token: str | None = None, name: str = "", read_only: bool = False) -> None:
        self.target = target
        self._socket = None if "://" in target else target
        self._place = find_place(None if self._socket else target, self._socket)
        self._token = find_token(token)
        self._made: AsyncIPv6Client | None = None
        self._presence = Presence(name=name, kind=WatcherKind.CONSOLE, read_only=read_only)
        self._changed = asyncio.Event()
        self._known = asyncio.Event()
        self._newest = 0

    @property
    def _client(self) -> AsyncIPv6Client:
        if self._made is None:
            from ipv6console.client.engine import AsyncIPv6Client  # noqa: PLC0415 - httpx, which streams need not

            self._made = AsyncIPv6Client(None if self._socket else self.target, self._socket, token=self._token or "")
        return self._made

    @property
    def _arrival(self) -> AddressArrival:
        from ipv6console.console.arrival import AddressArrival  # noqa: PLC0415 - as above

        return AddressArrival(self._client)

    def _follower(self) -> Follower:
        return Follower(self._place, _OPEN_WITHIN, attempts=0, interval=0.0, token=self._token)

    def introduce(self, *, read_only: bool) -> None:
        """Tell others from now on whether this console acts: the stream is opened anew under that sign."""
        if read_only != self._presence.read_only:
            self._presence = replace(self._presence, read_only=read_only)
            self._changed.set()

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield the frames of both streams as they come."""
        queue: asyncio.Queue[Frame] = asyncio.Queue(_QUEUE)
        followers = {asyncio.create_task(self._follow_state(queue)), asyncio.create_task(self._follow_events(queue))}
        getter = asyncio.create_task(queue.get())
        try:
            while True:
                done, _ = await asyncio.wait({getter, *followers}, return_when=asyncio.FIRST_COMPLETED)
                for task in done & followers:
                    task.result()
                if getter in done:
                    yield getter.result()
                    getter = asyncio.create_task(queue.get())
        finally:
            for task in (getter, *followers):
                task.cancel()
            await asyncio.gather(getter, *followers, return_exceptions=True)

    async def _follow_state(self, queue: asyncio.Queue[Frame]) -> None:
        while True:
            self._changed.clear()
            watching = asyncio.create_task(self._watch_state(queue))
            changed = asyncio.create_task(self._changed.wait())
            try:
                await asyncio.wait({watching, changed}, return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    watching.result()
            finally:
                watching.cancel()
                changed.cancel()
                await asyncio.gather(watching, changed, return_exceptions=True)

    async def _watch_state(self, queue: asyncio.Queue[Frame]) -> None:
        failures, presence = 0, self._presence
        while True:
            try:
                async with aclosing(self._follower().state(presence)) as stream:
                    async for item in stream:
                        if isinstance(item, Connected):
                            failures = 0
                        if isinstance(item, StateFrame):
                            self._newest = item.state.engine.last_event
                            self._known.set()
                        if not isinstance(item, Disconnected):
                            await queue.put(Joined() if isinstance(item, Connected) else item)
            except (EngineUnreachable, EngineRefused, WireError) as error:
                failures += 1
                await queue.put(self._loss(error, failures))
            await asyncio.sleep(_FIRST_RETRY if failures <= _QUICK_TRIES else _RETRY)

    async def _follow_events(self, queue: asyncio.Queue[Frame]) -> None:
        await self._known.wait()
        last = max(0, self._newest - _EVENTS_BACK)
        while True:
            with suppress(EngineUnreachable, EngineRefused, WireError):  # the state's stream says what is wrong
                async with aclosing(self._follower().events(last)) as stream:
                    async for news in stream:
                        if isinstance(news, EventsFrame):
                            last = news.events[-1].id
                            await queue.put(news)
            await asyncio.sleep(_RETRY)

    def _loss(self, error: EngineUnreachable | EngineRefused | WireError, attempt: int) -> Lost:
        if isinstance(error, EngineRefused):
            kind = LossKind.DENIED if error.status in {401, 403} else LossKind.BROKEN
            return Lost(text=f"{error.title}: {error.detail}", next=error.next, kind=kind, attempt=attempt)
        if isinstance(error, WireError):
            step = "Check that both sides are of about the same version."
            return Lost(
                text=f"The engine's answer is not understood: {error}", next=step, kind=LossKind.BROKEN, attempt=attempt
            )
        if self._socket and os.path.lexists(self._socket) and not os.access(self._socket, os.W_OK):
            return Lost(
                text=f"This user may not open {self._socket}.",
                next=f"Join the group that owns it (ls -l {self._socket}), or use sudo.",
                kind=LossKind.DENIED,
                attempt=attempt,
            )
        return Lost(
            text=f"No engine answers at {self.target}: {error.cause}.",
            next="It is tried again by itself. Start one with: ipv6console serve",
            attempt=attempt,
        )

    async def state(self) -> State:
        """Ask for the whole document."""
        return await self._asked(self._client.state())

    async def spawn(self, number: int) -> SpawnsReply:
        """Make addresses."""
        return await self._asked(self._client.spawns(number))

    async def plan(self, request: PlanRequest) -> Plan:
        """Plan an act."""
        return await self._asked(self._client.plan(request))

    async def apply(self, request: ApplyRequest) -> Applied:
        """Apply a plan."""
        return await self._asked(self._client.apply(request))

    async def drain_mirror(self, dbname: str, draining: bool) -> MirrorRow:
        """Drain a mirror, or take it up again."""
        return await self._asked(self._client.drain_mirror(dbname, draining=draining))

    async def drain_prefix(self, prefix: str, draining: bool) -> PrefixRow:
        """Drain a prefix, or take it up again."""
        return await self._asked(self._client.drain_prefix(prefix, draining=draining))

    async def doctor(self, prefix: str | None) -> DoctorReport:
        """Walk the chain."""
        return await self._asked(self._client.doctor(prefix))

    async def mirror_settings(self, dbname: str) -> MirrorSettings:
        """Ask for a mirror's own settings."""
        return await self._asked(self._client.mirror_settings(dbname))

    async def targets(self, dbname: str, limit: int) -> TargetPage:
        """Ask who bans a mirror."""
        return await self._asked(self._client.targets(dbname, limit=limit))

    async def leases(self, dbname: str, limit: int) -> LeasePage:
        """Ask for live leases."""
        return await self._asked(self._client.leases(dbname, limit=limit))

    async def history(self, addr: str, limit: int) -> HistoryPage:
        """Ask who held an address."""
        return await self._asked(self._client.history(addr, limit=limit))

    async def addresses(self, cursor: str | None, limit: int) -> AddressPage:
        """Ask for addresses of the pool."""
        return await self._asked(self._arrival.page(cursor, limit))

    async def address_changes(self, since: int | None) -> AddressChanges:
        """Ask what changed in the pool."""
        return await self._asked(self._arrival.changes(since))

    async def lease_page(self, dbname: str | None, cursor: str | None, limit: int) -> LeasePage:
        """Ask for live leases, of one mirror or all."""
        return await self._asked(self._client.leases(dbname, cursor=cursor, limit=limit))

    async def reset(self, dbname: str, addrs: tuple[str, ...]) -> ResetReply:
        """Make addresses idle again."""
        return await self._asked(self._client.resets(addrs, dbname))

    async def reset_all(self, dbname: str) -> ResetReply:
        """Make every address of a mirror idle again."""
        return await self._asked(self._client.reset_all(dbname))

    async def events(
        self, since: int = 0, limit: int = 100, wanted: EventFilter | None = None, *, before: int | None = None
    ) -> EventPage:
        """Ask for events."""
        return await self._asked(self._client.events(since, limit, wanted, before=before))

    async def state_at(self, at: float) -> State:
        """Ask for an earlier document."""
        return await self._asked(self._client.state_at(at))

    async def rewind(self) -> RewindSpan:
        """Ask how far back there are documents."""
        return await self._asked(self._client.rewind())

    async def prefix_story(self, prefix: str) -> PrefixStory:
        """Ask what became of a prefix."""
        return await self._asked(self._client.prefix_story(prefix))

    async def ndp_config(self, prefix: str) -> NdpConfig:
        """Ask what is configured for a prefix."""
        return await self._asked(self._client.ndp_config(prefix))

    async def notify_test(self) -> NotifyTested:
        """Try those who are told of faults."""
        return await self._asked(self._client.notify_test())

    async def subscribers(
        self, *, state: str | None, text: str | None, cursor: str | None, limit: int
    ) -> SubscriberPage:
        """Ask for subscribers."""
        return await self._asked(self._client.subscribers(state=state, text=text, cursor=cursor, limit=limit))

    async def subscriber_history(self, tenant: str, subscriber_id: str, limit: int) -> LifecycleHistory:
        """Ask for a subscriber's timeline."""
        return await self._asked(self._client.subscriber_history(subscriber_id, tenant=tenant, limit=limit))

    async def outbox(self, tenant: str, subscriber_id: str, limit: int) -> OutboxPage:
        """Ask for a subscriber's steps."""
        return await self._asked(self._client.outbox(tenant=tenant, subscriber_id=subscriber_id, limit=limit))

    async def retry_step(self, step: str) -> OutboxRow:
        """Try a step now."""
        return await self._asked(self._client.retry_step(step))

    async def cancel_step(self, step: str, reason: str) -> OutboxRow:
        """Cancel a step."""
        return await self._asked(self._client.cancel_step(step, reason))

    async def bindings(self, *, address: str | None, text: str | None, cursor: str | None, limit: int) -> BindingPage:
        """Ask for bindings."""
        return await self._asked(self._client.bindings(address=address, text=text, cursor=cursor, limit=limit))

    async def release_binding(self, space: str, address: str) -> BindingReleased:
        """Release a binding."""
        return await self._asked(self._client.release_binding(space, address))

    async def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            await self._made.aclose()

    @staticmethod
    async def _asked(call: Awaitable[T]) -> T:
        try:
            return await call
        except EngineRefused as error:
            kind = error.problem.type.rsplit("/", 1)[-1]
            raise Refused(error.detail, next=error.next, kind=kind, title=error.title) from error
        except WireError as error:
            step = "Check that both sides are of about the same version."
            raise Refused(str(error), next=step, kind="misunderstood", title="The answer is not understood") from error
        except EngineUnreachable as error:
            raise Refused(
                f"No answer from the engine: {error.cause}.",
                next="Whether it was done is not known: look at Events when it answers again.",
                kind="unreachable",
                title="No answer",
            ) from error
