"""The server: uvicorn on sockets that are already bound, signals left alone."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import uvicorn

from ipv6console.api.app import create_app
from ipv6console.api.hot import hot_protocol
from ipv6console.api.limits import LIMITS, Limits
from ipv6console.api.protocol import Stream
from ipv6console.config import Settings
from ipv6console.engine.engine import Engine
from ipv6console.listen import ListenError, beyond_loopback, listeners

_log = logging.getLogger(__name__)
_DATE = 1.0
"""Seconds between two values of the Date header."""

_LAST_STEPS = 0.5
"""Seconds that a cancelled request has to put away what it has in hand."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        # uvicorn's own looks ten times a second whether it is to end; here it is told, and only the date is left to do.
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(_DATE):
                    await self._leaving.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the daemon, which stops the server through an event.
        yield


async def run(
    engine: Engine,
    sockets: Sequence[socket.socket],
    settings: Settings,
    *,
    stop: asyncio.Event,
    limits: Limits = LIMITS,
) -> None:
    """Serve `engine` on the listening `sockets` until `stop` is set; then running requests get `limits.grace` seconds.

    The sockets are closed at the end; a Unix socket's file is left to whoever bound it. Raises ListenError when other
    hosts could call and there is no token to tell them apart.
    """
    require_token(engine, sockets)
    config = uvicorn.Config(
        create_app(engine, settings, stop=stop, limits=limits),
        http=hot_protocol(wanted=settings.engine.hot_path),
        ws=Stream,
        ws_max_size=limits.message,
        ws_ping_interval=limits.ping_interval,
        ws_ping_timeout=limits.pong_timeout,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        # Loopback callers would otherwise choose their own address with X-Forwarded-For.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=limits.grace,
    )
    for name in listeners(sockets):
        _log.info(
            "listening on %s: keep-alive %d s; WebSocket ping every %g s, pong within %g s, close within %g s, "
            "%d frames queued a watcher",
            name,
            limits.keep_alive,
            limits.ping_interval,
            limits.pong_timeout,
            limits.close_timeout,
            limits.queue,
        )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=list(sockets)), name="http server")
    stopping = asyncio.create_task(stop.wait(), name="http server stop")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.leave()
        await serving
        if given_up := set(server.server_state.tasks):
            # They were cancelled when the grace was over, and still use the engine, which is stopped next.
            await asyncio.wait(given_up, timeout=_LAST_STEPS)


def require_token(engine: Engine, sockets: Sequence[socket.socket]) -> None:
    """Close the sockets and raise ListenError when other hosts could call and there is no token to tell them apart."""
    wide = beyond_loopback(sockets)
    if wide and not engine.tokens():
        for sock in sockets:
            sock.close()
        raise ListenError(
            f"listening on {', '.join(wide)} would let other hosts in, and there is no token to tell them apart",
            next="Make one first: start with the Unix socket and loopback only, run `ipv6console token create NAME`, "
            "then add the address to listen.",
        )
