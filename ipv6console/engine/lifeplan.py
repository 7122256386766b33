"""Plans of what is done to a subscriber's prefix: rehearsed by the very rules that decide it, and told in words."""

from __future__ import annotations

from itertools import count
from random import Random

from ipv6console.config import Settings
from ipv6console.engine.caller import Caller
from ipv6console.engine.errors import InvalidRequest, Refusal
from ipv6console.engine.ipamerrors import refusing
from ipv6console.engine.planner import Planner, Prospect
from ipv6console.engine.subscribers import Subscribers
from ipv6console.ipam.book import payload_of, prefix_of
from ipv6console.ipam.change import Change, IntentRecorded, SpaceSnapshot, SubscriberRecorded, TransitionRecorded
from ipv6console.ipam.lifecycle import State
from ipv6console.ipam.outbox import Fate, Key, Step
from ipv6console.ipam.subscribers import Desk, registry_word
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.subscriber import IPv6ActivationRequest, IPv6AllocationRequest, IPv6RevocationRequest

_ACTIONS = (
    PlanAction.SUBSCRIBER_ALLOCATE,
    PlanAction.SUBSCRIBER_ACTIVATE,
    PlanAction.SUBSCRIBER_SUSPEND,
    PlanAction.SUBSCRIBER_RESUME,
    PlanAction.SUBSCRIBER_REVOKE,
)
_WHO = "plan"


def planners_of(subscribers: Subscribers, settings: Settings) -> dict[PlanAction, Planner]:
    """Return who plans the acts on subscribers' prefixes."""
    return dict.fromkeys(_ACTIONS, LifePlanner(subscribers, settings))


