"""Tenancy: taking, keeping and giving back the lease of one IPv6Session."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import httpx

from ipv6console.client.engine import IPv6Client
from ipv6console.client.errors import EngineRefused, EngineUnreachable, PoolEmpty
from ipv6console.client.hold import ENDINGS, Book, Hold, Terms, hold_from
from ipv6console.client.transport import LeasedTransport
from ipv6console.wire.reply import Reply

logger = logging.getLogger("ipv6console.client")


class Tenancy(httpx.BaseTransport):
    """The session's transport: stands in front of the one that is bound to the present lease, if there is one.

    Traffic stops before a lease is given back, because the engine may hand the address out again at once.
    """

    def __init__(
        self,
        engine: IPv6Client,
        terms: Terms,
        book: Book,
        sleep: Callable[[float], None],
        options: dict[str, Any],
    ) -> None:
        self.book = book
        self._engine = engine
        self._terms = terms
        self._sleep = sleep
        self._options = options
        self._lock = threading.RLock()
        self._transport: LeasedTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request from the leased address."""
        return self.occupy().handle_request(request)

    def close(self) -> None:
        """Give the lease back; an engine that does not take it lets it run out."""
        with self._lock:
            try:
                if self.book.hold is not None:
                    self._end(self.book.hold)
            except (EngineUnreachable, EngineRefused) as error:
                logger.warning("a lease was not given back and runs until its TTL: %s", error)
            finally:
                self._engine.close()

    def occupy(self) -> LeasedTransport:
        """Return the transport of the present lease, taking one if the session has none; raises LeaseLost if it ended."""
        transport = self._transport
        if transport is None:
            with self._lock:
                transport = self._transport or self._take()
        self.book.require()
        return transport

    def move(self, status: str, target: str | None, reason: str | None) -> str:
        """Give the lease back, take another, return its address."""
        with self._lock:
            if self.book.hold is not None:
                self._end(self.book.hold, status, target, reason)
            return self._take().source

    def report(self, status: str, target: str | None, reason: str | None) -> Reply:
        """Tell the engine how the address did."""
        with self._lock:
            hold = self.book.hold or self.book.require()
            if status in ENDINGS:
                reply = self._end(hold, status, target, reason)
            else:
                reply = self._say(hold, status, target, reason)
            if not reply.success:
                raise self.book.lose(hold, reply.detail or "the engine says that its lease has ended")
            return reply

    def renew(self, ttl: float | None) -> float:
        """Let the lease run on; return its seconds."""
        with self._lock:
            hold = self.book.require()
            asked_at = self.book.now()
            try:
                reply = self._engine.renew(hold.lease, ttl or self._terms.ttl)
            except EngineRefused as refused:
                if refused.status == 404:
                    raise self.book.lose(hold, refused.detail) from refused
                raise
            self.book.extend(reply, asked_at)
            return reply.ttl

    def _take(self) -> LeasedTransport:
        if self.book.hold is not None:  # one that could not be given back must not be forgotten
            self.book.require()
        detail = None
        for pause in self._terms.pauses():
            asked_at = self.book.now()
            reply = self._engine.pick(self._terms.dbname, ttl=self._terms.ttl, holder=self._terms.holder)
            hold = hold_from(reply, asked_at)
            if hold is not None:
                self.book.open(hold)
                self._transport = LeasedTransport(hold.addr, guard=self.book.guard(hold), **self._options)
                return self._transport
            detail = reply.detail
            if pause is not None:
                self._sleep(pause)
        raise PoolEmpty(self._terms.dbname, self._terms.retries + 1, detail)

    def _end(self, hold: Hold, status: str = "idle", target: str | None = None, reason: str | None = None) -> Reply:
        """Stop the traffic, then give the lease back; one that had ended already needs nothing."""
        self.book.lose(hold, "the session was about to give it back")
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        reply = self._say(hold, status, target, reason)
        self.book.close()
        if not reply.success:
            logger.info("the lease on %s had ended before it was given back: %s", hold.addr, reply.detail)
        return reply

    def _say(self, hold: Hold, status: str, target: str | None, reason: str | None) -> Reply:
        return self._engine.report(
            hold.addr, status, self._terms.dbname, lease=hold.lease, target=target, reason=reason
        )
