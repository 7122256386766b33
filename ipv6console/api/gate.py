"""The door: nothing behind it runs for a caller that was not admitted."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ipv6console.api.access import Access, Unauthenticated, unmapped
from ipv6console.api.limits import Limits
from ipv6console.api.problem import answer, body_too_large, problem_of
from ipv6console.engine.caller import Caller
from ipv6console.engine.caller import Scope as Right
from ipv6console.engine.errors import Refusal


class Gate:
    """ASGI middleware that admits callers by `access` with bodies within `limits`.

    The caller is then in `scope["state"]["caller"]`. A body larger than others is an operator's right, and nothing of it
    is read for anybody else.
    """

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app = app
        self._access = access
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the reason why not."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope["client"] is not None:
            scope["client"] = (unmapped(scope["client"][0]), scope["client"][1])
        bound, method = self._limits.bound(scope["path"]), scope.get("method", "GET")
        try:
            caller: Caller = self._access.admit(scope)
            self._access.confine(caller, scope["path"])
            if bound > self._limits.body:
                self._access.require(caller, Right.OPERATE, f"{method} {scope['path']}")
        except Refusal as refusal:
            headers = {"www-authenticate": refusal.challenge} if isinstance(refusal, Unauthenticated) else None
            await answer(problem_of(refusal), headers)(scope, receive, send)
            return
        scope["state"]["caller"] = caller
        if _declared_length(scope) > bound:
            # The framework bounds bodies that declare no length; for the others it has an answer of its own.
            await answer(body_too_large(method, scope["path"], bound))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