class LifePlanner:
    """Knows the acts on subscribers' prefixes."""

    def __init__(self, subscribers: Subscribers, settings: Settings) -> None:
        self._subscribers = subscribers
        self._settings = settings

    def prospect(self, request: PlanRequest, caller: Caller) -> Prospect:
        """Return what would be done, step by step; raises Refusal when it cannot be."""
        key = self._key(request, caller)
        desk = self._subscribers.desk
        if request.radius and self._subscribers.sessions is None:
            raise Refusal(
                "RADIUS was asked for, and none is configured", next="set server in [radius], or leave RADIUS out"
            )
        with refusing():
            row = desk.book.row(key)
            changes = self._rehearse(request, row, desk.outbox.of(key))
        prefix = prefix_of(row)
        steps = self._words(changes, row)
        return Prospect(
            target=f"{key[0]}/{key[1]}" + (f" ({prefix})" if prefix else ""),
            count=1 if changes else 0,
            sample=(prefix or key[1],),
            fingerprint=(row, tuple(step.id for step in desk.outbox.of(key))),
            steps=steps or ("nothing: all is so already",),
        )

    async def carry_out(self, request: PlanRequest, reason: str, caller: Caller) -> int:
        """Do it; returns 1 when it came to its end, 0 while others still have to answer or when one refused."""
        key, subscribers = self._key(request, caller), self._subscribers
        name, tenant = key[1], key[0]
        match request.action:
            case PlanAction.SUBSCRIBER_ALLOCATE:
                size = self._size(request, subscribers.row(name, tenant, caller).prefix_size)
                reply = await subscribers.allocate(name, IPv6AllocationRequest(prefix_size=size), tenant, caller)
            case PlanAction.SUBSCRIBER_ACTIVATE:
                activation = IPv6ActivationRequest(
                    username=request.username, nas_ip=request.nas_ip, send_coa=request.radius
                )
                reply = await subscribers.activate(name, activation, tenant, caller)
            case PlanAction.SUBSCRIBER_SUSPEND:
                reply = await subscribers.suspend(name, tenant, caller)
            case PlanAction.SUBSCRIBER_RESUME:
                reply = await subscribers.resume(name, tenant, caller)
            case _:
                revocation = IPv6RevocationRequest(
                    username=request.username,
                    nas_ip=request.nas_ip,
                    send_disconnect=request.radius,
                    release_to_netbox=request.release,
                )
                reply = await subscribers.revoke(name, revocation, tenant, caller)
        return int(reply.success)

    def _key(self, request: PlanRequest, caller: Caller) -> Key:
        if request.subscriber_id is None:
            raise InvalidRequest(f"{request.action} needs a subscriber_id", next="give the subscriber's id")
        return self._subscribers.key(request.subscriber_id, request.tenant, caller)

    def _rehearse(
        self, request: PlanRequest, row: SubscriberRecorded, steps: tuple[IntentRecorded, ...]
    ) -> tuple[Change, ...]:
        numbers = count()
        desk = Desk(1.0, Random(0), lambda: f"{_WHO} {next(numbers)}")  # noqa: S311 - no step of it is ever put off
        now, key = row.changed_at, (row.tenant, row.id)
        desk.restore(SpaceSnapshot(subscribers=(row,), intents=steps), now)
        session = {"username": request.username, "nas_ip": request.nas_ip}
        match request.action:
            case PlanAction.SUBSCRIBER_ALLOCATE:
                size = self._size(request, row.prefix_size)
                registry = self._subscribers.registry.name
                return desk.allocate(key, size=size, parent=None, registry=registry, actor=_WHO, now=now)
            case PlanAction.SUBSCRIBER_ACTIVATE:
                return desk.activate(key, **session, coa=request.radius, actor=_WHO, now=now)
            case PlanAction.SUBSCRIBER_SUSPEND:
                return desk.suspend(key, _WHO, now)
            case PlanAction.SUBSCRIBER_RESUME:
                return desk.resume(key, _WHO, now)
            case _:
                return desk.revoke(
                    key, **session, disconnect=request.radius, release=request.release, actor=_WHO, now=now
                )

    @staticmethod
    def _size(request: PlanRequest, own: int) -> int:
        return own if request.prefix_size is None else request.prefix_size

    def _words(self, changes: tuple[Change, ...], row: SubscriberRecorded) -> tuple[str, ...]:
        # What is decided at once comes first, then what others are asked for, in order.
        dropped = [change for change in changes if isinstance(change, IntentRecorded) and change.state != Fate.PENDING]
        wanted = [change for change in changes if isinstance(change, IntentRecorded) and change.state == Fate.PENDING]
        turns = [change for change in changes if isinstance(change, TransitionRecorded)]
        words = [f"give up the pending {step.step}: {step.reason}" for step in dropped]
        words += [f"{row.id} becomes {turn.after}" for turn in turns if turn.before != turn.after]
        words += [self._word(step, row) for step in wanted]
        asked = {step.step for step in wanted}
        if Step.ALLOCATE in asked:
            words.append(f"{row.id} becomes {State.ALLOCATED} when that is answered")
        elif Step.COA in asked and row.ipv6_state != State.ACTIVE:
            words.append(f"{row.id} becomes {State.ACTIVE} when RADIUS agrees")
        elif any(turn.after == State.REVOKING for turn in turns) and asked & {Step.DISCONNECT, Step.RELEASE}:
            words.append(f"{row.id} becomes {State.REVOKED} when all of that is done")
        return tuple(words)

    def _word(self, step: IntentRecorded, row: SubscriberRecorded) -> str:
        payload, prefix = payload_of(step), prefix_of(row)
        number = f"number {row.ipv6_netbox_prefix_id} there"
        match Step(step.step):
            case Step.ALLOCATE:
                return f"ask {self._ipam()} for a /{payload['size']}"
            case Step.COA:
                return f"tell {self._radius(payload)} by CoA that {payload.get('username')} has {prefix}"
            case Step.DISCONNECT:
                return f"have {self._radius(payload)} disconnect {payload.get('username')}"
            case Step.RELEASE if "undo" in payload:
                return f"give back to {payload['registry']} what it may have allocated by now"
            case Step.RELEASE:
                return f"give {prefix} back to {registry_word(row)} ({number})"
            case Step.MARK:
                return f"mark {prefix} as {payload['status']} in {registry_word(row)} ({number})"

    def _ipam(self) -> str:
        if self._subscribers.registry.name == "netbox":
            parents = ", ".join(self._settings.netbox.parents)
            return f"NetBox at {self._settings.netbox.url} (parents {parents})"
        spaces = ", ".join(self._settings.lifecycle.spaces)
        return f"the embedded IPAM (spaces {spaces or 'none: set lifecycle.spaces'})"

    def _radius(self, payload: dict[str, str]) -> str:
        server, nas = self._settings.radius.server, payload.get("nas_ip")
        if server == "nas":
            return f"the NAS {nas or '(none given)'}"
        return f"RADIUS at {server}" + (f", for the NAS {nas}," if nas else "")
