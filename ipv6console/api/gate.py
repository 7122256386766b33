"""The door: nothing behind it runs for a caller that was not admitted."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ipv6console.api.access import Access, unmapped
from ipv6console.api.problem import answer, problem_of
from ipv6console.engine.errors import Forbidden


class Gate:
    """ASGI middleware that admits callers by `access`; the caller is then in `scope["state"]["caller"]`."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the reason why not."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope["client"] is not None:
            scope["client"] = (unmapped(scope["client"][0]), scope["client"][1])
        try:
            scope["state"]["caller"] = self._access.admit(scope)
        except Forbidden as refusal:
            await answer(problem_of(refusal))(scope, receive, send)
            return
        await self._app(scope, receive, send)
