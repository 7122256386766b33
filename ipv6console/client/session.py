"""IPv6Session: an httpx.Client whose traffic leaves from a leased address, or not at all."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, Self

import httpx

from ipv6console.client.engine import IPv6Client
from ipv6console.client.hold import (
    ENDINGS,
    STATUSES,
    Clock,
    Ending,
    Hold,
    Terms,
    boottime,
    require_status,
    split_options,
)
from ipv6console.client.lessor import Lessor
from ipv6console.client.line import SessionClient
from ipv6console.client.request import DEFAULT_DBNAME
from ipv6console.client.rotation import Rotate, rotation_from
from ipv6console.client.stay import Stay, present_stay, through
from ipv6console.client.tenancy import Tenancy
from ipv6console.client.transport import LeasedTransport
from ipv6console.client.visit import HttpxVisit
from ipv6console.wire.reply import Reply


class IPv6Session(httpx.Client):
    """An httpx.Client on a lease of mirror `dbname`; may be shared by threads.

    `with` takes the lease (without `with` the first request does) and gives it back at the end. `ttl` is the lease's
    life in seconds; the session renews it by itself. When the mirror is empty it waits in line, `adapt_retry_interval`
    seconds up to `adapt_max_retries` times (None: for ever); closing it meanwhile ends that with the try under way.
    `url` or `socket` names the engine, `token` or `token_file` the bearer token, as in IPv6Client. With `target`, the host
    the session is to visit, addresses may be ones that only other hosts ban; without it they are ones that no host bans.
    `options` are httpx.Client's, except proxy, mounts, transport and trust_env, which raise TypeError. `clock` and `sleep`
    are for tests.

    `rotate` changes the address by itself: "request" for every request (its redirects included), a number after so many,
    "blocked" only when one of `rotate_on_status` answers (403 and 429 if nothing is said) or an exception of
    `rotate_on` comes; those two also work beside the others. The address is then reported bad with the host and the
    reason, otherwise idle. A request that met a block is sent again from another address up to `retries` times, if its
    body is in memory and it is idempotent or was declined (a 4xx, or no connection); else the answer or exception is the
    caller's, and the next request uses the new address. A response that is being streamed keeps its connection and its
    address until it is closed.

    Fails closed: taking a lease raises EngineUnreachable, EngineRefused or PoolEmpty, sending on an ended one LeaseLost,
    a host without IPv6 NoIPv6Address; in all these cases nothing is sent.
    """

    def __init__(
        self,
        dbname: str = DEFAULT_DBNAME,
        *,
        url: str | None = None,
        socket: str | os.PathLike[str] | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        ttl: float = 3_600.0,
        adapt_retry_interval: float = 5.0,
        adapt_max_retries: int | None = 15,
        holder: str | None = None,
        target: str | None = None,
        rotate: Rotate = None,
        rotate_on_status: Collection[int] | None = None,
        rotate_on: Collection[type[Exception]] = (),
        retries: int = 0,
        clock: Clock = boottime,
        sleep: Callable[[float], None] = time.sleep,
        **options: Any,
    ) -> None:
        transport_options, httpx_options = split_options(options)
        terms = Terms(
            dbname=dbname,
            ttl=ttl,
            holder=holder,
            interval=adapt_retry_interval,
            retries=adapt_max_retries,
            target=target,
        )
        rotation = rotation_from(rotate, rotate_on_status, rotate_on, retries)
        engine = SessionClient(url, socket, token=token, token_file=token_file)
        self._tenancy = Tenancy(Lessor(engine, terms, clock, sleep), rotation, partial(_door, transport_options))
        super().__init__(transport=_SessionTransport(self._tenancy, engine), trust_env=False, **httpx_options)

    @property
    def addr(self) -> str:
        """The leased address; raises LeaseLost when there is none, so that nothing is bound to nothing."""
        return self._tenancy.addr

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._tenancy.occupy()
        except BaseException:
            self.close()
            raise
        return self

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request and its redirects from one leased address, as httpx.Client.send does."""
        if self.is_closed:
            raise RuntimeError("this session has been closed; it sends nothing")
        visit = HttpxVisit(self._tenancy.rotation, request)
        while True:
            stay = self._tenancy.enter()
            visit.begin()
            try:
                with through(stay):
                    response = super().send(request, **options)
            except BaseException as error:
                self._tenancy.leave(stay, visit.failed(error))
                if not visit.again:
                    raise
                continue
            ending = visit.answered(response)
            if not (visit.again or response.is_closed):
                response.stream = _Stream(response.stream, self, stay, ending)
                return response
            try:
                response.close()
            finally:
                self._tenancy.leave(stay, ending)
            if not visit.again:
                return response

    def adapt(self, status: str = "idle", *, target: str | None = None, reason: str | None = None) -> str:
        """Give the present address back (`status` "bad" if it was banned) and lease another; return the new one.

        The old connections are closed first. Raises what taking a lease raises; the session then holds none, or, when
        giving back failed, one it no longer sends from and gives back with the next `adapt` or at the end.
        """
        require_status(status, ENDINGS)
        return self._tenancy.move(Ending(status=status, target=target, reason=reason))

    def report(self, status: str, *, target: str | None = None, reason: str | None = None) -> Reply:
        """Tell the engine how the address did: "idle" or "bad" end the lease, "using" does not.

        After the end the next request, or `adapt`, leases another address. Raises LeaseLost when the engine says that
        the lease had ended before.
        """
        require_status(status, STATUSES)
        return self._tenancy.report(status, target, reason)

    def renew(self, ttl: float | None = None) -> float:
        """Let the lease run for `ttl` seconds from now (default: as long as it was taken for); return the seconds.

        The session does so by itself. Raises LeaseLost when the engine says that it has ended.
        """
        return self._tenancy.renew(ttl)


class _SessionTransport(httpx.BaseTransport):
    """Sends each request through the lease that `send` chose for it.

    A session that is forgotten, or still open when the interpreter exits, gives its leases back too.
    """

    def __init__(self, tenancy: Tenancy[LeasedTransport], engine: IPv6Client) -> None:
        self._close = weakref.finalize(self, _close, tenancy, engine)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        transport: LeasedTransport = present_stay().door
        return transport.handle_request(request)

    def close(self) -> None:
        self._close()


class _Stream(httpx.SyncByteStream):
    """A response's body; the address is left when it is closed. It keeps the session alive until then."""

    def __init__(self, stream: Any, session: IPv6Session, stay: Stay[LeasedTransport], ending: Ending | None) -> None:
        self._stream = stream
        self._session = session
        self._leave = session._tenancy.leaving(self, stay, ending)  # noqa: SLF001 - a part of the session

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._leave()


def _door(options: dict[str, Any], hold: Hold) -> LeasedTransport:
    return LeasedTransport(hold.addr, guard=hold.require, **options)


def _close(tenancy: Tenancy[LeasedTransport], engine: IPv6Client) -> None:
    if not tenancy.origin.here:
        return  # a forked child's copy; the lease is the parent's
    try:
        tenancy.close()
    finally:
        engine.close()
