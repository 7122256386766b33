"""The kernel over netlink: the only module that knows pyroute2.

pyroute2's asynchronous sockets need a standard-library event loop, so they live in a thread of their own with one; the
methods here may be awaited on any loop. The thread starts with the first call, in the network namespace of its caller.
Tables are read without pyroute2 (`tables`), everything else goes through it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import Any, TypeVar

from ipv6console.linux.dump import POOLED_METRIC, PROTOCOL, Dump, Neighbour, Notice, NoticeKind, Route
from ipv6console.linux.message import AF_INET6, NTF_PROXY
from ipv6console.linux.tables import Tables
from ipv6console.linux.trouble import HostError
from ipv6console.pool.address import format_address, parse_address

T = TypeVar("T")

_QUEUE = 4_096
_POOLED = 0x02 | 0x200
"""IFA_F_NODAD and IFA_F_NOPREFIXROUTE (linux/if_addr.h)."""
_EXISTS = errno.EEXIST
_ABSENT = frozenset({errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.EADDRNOTAVAIL, errno.ENXIO})

_NEXT_STEPS = {
    errno.EPERM: "it needs CAP_NET_ADMIN over this network namespace; run it as root, for example `sudo ipv6console serve`",
    errno.EACCES: "it needs CAP_NET_ADMIN over this network namespace; run it as root, for example `sudo ipv6console serve`",
    errno.ENODEV: "the interface is not there; `ip -6 link` lists those that are",
    errno.ENETUNREACH: "the interface is down or has no route to the gateway; see `ip -6 route`",
    errno.EINVAL: "the kernel does not accept it as it stands; is IPv6 disabled (sysctl net.ipv6.conf.all.disable_ipv6)?",
    errno.EAFNOSUPPORT: "this kernel runs without IPv6; enable it and start again",
    errno.ENOBUFS: "the kernel ran out of buffer space; try again",
    errno.ETIMEDOUT: "is this host overloaded? Try again",
}


class Notices:
    """Notices of one subscription, for the loop that subscribed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._queue: deque[Notice] = deque(maxlen=_QUEUE)

    async def next(self) -> tuple[Notice, ...]:
        """Wait for notices and return all that have come."""
        await self._arrived.wait()
        return self.drain()

    def drain(self) -> tuple[Notice, ...]:
        """Return what has come so far without waiting."""
        self._arrived.clear()
        return tuple(self._queue.popleft() for _ in range(len(self._queue)))

    def push(self, notices: Iterable[Notice]) -> None:
        """Hand over `notices`, from the netlink thread; too many at once become one that says so."""
        self._queue.extend(notices)
        if len(self._queue) == _QUEUE:
            self._queue.clear()
            self._queue.append(Notice(NoticeKind.OVERRUN))
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:
            self._queue.clear()  # the subscriber's loop has ended; nobody will read


