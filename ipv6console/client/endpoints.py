"""Every endpoint of the engine as a method, once for both clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from ipv6console.client import request as requests
from ipv6console.client import space as of_space
from ipv6console.client import subscriber as of_subscriber
from ipv6console.client.request import EngineRequest

if TYPE_CHECKING:
    from ipv6console.client.engine import AsyncIPv6Client, IPv6Client

P = ParamSpec("P")
T = TypeVar("T")


class _Call(Generic[P, T]):
    """A method made of the function that describes its request: the sync client returns T, the async one awaits it."""

    def __init__(self, describe: Callable[P, EngineRequest[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, client: None, owner: type[object]) -> Self: ...
    @overload
    def __get__(self, client: IPv6Client, owner: type[object]) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncIPv6Client, owner: type[object]) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: IPv6Client | AsyncIPv6Client | None, owner: type[object]) -> Any:
        if client is None:
            return self
        send: Callable[[EngineRequest[T]], Any] = client.send
        describe = self._describe

        @wraps(describe)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return send(describe(*args, **kwargs))

        return call


class Endpoints:
    """Every endpoint of the engine, once for both clients."""

    stats = _Call(requests.stats)
    mirror_stats = _Call(requests.mirror_stats)
    spawn = _Call(requests.spawn)
    spawns = _Call(requests.spawns)
    pick = _Call(requests.pick)
    picks = _Call(requests.picks)
    check = _Call(requests.check)
    checks = _Call(requests.checks)
    report = _Call(requests.report)
    reports = _Call(requests.reports)
    reset = _Call(requests.reset)
    resets = _Call(requests.resets)
    reset_all = _Call(requests.reset_all)
    save = _Call(requests.save)
    flush = _Call(requests.flush)
    state = _Call(requests.state)
    state_at = _Call(requests.state_at)
    rewind = _Call(requests.rewind)
    health = _Call(requests.health)
    events = _Call(requests.events)
    leases = _Call(requests.leases)
    renew = _Call(requests.renew)
    release = _Call(requests.release)
    mirror = _Call(requests.mirror)
    drain_mirror = _Call(requests.drain_mirror)
    drain_prefix = _Call(requests.drain_prefix)
    mirror_settings = _Call(requests.mirror_settings)
    set_mirror = _Call(requests.set_mirror)
    addresses = _Call(requests.addresses)
    address_changes = _Call(requests.address_changes)
    prefix_story = _Call(requests.prefix_story)
    ndp_config = _Call(requests.ndp_config)
    history = _Call(requests.history)
    targets = _Call(requests.targets)
    tokens = _Call(requests.tokens)
    create_token = _Call(requests.create_token)
    revoke_token = _Call(requests.revoke_token)
    import_pool = _Call(requests.import_pool)
    plan = _Call(requests.plan)
    apply = _Call(requests.apply)
    doctor = _Call(requests.doctor)
    notify_status = _Call(requests.notify_status)
    notify_test = _Call(requests.notify_test)
    spaces = _Call(of_space.spaces)
    space = _Call(of_space.space)
    create_space = _Call(of_space.create_space)
    remove_space = _Call(of_space.remove_space)
    ranges = _Call(of_space.ranges)
    add_range = _Call(of_space.add_range)
    remove_range = _Call(of_space.remove_range)
    reservations = _Call(of_space.reservations)
    reserve = _Call(of_space.reserve)
    unreserve = _Call(of_space.unreserve)
    bind = _Call(of_space.bind)
    bind_all = _Call(of_space.bind_all)
    binding = _Call(of_space.binding)
    bindings = _Call(of_space.bindings)
    release_binding = _Call(of_space.release_binding)
    release_id = _Call(of_space.release_id)
    binding_history = _Call(of_space.binding_history)
    subscribers = _Call(of_subscriber.subscribers)
    subscriber = _Call(of_subscriber.subscriber)
    create_subscriber = _Call(of_subscriber.create_subscriber)
    remove_subscriber = _Call(of_subscriber.remove_subscriber)
    subscriber_status = _Call(of_subscriber.subscriber_status)
    subscriber_history = _Call(of_subscriber.subscriber_history)
    allocate_prefix = _Call(of_subscriber.allocate_prefix)
    activate_prefix = _Call(of_subscriber.activate_prefix)
    suspend_prefix = _Call(of_subscriber.suspend_prefix)
    resume_prefix = _Call(of_subscriber.resume_prefix)
    revoke_prefix = _Call(of_subscriber.revoke_prefix)
    lifecycle_stats = _Call(of_subscriber.lifecycle_stats)
    subscribers_report = _Call(of_subscriber.subscribers_report)
    outbox = _Call(of_subscriber.outbox)
    cancel_step = _Call(of_subscriber.cancel_step)
    retry_step = _Call(of_subscriber.retry_step)
    leaks = _Call(of_subscriber.leaks)
