"""The kernel over netlink: the only module that knows pyroute2.

pyroute2's asynchronous sockets need a standard-library event loop, so they live in a thread of their own with one; the
methods here may be awaited on any loop. The thread starts with the first call, in the network namespace of its caller.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import Any, TypeVar

from ipv6console.linux.dump import Address, Dump, Link, Neighbour, Notice, NoticeKind, Route
from ipv6console.pool.address import format_address, parse_address

T = TypeVar("T")

_AF_INET6 = 10
_FOREVER = 0xFFFFFFFF
_GROUPS = 0x1 | 0x100 | 0x400
"""RTMGRP_LINK, RTMGRP_IPV6_IFADDR and RTMGRP_IPV6_ROUTE (linux/rtnetlink.h)."""
_QUEUE = 4_096
_EXISTS = errno.EEXIST
_ABSENT = frozenset({errno.ESRCH, errno.ENOENT, errno.ENODEV})

_NEXT_STEPS = {
    errno.EPERM: "it needs CAP_NET_ADMIN over this network namespace; run it as root, for example `sudo ipv6console serve`",
    errno.EACCES: "it needs CAP_NET_ADMIN over this network namespace; run it as root, for example `sudo ipv6console serve`",
    errno.ENODEV: "the interface is not there; `ip -6 link` lists those that are",
    errno.ENETUNREACH: "the interface is down or has no route to the gateway; see `ip -6 route`",
    errno.EINVAL: "the kernel does not accept it as it stands; is IPv6 disabled (sysctl net.ipv6.conf.all.disable_ipv6)?",
    errno.EAFNOSUPPORT: "this kernel runs without IPv6; enable it and start again",
    errno.ENOBUFS: "the kernel ran out of buffer space; try again",
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
        """Hand over `notices`, from the netlink thread."""
        self._queue.extend(notices)
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
        self._watcher: asyncio.Task[None] | None = None
        self._subscribers: set[Notices] = set()

    async def dump(self) -> Dump:
        """Return all tables at this moment."""
        return await self._call("reading the kernel's IPv6 tables", self._dump)

    async def routes(self, table: int) -> tuple[Route, ...]:
        """Return the IPv6 routes of `table`."""

        async def read(socket: Any) -> tuple[Route, ...]:
            found = [_routes(m) async for m in await socket.route("dump", family=_AF_INET6)]
            return tuple(route for routes in found for route in routes if route.table == table)

        return await self._call("reading the kernel's IPv6 routes", read)

    async def resolve(self, address: int) -> Route:
        """Return the route the kernel takes to `address`; raises OSError when there is none."""
        text = format_address(address)

        async def ask(socket: Any) -> Route:
            (answer,) = await socket.route("get", family=_AF_INET6, dst=text, dst_len=128)
            return _routes(answer)[0]

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

    def notices(self) -> AbstractAsyncContextManager[Notices]:
        """Subscribe to changes of links, addresses and routes; nothing is missed from the moment it is entered."""
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

    async def _dump(self, socket: Any) -> Dump:
        links = [_link(m) async for m in await socket.link("dump")]
        addresses = [_address(m) async for m in await socket.addr("dump", family=_AF_INET6)]
        routes = [_routes(m) async for m in await socket.route("dump", family=_AF_INET6)]
        neighbours = [_neighbour(m) async for m in await socket.neigh("dump", family=_AF_INET6)]
        return Dump(
            at=time.time(),
            links=tuple(links),
            addresses=tuple(row for row in addresses if row is not None),
            routes=tuple(route for hops in routes for route in hops),
            neighbours=tuple(row for row in neighbours if row is not None),
        )

    async def _listen(self, notices: Notices) -> None:
        if self._watcher is None or self._watcher.done():
            socket = await _bound(self._receive_buffer)
            self._watcher = asyncio.create_task(self._watch(socket))
        self._subscribers.add(notices)

    async def _watch(self, socket: Any) -> None:
        try:
            while True:
                try:
                    async for message in socket.get():
                        self._publish(_notice(message))
                except OSError:
                    # After an overrun the socket is spent (netlink(7), ENOBUFS): open another, let subscribers dump.
                    socket.close()
                    socket = await _bound(self._receive_buffer)
                    self._publish((Notice(NoticeKind.OVERRUN),))
        finally:
            socket.close()

    def _publish(self, notices: tuple[Notice, ...]) -> None:
        if notices:
            for subscriber in tuple(self._subscribers):
                subscriber.push(notices)

    async def _shut(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
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


async def _bound(receive_buffer: int) -> Any:
    socket = import_module("pyroute2").AsyncIPRoute(rcvbuf=receive_buffer)
    await socket.bind(groups=_GROUPS)
    return socket


def _explained(what: str, code: int | None, said: str | None) -> OSError:
    number = code or errno.EIO
    step = _NEXT_STEPS.get(number)
    sentence = f"{what} failed: {said or os.strerror(number)}"
    return OSError(number, f"{sentence}; {step}" if step else sentence)


def _specification(route: Route) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "family": _AF_INET6,
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


def _number(text: str | None) -> int | None:
    return None if text is None else parse_address(text)


def _link(message: Mapping[str, Any]) -> Link:
    attributes = dict(message["attrs"])
    return Link(index=message["index"], name=attributes["IFLA_IFNAME"], flags=message["flags"])


def _address(message: Mapping[str, Any]) -> Address | None:
    attributes = dict(message["attrs"])
    # A point-to-point address is in IFA_LOCAL, its peer in IFA_ADDRESS (rtnetlink(7)).
    text = attributes.get("IFA_LOCAL") or attributes.get("IFA_ADDRESS")
    if message["family"] != _AF_INET6 or text is None:
        return None
    times = attributes.get("IFA_CACHEINFO") or {}
    return Address(
        index=message["index"],
        address=parse_address(text),
        length=message["prefixlen"],
        flags=attributes.get("IFA_FLAGS", message["flags"]),
        preferred=_lifetime(times.get("ifa_preferred", _FOREVER)),
        valid=_lifetime(times.get("ifa_valid", _FOREVER)),
    )


def _lifetime(seconds: int) -> float | None:
    return None if seconds == _FOREVER else float(seconds)


def _routes(message: Mapping[str, Any]) -> tuple[Route, ...]:
    attributes = dict(message["attrs"])
    if message["family"] != _AF_INET6:
        return ()
    hops = [(attributes.get("RTA_OIF"), attributes.get("RTA_GATEWAY"))]
    if attributes.get("RTA_MULTIPATH"):
        hops = [(hop["oif"], dict(hop["attrs"]).get("RTA_GATEWAY")) for hop in attributes["RTA_MULTIPATH"]]
    return tuple(
        Route(
            table=attributes.get("RTA_TABLE", message["table"]),
            kind=message["type"],
            network=parse_address(attributes.get("RTA_DST", "::")),
            length=message["dst_len"],
            index=index,
            gateway=_number(gateway),
            protocol=message["proto"],
            metric=attributes.get("RTA_PRIORITY", 0),
        )
        for index, gateway in hops
    )


def _neighbour(message: Mapping[str, Any]) -> Neighbour | None:
    text = dict(message["attrs"]).get("NDA_DST")
    if text is None or message["family"] != _AF_INET6:
        return None
    return Neighbour(message["ifindex"], parse_address(text), message["state"], message["flags"])


def _notice(message: Mapping[str, Any]) -> tuple[Notice, ...]:
    event = message.get("event") or ""
    removed = event.startswith("RTM_DEL")
    if event in ("RTM_NEWLINK", "RTM_DELLINK"):
        return (Notice(NoticeKind.LINK, removed, _link(message)),)
    if event in ("RTM_NEWADDR", "RTM_DELADDR"):
        return (Notice(NoticeKind.ADDRESS, removed, _address(message)),)
    if event in ("RTM_NEWROUTE", "RTM_DELROUTE"):
        return tuple(Notice(NoticeKind.ROUTE, removed, route) for route in _routes(message))
    return ()
