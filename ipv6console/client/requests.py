"""IPv6Session for requests, with the older system's constructor and names. Needs the extra `ipv6console[requests]`."""

from __future__ import annotations

import logging
import os
import socket
import time
import weakref
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, NoReturn

import requests
from requests.adapters import BaseAdapter
from requests.exceptions import InvalidSchema

from ipv6console.client.adapter import BoundAdapter, family_adapter, leased_adapter, refuse_proxies, when_read
from ipv6console.client.engine import IPv6Client
from ipv6console.client.hold import ENDINGS, STATUSES, Ending, Hold, Terms, boottime, require_status
from ipv6console.client.lessor import Lessor
from ipv6console.client.line import SessionClient
from ipv6console.client.request import DEFAULT_DBNAME
from ipv6console.client.rotation import Rotate, rotation_from
from ipv6console.client.tenancy import Tenancy
from ipv6console.client.trip import RequestsVisit, Trip, Trips
from ipv6console.wire.reply import Reply

__all__ = ["AddrStatus", "IPv6Session", "IPv6SessionAdapter"]

logger = logging.getLogger("ipv6console.client")


class AddrStatus(StrEnum):
    """What a scraper says of its address."""

    IDLE = "idle"
    USING = "using"
    BAD = "bad"


class IPv6Session(requests.Session):
    """A requests.Session on a lease of mirror `dbname`, taken at once; may be shared by threads.

    `server_url` or `socket` names the engine and `token` or `token_file` the bearer token, as in IPv6Client. When the
    mirror is empty it waits in line, `adapt_retry_interval` seconds up to `adapt_max_retries` times (None: for ever).
    `ttl` is the lease's life in seconds; the session renews it by itself. With `target`, the host the session is to
    visit, addresses may be ones that only other hosts ban. `verbose` logs each change of address where it
    is seen without any logging set up. `max_retries` is HTTPAdapter's, from the same address; `mount` is refused, for
    other adapters send past the lease. The environment's proxies and .netrc are ignored, its REQUESTS_CA_BUNDLE is not.

    `rotate`, `rotate_on_status`, `rotate_on` (exceptions of requests) and `retries` change the address by itself, as in
    the httpx sessions. A response that is being streamed keeps its connection and its address until it is read or closed.

    Fails closed: raises EngineUnreachable, EngineRefused, PoolEmpty, LeaseLost and NoIPv6Address as the httpx sessions
    do, and TypeError for a proxy; in all these cases nothing is sent.
    """

    def __init__(
        self,
        dbname: str = DEFAULT_DBNAME,
        server_url: str | None = None,
        adapt_retry_interval: float = 5.0,
        adapt_max_retries: int | None = 15,
        headers: Mapping[str, str | bytes] | None = None,
        *,
        verbose: bool = False,
        socket: str | os.PathLike[str] | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        ttl: float = 3_600.0,
        holder: str | None = None,
        target: str | None = None,
        rotate: Rotate = None,
        rotate_on_status: Collection[int] | None = None,
        rotate_on: Collection[type[Exception]] = (),
        retries: int = 0,
        max_retries: Any = 0,
    ) -> None:
        super().__init__()
        self.trust_env = False
        self.headers.update(headers or {})
        self.verbose = verbose
        terms = Terms(
            dbname=dbname,
            ttl=ttl,
            holder=holder,
            interval=adapt_retry_interval,
            retries=adapt_max_retries,
            target=target,
        )
        rotation = rotation_from(rotate, rotate_on_status, rotate_on, retries)
        engine = SessionClient(server_url, socket, token=token, token_file=token_file)

        def door(hold: Hold) -> BoundAdapter:
            return leased_adapter(hold.addr, hold.require, max_retries=max_retries)

        self._tenancy = Tenancy(Lessor(engine, terms, boottime, time.sleep), rotation, door)
        self._trips = Trips()
        self._repeats = bool(max_retries)
        self._front = _Front(self._tenancy, self._trips)
        self._close = weakref.finalize(self._front, _close, self._tenancy, engine)
        try:
            self._tenancy.occupy()
        except BaseException:
            self.close()
            raise
        self._say("leased")

    @property
    def addr(self) -> str:
        """The leased address; raises LeaseLost when there is none."""
        return self._tenancy.addr

    ip = addr

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request and its redirects from one leased address, as requests.Session.send does."""
        outer = self._trips.present
        if outer is not None and outer.includes(request):
            return super().send(request, **options)
        visit = RequestsVisit(self._tenancy.rotation, request, repeats=self._repeats)
        while True:
            stay = self._tenancy.enter()
            visit.begin()
            self._trips.present = Trip(stay, request)
            try:
                response = super().send(request, **options)
            except BaseException as error:
                self._tenancy.leave(stay, visit.failed(error))
                if not visit.again:
                    raise
                continue
            finally:
                self._trips.present = outer
            ending = visit.answered(response)
            try:
                if visit.again:
                    response.close()
            finally:
                when_read(response, self._tenancy.leaving(response, stay, ending))
            if not visit.again:
                return response

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Strip credentials as requests does, and send a redirect through the lease of its request."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call] # the stubs leave it so
        if self._trips.present is not None:
            self._trips.present.redirect(prepared_request)

    def adapt(self, status: str = AddrStatus.IDLE, *, target: str | None = None, reason: str | None = None) -> bool:
        """Give the present address back and lease another; True, for what cannot be done is an exception."""
        require_status(status, ENDINGS)
        self._tenancy.move(Ending(status=str(status), target=target, reason=reason))
        self._say("moved to")
        return True

    def report(self, status: str, *, target: str | None = None, reason: str | None = None) -> Reply:
        """Tell the engine how the address did: idle and bad end the lease, and the next request takes another.

        Raises LeaseLost when the engine says that the lease had ended before.
        """
        require_status(status, STATUSES)
        return self._tenancy.report(str(status), target, reason)

    def report_idle(self) -> Reply:
        """Give the address back."""
        return self.report(AddrStatus.IDLE)

    def report_bad(self, *, target: str | None = None, reason: str | None = None) -> Reply:
        """Give the address back as banned, by the host `target` if it is named."""
        return self.report(AddrStatus.BAD, target=target, reason=reason)

    def renew(self, ttl: float | None = None) -> float:
        """Let the lease run for `ttl` seconds from now; the session does so by itself."""
        return self._tenancy.renew(ttl)

    def get_adapter(self, url: str | bytes) -> BaseAdapter:
        """Return what sends to `url`: for http and https the lease, for all else nothing."""
        text = url.decode() if isinstance(url, bytes) else url
        if not text.lower().startswith(("http://", "https://")):
            raise InvalidSchema(f"a leased address reaches http:// and https:// only, not {text!r}")
        return self._front

    def mount(self, prefix: str | bytes, adapter: BaseAdapter) -> None:
        """Refuse: another adapter would send past the lease. Raises TypeError."""
        if hasattr(self, "_front"):
            raise TypeError("a leased session takes no adapters: they would send past the lease; use max_retries=")
        super().mount(prefix, adapter)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Take the environment's authorities, and nothing else of it."""
        if verify is True or verify is None:
            verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or verify
        return super().merge_environment_settings(url, proxies, stream, verify, cert)

    def close(self) -> None:
        """Cut what is on its way and give the lease back."""
        super().close()
        self._close()

    def __getstate__(self) -> NoReturn:
        raise TypeError("a lease cannot be pickled; make a session in each process")

    def _say(self, what: str) -> None:
        level = logging.WARNING if self.verbose else logging.DEBUG
        logger.log(level, "%s %s", what, self._tenancy.addr)


