"""IPv6Session: an httpx.Client whose traffic leaves from a leased address, or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Self

import httpx

from ipv6console.client.engine import IPv6Client
from ipv6console.client.hold import ENDINGS, STATUSES, Book, Clock, Terms, boottime, require_status, split_options
from ipv6console.client.request import DEFAULT_DBNAME
from ipv6console.client.tenancy import Tenancy
from ipv6console.wire.reply import Reply


class IPv6Session(httpx.Client):
    """An httpx.Client on a lease of mirror `dbname`; may be shared by threads.

    `with` takes the lease (without `with` the first request does) and gives it back at the end. `ttl` is the lease's
    life in seconds. When the mirror is empty it waits `adapt_retry_interval` seconds up to `adapt_max_retries` times.
    `url` or `socket` names the engine as in IPv6Client; `options` are httpx.Client's, except proxy, mounts, transport
    and trust_env, which raise TypeError. `clock` and `sleep` are for tests.

    Fails closed: taking a lease raises EngineUnreachable, EngineRefused or PoolEmpty, sending on an ended one LeaseLost,
    a host without IPv6 NoIPv6Address; in all these cases nothing is sent.
    """

    def __init__(
        self,
        dbname: str = DEFAULT_DBNAME,
        *,
        url: str | None = None,
        socket: str | os.PathLike[str] | None = None,
        ttl: float = 3_600.0,
        adapt_retry_interval: float = 5.0,
        adapt_max_retries: int = 15,
        holder: str | None = None,
        clock: Clock = boottime,
        sleep: Callable[[float], None] = time.sleep,
        **options: Any,
    ) -> None:
        transport_options, httpx_options = split_options(options)
        terms = Terms(dbname=dbname, ttl=ttl, holder=holder, interval=adapt_retry_interval, retries=adapt_max_retries)
        engine = IPv6Client(url, socket)
        self._tenancy = Tenancy(engine, terms, Book(clock), sleep, transport_options)
        super().__init__(transport=self._tenancy, trust_env=False, **httpx_options)

    @property
    def addr(self) -> str:
        """The leased address; raises LeaseLost when there is none, so that nothing is bound to nothing."""
        return self._tenancy.book.require().addr

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._tenancy.occupy()
        except BaseException:
            self.close()
            raise
        return self

    def adapt(self, status: str = "idle", *, target: str | None = None, reason: str | None = None) -> str:
        """Give the present address back (`status` "bad" if it was banned) and lease another; return the new one.

        The old connections are closed first. Raises what taking a lease raises; the session then holds none, or, when
        giving back failed, one it no longer sends from and gives back with the next `adapt` or at the end.
        """
        require_status(status, ENDINGS)
        return self._tenancy.move(status, target, reason)

    def report(self, status: str, *, target: str | None = None, reason: str | None = None) -> Reply:
        """Tell the engine how the address did: "idle" or "bad" end the lease, "using" does not.

        After the end the next request, or `adapt`, leases another address. Raises LeaseLost when the engine says that
        the lease had ended before.
        """
        require_status(status, STATUSES)
        return self._tenancy.report(status, target, reason)

    def renew(self, ttl: float | None = None) -> float:
        """Let the lease run for `ttl` seconds from now (default: as long as it was taken for); return the seconds.

        Raises LeaseLost when the engine says that it has ended.
        """
        return self._tenancy.renew(ttl)
