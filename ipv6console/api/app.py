"""The FastAPI application."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from ipv6console import __version__
from ipv6console.api import (
    bindings,
    importing,
    leases,
    metrics,
    operator,
    records,
    scraper,
    spaces,
    state,
    streams,
    subscribers,
    tokens,
)
from ipv6console.api.access import Access
from ipv6console.api.gate import Gate
from ipv6console.api.limits import LIMITS, Limits
from ipv6console.api.parting import Parting
from ipv6console.api.problem import ValidationProblem
from ipv6console.api.refusal import answer_with_problems
from ipv6console.api.shortcut import Shortcut
from ipv6console.api.watcher import Watchers
from ipv6console.config import Settings
from ipv6console.engine.engine import Engine
from ipv6console.wire.problem import Problem

_DESCRIPTION = """
Leases verified IPv6 source addresses to scrapers, and lets operators see and act.

* Scrapers' endpoints answer 200 also when there is nothing to give: look at `success`, then at `detail`.
* Everything else that goes wrong is a problem document (RFC 9457) whose `next` says what to do.
* Loopback TCP may read and scrape. Operators' acts need the Unix socket or a bearer token (`Authorization: Bearer`),
  and so do callers from other hosts, for everything. Who shows a token may do what the token may, no more and no less.
* Below `/api/v1/network` nobody is anonymous: the Unix socket or a token, also on this host. A token that was made for
  a tenant sees that tenant's spaces and subscribers alone; what is another's does not exist for it.

Two WebSockets, which OpenAPI cannot describe: `/stream` sends the state document and then its deltas, `/events?since=`
kept events and then new ones. Each frame is a JSON object with a `type`: `state`, `delta`, `events`, or `missed` when
the watcher was too slow.
"""
_TAGS = [
    {"name": "scraper", "description": "Pick, report, check, spawn: the older system's contract, fields added."},
    {"name": "leases", "description": "Live leases by their tokens."},
    {"name": "records", "description": "Addresses, who held them when, who bans them."},
    {"name": "operator", "description": "Drain, mirror settings, plan and apply, import, doctor."},
    {"name": "spaces", "description": "Address spaces: what may be handed out for good, and what never."},
    {"name": "bindings", "description": "Addresses that belong to a resource until they are released."},
    {"name": "subscribers", "description": "Prefixes of subscribers, their lifecycle, outbox and leaks."},
    {"name": "tokens", "description": "Bearer tokens."},
    {"name": "state", "description": "What the engine knows."},
]
_PARTS = (
    # The first request a console sends.
    streams.router,
    scraper.router,
    leases.router,
    records.router,
    operator.router,
    importing.router,
    spaces.router,
    bindings.router,
    subscribers.router,
    tokens.router,
    state.router,
    metrics.router,
)
_UNDOCUMENTED = ("/stream", "/docs", "/openapi.json")


def create_app(engine: Engine, settings: Settings, *, stop: asyncio.Event, limits: Limits = LIMITS) -> FastAPI:
    """Return the application that serves `engine`; /docs needs nothing from outside.

    When `stop` is set, callers who wait in a queue are told so, and in the end all who are not answered yet.
    """
    app: FastAPI = FastAPIOffline(
        # Its ReDoc page fetches a logo from elsewhere.
        redoc_url=None,
        # On any host but localhost the page would ask a validator elsewhere.
        swagger_ui_parameters={"validatorUrl": None},
        title="ipv6console",
        version=__version__,
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        generate_unique_id_function=_operation_id,
    )
    access = Access(settings.engine, find_token=engine.find_token)
    app.state.engine = engine
    app.state.access = access
    app.state.limits = limits
    app.state.stop = stop
    app.state.watchers = Watchers()
    for part in _PARTS:
        app.include_router(part, max_body_size=limits.body)
    app.add_api_websocket_route("/{path:path}", _no_such_stream)
    if settings.engine.hot_path:
        app.add_middleware(Shortcut, engine=engine)
    app.add_middleware(Gate, access=access, limits=limits)
    app.add_middleware(Parting, stop=stop)
    answer_with_problems(app)
    _describe(app)
    # Every route is made ready by it: whoever came first for one would hold up the others, and no thread may do it.
    app.state.paths = (*app.openapi()["paths"], *_UNDOCUMENTED)
    return app


async def _no_such_stream(websocket: WebSocket) -> None:
    raise HTTPException(404)


def _operation_id(route: APIRoute) -> str:
    return route.name


def _describe(app: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                tags=app.openapi_tags,
                routes=app.routes,
            )
            _add_problem_schemas(document["components"]["schemas"])
            document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{}, {"token": []}]
            _restore_nulls(document["paths"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _add_problem_schemas(schemas: dict[str, Any]) -> None:
    for kind in (Problem, ValidationProblem):
        schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[kind.__name__] = schema


def _restore_nulls(paths: dict[str, Any]) -> None:
    """Put the examples of answers back as they were: get_openapi drops every null, inside examples too."""
    for route in (route for part in _PARTS for route in part.routes if isinstance(route, APIRoute)):
        for method in route.methods or ():
            shown = paths[route.path][method.lower()]["responses"]
            for status, described in route.responses.items():
                for kind, content in described["content"].items():
                    shown[str(status)]["content"][kind].update(content)
