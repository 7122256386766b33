"""What is known of subscribers, as documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from math import isfinite

from ipv6console.engine.caller import Caller
from ipv6console.engine.core import Core
from ipv6console.engine.errors import InvalidRequest, NotFound, Unavailable
from ipv6console.engine.ipamerrors import refusing
from ipv6console.engine.protocol import StoreError
from ipv6console.ipam.book import Book, Tally, is_held, prefix_of
from ipv6console.ipam.change import IntentPlace, IntentRecorded, SubscriberRecorded
from ipv6console.ipam.lifecycle import LIVE, State, entered, state_of
from ipv6console.ipam.outbox import Fate, Key, Step
from ipv6console.ipam.subscribers import Desk, check_tenant
from ipv6console.wire.subscriber import (
    IPv6LifecycleStatsResponse,
    IPv6LifecycleStatusResponse,
    IPv6Utilization,
    LifecycleHistory,
    LifecycleStep,
    NetBoxIntegration,
    OutboxPage,
    OutboxRow,
    SubscriberPage,
    SubscriberRow,
)

DEFAULT_TENANT = "default"
_BETWEEN = "/"
_OF_PREFIX = frozenset("0123456789abcdef:/")


class Roster:
    """Reads the book for callers; each sees its own tenant's alone, or all if it has none."""

    def __init__(self, core: Core, desk: Desk) -> None:
        self._core = core
        self._desk = desk

    @property
    def _book(self) -> Book:
        return self._desk.book

    def row(self, name: str, tenant: str | None, caller: Caller) -> SubscriberRow:
        """Return one subscriber; raises NotFound."""
        return self.document(self._known(name, tenant, caller))

    def status(self, name: str, tenant: str | None, caller: Caller) -> IPv6LifecycleStatusResponse:
        """Return where a subscriber's prefix stands; raises NotFound."""
        row = self._known(name, tenant, caller)
        return IPv6LifecycleStatusResponse(
            subscriber_id=row.id,
            prefix=prefix_of(row),
            prefix_size=row.prefix_size if row.length is None else row.length,
            state=row.ipv6_state,
            allocated_at=iso(row.ipv6_allocated_at),
            activated_at=iso(row.ipv6_activated_at),
            revoked_at=iso(row.ipv6_revoked_at),
            netbox_prefix_id=row.ipv6_netbox_prefix_id,
            assignment_mode=row.mode,
        )

    def page(
        self,
        caller: Caller,
        *,
        tenant: str | None = None,
        state: str | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> SubscriberPage:
        """Return up to `limit` subscribers, ordered by tenant and id, in a state, with `text` in id, user name or prefix.

        Raises InvalidRequest for a state there is not, or a cursor nobody was given.
        """
        if state is not None and state not in set(State):
            raise InvalidRequest(f"{state[:40]!r} is no state", next=f"give one of {', '.join(State)}")
        after = None if cursor is None else _key(cursor)
        wanted = self._tenant(caller, tenant)
        if text:
            # To look for text is to look at everything; all else is counted already.
            has = _finder(text)
            found = [row for row in self._seen(wanted) if _is(row, state) and has(row)]
            total, rest = len(found), (row for row in found if after is None or (row.tenant, row.id) > after)
        else:
            total = self._count(wanted, state)
            few = None if state is None else self._book.few_in_state(State(state))
            if few is None:
                rest = (row for row in self._seen(wanted, after) if _is(row, state))
            else:
                mine = (row for row in few if wanted in {None, row.tenant})
                rest = (row for row in mine if after is None or (row.tenant, row.id) > after)
        page = list(islice(rest, limit + 1))
        end = None if len(page) <= limit else _BETWEEN.join((page[limit - 1].tenant, page[limit - 1].id))
        return SubscriberPage(subscribers=tuple(map(self.document, page[:limit])), total=total, next=end)

    def stats(self, tenant: str | None, caller: Caller) -> IPv6LifecycleStatsResponse:
        """Return the counts of one tenant, or of all that the caller may see."""
        counted = self._tallies(self._tenant(caller, tenant))
        states = {state.value: sum(tally.states[state] for tally in counted) for state in State}
        total, held = sum(states.values()), sum(tally.held for tally in counted)
        prefixes = sum(tally.prefixes for tally in counted)
        return IPv6LifecycleStatsResponse(
            state_counts=states,
            utilization=IPv6Utilization(
                total_profiles=total,
                active_prefixes=states[State.ACTIVE],
                allocated_not_active=states[State.ALLOCATED],
                revoked_prefixes=states[State.REVOKED],
                utilization_rate=_rate(states[State.ACTIVE], total),
            ),
            netbox_integration=NetBoxIntegration(
                prefixes_with_netbox_id=held,
                prefixes_without_netbox_id=prefixes - held,
                netbox_integration_rate=_rate(held, prefixes),
            ),
        )

    async def history(self, name: str, tenant: str | None, caller: Caller, limit: int) -> LifecycleHistory:
        """Return up to `limit` entries of a subscriber's timeline, the newest first; raises NotFound, Unavailable."""
        row = self._known(name, tenant, caller)
        try:
            found = await self._core.store.transitions(row.tenant, row.id, limit)
        except StoreError as error:
            raise Unavailable(f"the history cannot be read: {error}", next=error.fix) from error
        steps = tuple(
            LifecycleStep(
                at=turn.at, before=turn.before, after=turn.after, prefix=turn.prefix, actor=turn.actor, text=turn.text
            )
            for turn in found
        )
        return LifecycleHistory(tenant=row.tenant, subscriber_id=row.id, steps=steps)

    async def outbox(
        self,
        caller: Caller,
        *,
        tenant: str | None = None,
        subscriber_id: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> OutboxPage:
        """Return up to `limit` steps: pending ones, the oldest first, then those that ended, the last first.

        Raises InvalidRequest for a state there is not, or a cursor nobody was given; Unavailable.
        """
        if state is not None and state not in set(Fate):
            raise InvalidRequest(f"{state[:40]!r} is no state of a step", next=f"give one of {', '.join(Fate)}")
        wanted = self._tenant(caller, tenant)
        place = None if cursor is None else _place(cursor)
        rows: list[IntentRecorded] = []
        total = 0
        if state in {None, Fate.PENDING}:
            waiting = [
                step
                for step in self._desk.outbox
                if wanted in {None, step.tenant} and subscriber_id in {None, step.subscriber}
            ]
            waiting.sort(key=lambda step: (step.created_at, step.id))
            total += len(waiting)
            if place is None or place[0]:
                after = (0.0, "") if place is None else (place[1].changed_at, place[1].id)
                rows = [step for step in waiting if (step.created_at, step.id) > after]
        if state != Fate.PENDING:
            try:
                total += await self._core.store.count_ended_intents(wanted, state, subscriber_id)
                if len(rows) <= limit:
                    before = None if place is None or place[0] else place[1]
                    rows += await self._core.store.ended_intents(
                        wanted, state, before, limit + 1 - len(rows), subscriber=subscriber_id
                    )
            except StoreError as error:
                raise Unavailable(f"the outbox cannot be read: {error}", next=error.fix) from error
        end = None if len(rows) <= limit else _cursor(rows[limit - 1])
        return OutboxPage(steps=tuple(map(step_document, rows[:limit])), total=total, next=end)

    def document(self, row: SubscriberRecorded) -> SubscriberRow:
        """Return the row of a subscriber as it crosses the socket."""
        key = row.tenant, row.id
        return SubscriberRow(
            tenant=row.tenant,
            subscriber_id=row.id,
            assignment_mode=row.mode,
            prefix_size=row.prefix_size if row.length is None else row.length,
            state=row.ipv6_state,
            since=entered(row),
            prefix=prefix_of(row),
            registry=row.registry,
            netbox_prefix_id=row.ipv6_netbox_prefix_id,
            username=row.username,
            nas_ip=row.nas_ip,
            ipam=self._ipam(row),
            radius=self._radius(row),
            pending=len(self._desk.outbox.of(key)),
            stuck=self.is_stuck(row),
            text=self.trouble(row) or "",
            created_at=row.created_at,
            allocated_at=row.ipv6_allocated_at,
            activated_at=row.ipv6_activated_at,
            suspended_at=row.ipv6_suspended_at,
            revoked_at=row.ipv6_revoked_at,
        )

    def is_stuck(self, row: SubscriberRecorded) -> bool:
        """Return whether a prefix has been allocated and not activated, or is being revoked, for too long."""
        limits, state = self._core.settings.lifecycle, state_of(row)
        longest = {State.ALLOCATED: limits.stuck_allocated, State.REVOKING: limits.stuck_revoking}.get(state)
        return longest is not None and self._core.clock.now() - entered(row) > longest

    def trouble(self, row: SubscriberRecorded) -> str | None:
        """Return what an operator should know of a subscriber: what it waits for, or what went wrong."""
        waiting = self._desk.outbox.awaited((row.tenant, row.id))
        if waiting:
            step = waiting[0]
            tried = f", tried {step.attempts} times: {step.answer}" if step.attempts else ""
            return f"waits for {step.step}{tried}"
        if state_of(row) is State.FAILED:
            return row.failure
        if state_of(row) is State.REVOKED and is_held(row):
            return f"{row.registry} still holds {prefix_of(row)}" + (f"; {row.failure}" if row.failure else "")
        if row.coa is not None and not row.coa.startswith("ack") and state_of(row) in LIVE:
            return f"CoA: {row.coa}"
        return None

    def key(self, name: str, tenant: str | None, caller: Caller) -> Key:
        """Return which subscriber a caller means; raises Refusal for another's tenant, and for what is no tenant's name."""
        wanted = self._tenant(caller, tenant)
        return DEFAULT_TENANT if wanted is None else wanted, name

    def _tenant(self, caller: Caller, tenant: str | None) -> str | None:
        if caller.tenant is None:
            if tenant is not None:
                with refusing():
                    check_tenant(tenant)
            return tenant
        if tenant not in {None, caller.tenant}:
            raise NotFound(f"there is no tenant {str(tenant)[:64]!r}", next="leave the tenant out: the token says it")
        return caller.tenant

    def _known(self, name: str, tenant: str | None, caller: Caller) -> SubscriberRecorded:
        key = self.key(name, tenant, caller)
        with refusing():
            return self._book.row(key)

    def _seen(self, tenant: str | None, after: Key | None = None) -> Iterator[SubscriberRecorded]:
        return self._book.rows(after) if tenant is None else self._book.of_tenant(tenant, after)

    def _tallies(self, tenant: str | None) -> list[Tally]:
        tallies = self._book.tallies()
        return list(tallies.values()) if tenant is None else [tallies.get(tenant, Tally())]

    def _count(self, tenant: str | None, state: str | None) -> int:
        counted = (tally.states for tally in self._tallies(tenant))
        return sum(states.total() if state is None else states[State(state)] for states in counted)

    def _ipam(self, row: SubscriberRecorded) -> str:
        asked = [step for step in self._desk.outbox.of((row.tenant, row.id)) if step.step not in _SESSIONS]
        if asked:
            return "silent" if asked[0].attempts else "pending"
        if is_held(row):
            return "ok" if state_of(row) in LIVE else "held"
        refused = state_of(row) is State.FAILED and row.failure is not None and not row.failure.startswith("cancelled")
        return "refused" if refused else "none"

    def _radius(self, row: SubscriberRecorded) -> str:
        asked = [step for step in self._desk.outbox.of((row.tenant, row.id)) if step.step in _SESSIONS]
        said = row.coa if row.disconnect is None else row.disconnect
        if said is not None and said.startswith("nak"):
            # A NAK to a Disconnect that is not asked again says that the session is gone.
            return "ok" if row.disconnect is not None and not asked else "refused"
        if asked:
            return "silent" if asked[0].attempts else "pending"
        return "ok" if said is not None and said.startswith("ack") else "none"


_SESSIONS = frozenset({Step.COA.value, Step.DISCONNECT.value})


def step_document(step: IntentRecorded) -> OutboxRow:
    """Return a step as it crosses the socket."""
    return OutboxRow(
        id=step.id,
        tenant=step.tenant,
        subscriber_id=step.subscriber,
        step=step.step,
        state=step.state,
        attempts=step.attempts,
        created_at=step.created_at,
        next_at=step.next_at,
        changed_at=step.changed_at,
        actor=step.actor,
        answer=step.answer,
        reason=step.reason,
    )


def iso(at: float | None) -> str | None:
    """Return a time as clients of the older system read it: ISO 8601, in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()


def _rate(part: int, whole: int) -> float:
    return round(100.0 * part / whole, 2) if whole else 0.0


def _is(row: SubscriberRecorded, state: str | None) -> bool:
    return state is None or row.ipv6_state == state


def _finder(text: str) -> Callable[[SubscriberRecorded], bool]:
    sought = text.casefold()
    # To write an address as text takes longer than all the rest.
    maybe_prefix = _OF_PREFIX.issuperset(sought)

    def has(row: SubscriberRecorded) -> bool:
        if sought in row.id.casefold() or (row.username is not None and sought in row.username.casefold()):
            return True
        return maybe_prefix and row.network is not None and sought in str(prefix_of(row))

    return has


def _key(cursor: str) -> Key:
    tenant, between, name = cursor.partition(_BETWEEN)
    if not between:
        raise _bad(cursor)
    return tenant, name


def _cursor(step: IntentRecorded) -> str:
    waits = step.state == Fate.PENDING
    at = step.created_at if waits else step.changed_at
    return _BETWEEN.join(("p" if waits else "e", repr(at), step.id))


def _place(cursor: str) -> tuple[bool, IntentPlace]:
    kind, _, rest = cursor.partition(_BETWEEN)
    at, _, name = rest.partition(_BETWEEN)
    try:
        when = float(at)
    except ValueError:
        raise _bad(cursor) from None
    if kind not in {"p", "e"} or not isfinite(when):
        raise _bad(cursor)
    return kind == "p", IntentPlace(when, name)


def _bad(cursor: str) -> InvalidRequest:
    return InvalidRequest(f"{cursor[:60]!r} is no cursor", next="give the `next` of the page before, or none")