class Netlink:
    """Typed access to links, addresses, routes and neighbours of this network namespace.

    Every method raises OSError with a sentence that says what was tried and what helps.
    """

    def __init__(self, receive_buffer: int = 1 << 20) -> None:
        """Take the size in bytes of the buffer in which the kernel queues notices."""
        self._receive_buffer = receive_buffer
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: Any = None
        self._turn: asyncio.Lock | None = None
        self._tables: Tables | None = None
        self._subscribers: set[Notices] = set()

    @property
    def tables_read(self) -> int:
        """How many tables the kernel has been asked for since the thread was started."""
        return 0 if self._tables is None else self._tables.asked

    async def dump(self) -> Dump:
        """Return all tables as they are at this moment; the kernel is asked only for those that have changed."""

        async def read() -> Dump:
            return self._heard().read()

        return await self._run("reading the kernel's IPv6 tables", read())

    async def resolve(self, address: int) -> Route:
        """Return the route the kernel takes to `address`; raises OSError when there is none."""
        text = format_address(address)

        async def ask(socket: Any) -> Route:
            (answer,) = await socket.route("get", family=AF_INET6, dst=text, dst_len=128)
            found = dict(answer["attrs"])
            gateway, table = found.get("RTA_GATEWAY"), found.get("RTA_TABLE", answer["table"])
            via = None if gateway is None else parse_address(gateway)
            return Route(table, answer["type"], address, 128, found.get("RTA_OIF"), via, answer["proto"])

        return await self._call(f"looking up the route to {text}", ask)

    async def add(self, route: Route) -> bool:
        """Add `route`; returns False when one with the same destination, table and metric is there already."""

        async def put(socket: Any) -> None:
            await socket.route("add", **_specification(route))

        try:
            await self._call(f"adding the route {describe(route)}", put)
        except OSError as error:
            if error.errno == _EXISTS:
                return False
            raise
        return True

    async def delete(self, route: Route) -> bool:
        """Delete exactly `route`, its protocol included; returns False when it is not there."""

        async def drop(socket: Any) -> None:
            await socket.route("del", **_specification(route))

        try:
            await self._call(f"deleting the route {describe(route)}", drop)
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise
        return True

    async def proxies(self) -> tuple[Neighbour, ...]:
        """Return the proxy entries of all interfaces, which `dump` leaves out as the kernel does."""

        async def read() -> tuple[Neighbour, ...]:
            return self._heard().proxies()

        return await self._run("reading the kernel's proxy entries", read())

    async def put_proxies(self, addresses: Collection[int], index: int) -> None:
        """Have the kernel answer for `addresses` on interface `index`, each by a proxy entry of ours."""

        async def put(socket: Any) -> None:
            for address in addresses:
                await socket.neigh("replace", **_proxy(address, index), protocol=PROTOCOL)

        await self._call(f"adding proxy entries for {len(addresses)} addresses", put)

    async def drop_proxies(self, addresses: Collection[int], index: int) -> None:
        """Delete the proxy entries of `addresses`; those that are not there are no error."""

        async def drop(socket: Any) -> None:
            for address in addresses:
                await _unless_absent(socket.neigh("del", **_proxy(address, index)))

        await self._call(f"deleting proxy entries of {len(addresses)} addresses", drop)

    async def assign(self, addresses: Collection[int], index: int) -> None:
        """Assign `addresses` to interface `index` at once: without duplicate detection, never chosen as a source."""

        async def put(socket: Any) -> None:
            for address in addresses:
                await socket.addr(
                    "replace", **_assigned(address, index), flags=_POOLED, rt_priority=POOLED_METRIC, preferred_lft=0
                )
            if self._tables is not None:
                self._tables.assigned(addresses, index, _POOLED)

        await self._call(f"assigning {len(addresses)} addresses", put)

    async def unassign(self, addresses: Collection[int], index: int) -> None:
        """Take `addresses` from interface `index`; those that are not there are no error."""

        async def drop(socket: Any) -> None:
            for address in addresses:
                await _unless_absent(socket.addr("del", **_assigned(address, index)))

        await self._call(f"taking back {len(addresses)} addresses", drop)

    def notices(self) -> AbstractAsyncContextManager[Notices]:
        """Subscribe to changes of links, addresses, routes and neighbours; from the moment it is entered none is missed."""
        return self._subscription()

    async def close(self) -> None:
        """End the thread; a later call would start a new one."""
        with self._lock:
            thread, self._thread = self._thread, None
            loop, self._loop = self._loop, None
        if thread is None or loop is None:
            return
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._shut(), loop))
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)

    @asynccontextmanager
    async def _subscription(self) -> AsyncIterator[Notices]:
        notices = Notices()
        await self._run("listening to the kernel", self._listen(notices))
        try:
            yield notices
        finally:
            self._subscribers.discard(notices)

    async def _call(self, what: str, act: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        return await self._run(what, self._with_socket(act))

    async def _run(self, what: str, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise _explained(what, errno.ETIMEDOUT, "the kernel did not answer in time") from error
        except OSError as error:
            raise _explained(what, error.errno, error.strerror) from error
        except Exception as error:
            code = getattr(error, "code", None)
            if not isinstance(code, int):
                raise
            raise _explained(what, code, str(error.args[-1])) from error

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.SelectorEventLoop()
                self._turn = None
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="netlink", daemon=True)
                self._thread.start()
            return self._loop

    async def _with_socket(self, act: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            if self._socket is None:
                self._socket = _open()
            try:
                return await act(self._socket)
            except OSError:
                # A socket that failed once answers every later request with the same error.
                self._socket.close()
                self._socket = None
                raise

    async def _listen(self, notices: Notices) -> None:
        self._heard()
        self._subscribers.add(notices)

    def _heard(self) -> Tables:
        """Return the tables with all that the kernel has said so far, told to the subscribers too."""
        if self._tables is None:
            self._tables = Tables(self._receive_buffer)
            asyncio.get_running_loop().add_reader(self._tables, self._heard)
        self._publish(self._tables.hear())
        return self._tables

    def _publish(self, notices: tuple[Notice, ...]) -> None:
        if notices:
            for subscriber in tuple(self._subscribers):
                subscriber.push(notices)

    async def _shut(self) -> None:
        if self._tables is not None:
            asyncio.get_running_loop().remove_reader(self._tables)
            self._tables.close()
            self._tables = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        # The transports close their sockets in a callback of the next turn.
        await asyncio.sleep(0)


def describe(route: Route) -> str:
    """Return `route` in words for a message."""
    kind = "local " if route.kind == 2 else ""
    return f"{kind}{format_address(route.network)}/{route.length} in table {route.table}"


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _open() -> Any:
    return import_module("pyroute2").AsyncIPRoute()


def _explained(what: str, code: int | None, said: str | None) -> HostError:
    number = code or errno.EIO
    step = _NEXT_STEPS.get(number)
    sentence = f"{what} failed: {said or os.strerror(number)}"
    return HostError(number, f"{sentence}; {step}" if step else sentence)


async def _unless_absent(work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except Exception as error:
        if getattr(error, "code", None) not in _ABSENT:
            raise


def _proxy(address: int, index: int) -> dict[str, Any]:
    return {"family": AF_INET6, "dst": format_address(address), "ifindex": index, "flags": NTF_PROXY}


def _assigned(address: int, index: int) -> dict[str, Any]:
    return {"family": AF_INET6, "address": format_address(address), "prefixlen": 128, "index": index}


def _specification(route: Route) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "family": AF_INET6,
        "table": route.table,
        "type": route.kind,
        "dst": format_address(route.network),
        "dst_len": route.length,
        "oif": route.index,
        "proto": route.protocol,
    }
    if route.metric:
        wanted["priority"] = route.metric
    return wanted
