"""Problem documents as answers (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from ipv6console.api.document import render
from ipv6console.engine.errors import Refusal
from ipv6console.wire.problem import Problem

MEDIA_TYPE = "application/problem+json"

TOO_SLOW = Problem(
    type="too-slow",
    title="The request did not arrive in time",
    status=408,
    detail="The rest of the request did not come.",
    next="Send the whole request at once, and close connections that are not needed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One field that does not fit: where (`loc`), why (`msg`), and the machine's name for it."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationProblem(Problem):
    """A request that does not fit the endpoint; `errors` names each field."""

    errors: tuple[FieldError, ...]


def problem_of(refusal: Refusal) -> Problem:
    """Return the problem document of an engine's refusal."""
    return Problem(
        type=refusal.type, title=refusal.title, status=refusal.status, detail=refusal.detail, next=refusal.next
    )


def body_too_large(method: str, path: str, bound: int) -> Problem:
    """Return the problem of a body of more than `bound` bytes."""
    return Problem(
        type="body-too-large",
        title="The body is too large",
        status=413,
        detail=f"The body of {method} {path} is larger than this server reads.",
        next=f"Send at most {bound >> 20} MiB; split a long list over several requests.",
    )


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return `problem` as a response with its status."""
    return Response(render(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def raw_answer(problem: Problem) -> bytes:
    """Return `problem` as a whole HTTP/1.1 response that closes the connection, for refusals before there is a request."""
    body = render(problem)
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
        f"content-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
