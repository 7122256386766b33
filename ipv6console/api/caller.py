"""What every endpoint is given: the engine, and a caller who may use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from ipv6console.api.access import Access
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.engine import Engine


async def _engine(connection: HTTPConnection) -> Engine:
    engine: Engine = connection.app.state.engine
    return engine


def _needs(scope: Scope) -> Callable[[HTTPConnection], Awaitable[Caller]]:
    async def caller(connection: HTTPConnection) -> Caller:
        access: Access = connection.app.state.access
        found: Caller = connection.state.caller
        access.require(found, scope, f"{connection.scope.get('method', 'GET')} {connection.url.path}")
        return found

    return caller


EngineHere = Annotated[Engine, Depends(_engine)]
"""The engine this application serves."""

Reader = Annotated[Caller, Depends(_needs(Scope.READ))]
"""A caller who may read."""

Scraper = Annotated[Caller, Depends(_needs(Scope.SCRAPE))]
"""A caller who may lease, report and spawn."""

Operator = Annotated[Caller, Depends(_needs(Scope.OPERATE))]
"""A caller who may flush, revoke and drain."""