class IPv6SessionAdapter:
    """Binds a plain requests.Session, in place of all its adapters for http and https; nothing else changes."""

    @staticmethod
    def adapt(session: requests.Session, ip: str) -> requests.Session:
        """Let `session` send from `ip` over IPv6 only, and through no proxy of the environment; return it.

        Raises ValueError for anything but an IPv6 address of one's own.
        """
        adapter = leased_adapter(ip)
        session.trust_env = False
        return _mounted(session, adapter)

    @staticmethod
    def force_ipv4(session: requests.Session) -> requests.Session:
        """Let `session` connect over IPv4 only; return it."""
        return _mounted(session, family_adapter(socket.AF_INET))

    @staticmethod
    def force_ipv6(session: requests.Session) -> requests.Session:
        """Let `session` connect over IPv6 only; return it."""
        return _mounted(session, family_adapter(socket.AF_INET6))


class _Front(BaseAdapter):
    """Sends each request through the lease of its trip."""

    def __init__(self, tenancy: Tenancy[BoundAdapter], trips: Trips) -> None:
        super().__init__()
        self._tenancy = tenancy
        self._trips = trips

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        refuse_proxies(request.url, args[4] if len(args) > 4 else options.get("proxies"))
        if self._trips.present is not None:
            response = self._trips.present.stay.door.send(request, *args, **options)
        else:  # through the connection of a response, later on
            response = self._send_alone(request, *args, **options)
        # Authentication sends again through it; it also keeps the session alive while a response is open.
        response.connection = self  # type: ignore[assignment] # any adapter will do, the stubs know but one
        return response

    def _send_alone(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        stay = self._tenancy.enter()
        try:
            response = stay.door.send(request, *args, **options)
        except BaseException:
            self._tenancy.leave(stay)
            raise
        when_read(response, self._tenancy.leaving(response, stay, None))
        return response

    def close(self) -> None:
        """Leave it to the session, which gives the lease back."""


def _mounted(session: requests.Session, adapter: BoundAdapter) -> requests.Session:
    # One that is mounted for some URLs only would be asked before these two.
    special = [prefix for prefix in session.adapters if prefix.lower().startswith(("http://", "https://"))]
    for prefix in {"http://", "https://", *special}:
        session.mount(prefix, adapter)
    return session


def _close(tenancy: Tenancy[BoundAdapter], engine: IPv6Client) -> None:
    if not tenancy.origin.here:
        return  # a forked child's copy; the lease is the parent's
    try:
        tenancy.close()
    finally:
        engine.close()
