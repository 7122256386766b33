"""What /docs says an endpoint answers: the document with examples, and the problems."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ipv6console.api.access import Unauthenticated
from ipv6console.api.limits import LIMITS
from ipv6console.api.problem import MEDIA_TYPE, TOO_SLOW, FieldError, ValidationProblem, body_too_large
from ipv6console.engine.errors import Forbidden, InvalidRequest, NotFound, PlanChanged, Unavailable
from ipv6console.wire.codec import encode
from ipv6console.wire.problem import Problem

_EXAMPLES: dict[int, Problem] = {
    401: Problem(
        type=Unauthenticated.type,
        title=Unauthenticated.title,
        status=401,
        detail="192.0.2.7 is not on this host, and callers from elsewhere need a token.",
        next="Send Authorization: Bearer TOKEN with one made by: ipv6console token create NAME",
    ),
    403: Problem(
        type=Forbidden.type,
        title=Forbidden.title,
        status=403,
        detail="POST /flush needs the scope operate; tcp 127.0.0.1 has read, scrape.",
        next="Use the Unix socket: ipv6console flush",
    ),
    404: Problem(
        type=NotFound.type,
        title=NotFound.title,
        status=404,
        detail="There is no such lease, or it has ended.",
        next="Lease an address with GET /pick.",
    ),
    409: Problem(
        type=PlanChanged.type,
        title=PlanChanged.title,
        status=409,
        detail="The plan was for 4 addresses, now there are 5; nothing was done.",
        next="Plan again with POST /plan.",
    ),
    413: body_too_large("POST", "/reports", LIMITS.body),
    422: ValidationProblem(
        type=InvalidRequest.type,
        title=InvalidRequest.title,
        status=422,
        detail="query num: Input should be less than or equal to 100.",
        next="Ask for a whole number from 1 to 100.",
        errors=(
            FieldError(loc=("query", "num"), msg="Input should be less than or equal to 100", type="less_than_equal"),
        ),
    ),
    503: Problem(
        type=Unavailable.type,
        title=Unavailable.title,
        status=503,
        detail="The store cannot commit: the disk is full.",
        next="Make room; the engine goes on by itself.",
    ),
}


def answers(
    first: Any, *more: Any, problems: tuple[int, ...] = (), later: tuple[type[Any], Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with documents like `first` and `more`.

    Every route may also answer 401, 403, 422 and 503; `problems` names others (404, 409, 413). `later` is the model and
    an example of what it answers with 202.
    """
    shown = {name: {"summary": name, "value": encode(value)} for name, value in _named(first, *more)}
    found: dict[int | str, dict[str, Any]] = {
        200: {"description": "Done, or not: see `success`.", "content": {"application/json": {"examples": shown}}}
        if hasattr(first, "success")
        else {"description": "The document.", "content": {"application/json": {"examples": shown}}}
    }
    if later is not None:
        model, value = later
        told = {"example": {"summary": "example", "value": encode(value)}}
        found[202] = {
            "description": "Not done yet: another system has still to answer. It goes on by itself.",
            "model": model,
            "content": {"application/json": {"examples": told}},
        }
    return found | _problems({401, 403, 422, 503, *problems})


def text(example: str, *kinds: str, problems: tuple[int, ...] = ()) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with text like `example`, of one of these media types."""
    shown = {"example": {"summary": "example", "value": example}}
    content = {kind: {"schema": {"type": "string"}, "examples": shown} for kind in kinds}
    return {200: {"description": "The text.", "content": content}} | _problems({401, 403, 422, 503, *problems})


def asked(**examples: Any) -> dict[str, Any]:
    """Return the named example bodies of a route, as FastAPI's `openapi_examples`."""
    return {name: {"summary": name, "value": value} for name, value in examples.items()}


def _named(first: Any, *more: Any) -> list[tuple[str, Any]]:
    names = ["example", "otherwise", *(f"otherwise-{number}" for number in range(2, len(more) + 1))]
    return list(zip(names, (first, *more), strict=False))


def _problems(statuses: set[int]) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {status: _problem(status) for status in sorted(statuses)}
    found["default"] = {
        "description": "Any other refusal: a problem document too.",
        "content": {MEDIA_TYPE: {"schema": _reference(Problem), "example": encode(TOO_SLOW)}},
    }
    return found


def _problem(status: int) -> dict[str, Any]:
    example = _EXAMPLES[status]
    # The engine's own refusals of input name no fields.
    kinds = (ValidationProblem, Problem) if status == HTTPStatus.UNPROCESSABLE_ENTITY else (Problem,)
    schema = _reference(*kinds)
    return {
        "description": f"{HTTPStatus(status).phrase}: {example.title}.",
        "content": {MEDIA_TYPE: {"schema": schema, "example": encode(example)}},
    }


def _reference(*kinds: type[Problem]) -> dict[str, Any]:
    references = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds]
    return references[0] if len(references) == 1 else {"anyOf": references}
