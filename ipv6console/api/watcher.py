"""One watcher of a stream: bounded in what it can hold back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from ipv6console.api.document import render
from ipv6console.engine.caller import Caller

_log = logging.getLogger(__name__)
_POLICY_VIOLATION = 1008  # RFC 6455 7.4.1


class WatcherStuckError(Exception):
    """A watcher that read nothing for too long."""


class Watcher:
    """Sends frames to one WebSocket; a single send that blocks for `patience` seconds ends the connection.

    A close frame would wait in the same full buffer, so a stuck connection is aborted at the transport.
    """

    def __init__(self, websocket: WebSocket, caller: Caller, patience: float) -> None:
        self._websocket = websocket
        self._caller = caller
        self._label = caller.label
        self._patience = patience
        self._abort: Callable[[], None] = websocket.scope["state"]["abort"]
        self._sending = False
        self._dismissed = asyncio.Event()

    def dismiss(self) -> None:
        """End it: its token is no longer valid."""
        self._dismissed.set()

    async def send(self, frame: Any) -> None:
        """Send one frame; raises WatcherStuckError after `patience` seconds."""
        self._sending = True
        try:
            async with asyncio.timeout(self._patience):
                await self._websocket.send_text(render(frame).decode())
        except TimeoutError:
            raise WatcherStuckError from None
        self._sending = False

    async def serve(self, pump: Callable[[Watcher], Coroutine[Any, Any, None]], count: Callable[[], int]) -> None:
        """Accept the watcher and run its `pump` until either side ends; `count` tells how many are watching."""
        watchers: Watchers = self._websocket.app.state.watchers
        with watchers.listing(self, self._caller.token):
            await self._serve(pump, count)

    async def _serve(self, pump: Callable[[Watcher], Coroutine[Any, Any, None]], count: Callable[[], int]) -> None:
        await self._websocket.accept()
        path = self._websocket.url.path
        pumping = asyncio.create_task(pump(self), name=f"pump {path} {self._label}")
        leaving = asyncio.create_task(self._departure(), name=f"departure {path} {self._label}")
        dismissal = asyncio.create_task(self._dismissed.wait(), name=f"dismissal {path} {self._label}")
        # The pump subscribes before its first await, so the next line of the log counts it.
        await asyncio.sleep(0)
        _log.info("watcher came: %s %s, %d watching", path, self._label, count())
        try:
            await asyncio.wait({pumping, leaving, dismissal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            dismissal.cancel()
            how = await self._end(pumping, leaving)
            _log.info("watcher went: %s %s, %s, %d watching", path, self._label, how, count())

    async def _end(self, pumping: asyncio.Task[None], leaving: asyncio.Task[None]) -> str:
        if self._sending:
            self._abort()
        pumping.cancel()
        leaving.cancel()
        ended, _ = await asyncio.gather(pumping, leaving, return_exceptions=True)
        match ended:
            case asyncio.CancelledError() if self._dismissed.is_set():
                await self._say_goodbye()
                return "its token was revoked"
            case WatcherStuckError():
                return f"aborted after reading nothing for {self._patience:g} s"
            case None | asyncio.CancelledError() | WebSocketDisconnect():
                return "it left"
            case _:
                _log.error("the pump of %s failed", self._label, exc_info=ended)
                self._abort()
                return "its pump failed"

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._websocket.close(_POLICY_VIOLATION, "the token was revoked")
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            self._abort()

    async def _departure(self) -> None:
        while (await self._websocket.receive())["type"] != "websocket.disconnect":
            pass  # what watchers say means nothing


class Watchers:
    """Those who watch by a token, so that they can be sent away when it is revoked."""

    def __init__(self) -> None:
        self._by_token: dict[str, set[Watcher]] = {}

    @contextmanager
    def listing(self, watcher: Watcher, token: str | None) -> Iterator[None]:
        """List a watcher for the length of the block."""
        if token is None:
            yield
            return
        beside = self._by_token.setdefault(token, set())
        beside.add(watcher)
        try:
            yield
        finally:
            beside.remove(watcher)
            if not beside and self._by_token.get(token) is beside:
                del self._by_token[token]

    def dismiss(self, token: str) -> None:
        """Send everybody away who watches by the token with that name."""
        for watcher in self._by_token.pop(token, set()):
            watcher.dismiss()
