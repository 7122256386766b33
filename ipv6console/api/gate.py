"""The door: nothing behind it runs for a caller that was not admitted."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ipv6console.api.access import Access, unmapped
from ipv6console.api.problem import answer, body_too_large, problem_of
from ipv6console.engine.errors import Forbidden


class Gate:
    """ASGI middleware that admits callers by `access` with bodies of at most `body` bytes.

    The caller is then in `scope["state"]["caller"]`.
    """

    def __init__(self, app: ASGIApp, access: Access, body: int) -> None:
        self._app = app
        self._access = access
        self._body = body

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
        if _declared_length(scope) > self._body:
            # The framework bounds bodies that declare no length; for the others it has an answer of its own.
            await answer(body_too_large(scope["method"], scope["path"]))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
