"""Every error that reaches the application, answered with a problem document."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ipv6console.api.access import NETWORK
from ipv6console.api.parameter import MOST_ADDRESSES, MOST_ROWS
from ipv6console.api.problem import FieldError, ValidationProblem, answer, body_too_large, problem_of
from ipv6console.api.spaceparameter import SPACE_HINTS, SPACE_PARTS
from ipv6console.api.subscriberparameter import NETWORK_HINTS
from ipv6console.engine.errors import Refusal
from ipv6console.engine.protocol import StoreError
from ipv6console.wire.plan import PlanAction
from ipv6console.wire.problem import Problem

_log = logging.getLogger(__name__)

_HINTS = {
    "dbname": "Name the mirror with 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front.",
    "num": "Ask for a whole number from 1 to 100.",
    "since": "Give the id of the last event you have, 0 for all.",
    "status": "Use idle, using or bad.",
    "ttl": "Give the lease's length in seconds, above 0.",
    "wait": "Give the seconds to wait at most, 0 to 300.",
    "at": "Give a moment as unix seconds.",
    "state": "Use idle, using or bad, and name the mirror with dbname.",
    "scope": "Use read, scrape or operate.",
    "name": "Name the token after who uses it, with 1 to 64 of A-Z a-z 0-9 . _ -",
    "tenant": "Name the tenant with 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front.",
    "addr": "Give one global IPv6 address, as /pick returned it.",
    "addrs": "Give global IPv6 addresses, as /pick returned them.",
    "action": f"Use {', '.join(list(PlanAction)[:-1])} or {list(PlanAction)[-1]}.",
}


def answer_with_problems(app: FastAPI) -> None:
    """Make `app` answer every refusal and every error with a problem document that says what to do."""
    app.add_exception_handler(Refusal, _failed)
    app.add_exception_handler(StoreError, _failed)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(WebSocketRequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _failed)


def response_to(error: Exception, scope: Mapping[str, Any]) -> Response:
    """Return the answer to a request that ended in `error`; one that is nobody's fault but ours is logged."""
    if isinstance(error, Refusal):
        return answer(problem_of(error))
    if isinstance(error, StoreError):
        problem = Problem(type="store-failed", title="The store failed", status=503, detail=str(error), next=error.fix)
        return answer(problem, {"retry-after": "5"})
    path = scope["path"]
    _log.error("%s %s failed: %s", scope.get("method", "WebSocket"), path, error)
    return answer(
        Problem(
            type="internal-error",
            title="The engine made a mistake",
            status=500,
            detail=f"{type(error).__name__} while answering {path}.",
            next="Look for the traceback in the engine's log, and report it.",
        )
    )


async def _failed(connection: HTTPConnection, error: Exception) -> Response:
    return response_to(error, connection.scope)


async def _not_valid(connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)  # noqa: S101 - see above
    found = error.errors()
    errors = tuple(FieldError(loc=tuple(item["loc"]), msg=item["msg"], type=item["type"]) for item in found)
    return answer(
        ValidationProblem(
            type="invalid-request",
            title="The request makes no sense",
            status=422,
            detail=_complaint(found),
            next=_advice(connection, found),
            errors=errors,
        )
    )


def _complaint(errors: Sequence[Any]) -> str:
    if errors[0]["type"] == "json_invalid":
        return f"The body is not one whole JSON document: {errors[0]['ctx']['error']} at {errors[0]['loc'][-1]}."
    return "; ".join(f"{' '.join(str(part) for part in item['loc'])}: {item['msg']}" for item in errors[:5]) + "."


def _advice(connection: HTTPConnection, errors: Sequence[Any]) -> str:
    kind = connection.headers.get("content-type", "")
    if errors[0]["type"] == "json_invalid":
        return "Send the body again, whole; the examples in /docs show its shape."
    if errors[0]["loc"] == ("body",) and "json" not in kind and errors[0]["type"] != "missing":
        return "Send the body as JSON, with the header: Content-Type: application/json"
    hints = {**_HINTS, **_hints_at(connection.url.path)}
    for item in errors:
        for part in reversed(item["loc"]):
            if part == "limit":
                most = MOST_ADDRESSES if connection.url.path == "/addresses" else MOST_ROWS
                return f"Ask for a whole number from 1 to {most}."
            if part in hints:
                return hints[part]
    method = connection.scope.get("method", "GET")
    return f"Compare with the example of {method} {connection.url.path} in /docs."


def _hints_at(path: str) -> Mapping[str, str]:
    if path.startswith(NETWORK):
        return NETWORK_HINTS
    return SPACE_HINTS if path.split("/")[1] in SPACE_PARTS else {}


async def _http_error(connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    return answer(_http_problem(connection, error), error.headers)


def _http_problem(connection: HTTPConnection, error: HTTPException) -> Problem:
    path = connection.url.path
    method = connection.scope.get("method", "GET")
    if error.status_code == HTTPStatus.NOT_FOUND:
        return Problem(
            type="not-found",
            title="There is no such path",
            status=404,
            detail=f"There is nothing at {path}.",
            next=_nearest(connection, path),
        )
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        return Problem(
            type="method-not-allowed",
            title="The path has another method",
            status=405,
            detail=f"{path} does not take {method}.",
            next=f"Use {allowed} {path}; /docs has an example.",
        )
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return body_too_large(method, path, connection.app.state.limits.bound(path))
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # The framework's word for a body that is no text at all, or text nested too deeply.
        return Problem(
            type="invalid-request",
            title="The request makes no sense",
            status=422,
            detail=f"The body of {method} {path} is not one JSON document in UTF-8.",
            next="Send the body again as JSON; the examples in /docs show its shape.",
        )
    return Problem(
        type="http-error",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=str(error.detail),
        next=f"Compare with the example of {method} {path} in /docs.",
    )


def _nearest(connection: HTTPConnection, path: str) -> str:
    known: tuple[str, ...] = connection.app.state.paths
    near = get_close_matches(path, known, n=1) or _same_start(path, known)
    if near:
        return f"The nearest path is {near[0]}; /docs lists them all."
    return "/docs lists every path."


def _same_start(path: str, known: tuple[str, ...]) -> list[str]:
    starts = {f"/{name.split('/')[1]}": name for name in reversed(known)}
    return [starts[start] for start in get_close_matches(f"/{path.split('/')[1]}", starts, n=1)]
