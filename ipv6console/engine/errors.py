"""Refusals of the engine: each names the cause and the next step."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """An operation that was not done; nothing has changed. `next` says what to do."""

    status: ClassVar[int] = 409
    type: ClassVar[str] = "refused"
    title: ClassVar[str] = "The engine refused"

    def __init__(self, detail: str, *, next: str) -> None:  # noqa: A002 - the word of the problem document
        super().__init__(detail)
        self.detail = detail
        self.next = next


class InvalidRequest(Refusal):
    """Input that has no meaning: a malformed address, a name out of bounds."""

    status = 422
    type = "invalid-request"
    title = "The request makes no sense"


class NotFound(Refusal):
    """A lease, plan, mirror or prefix that is not there (any more)."""

    status = 404
    type = "not-found"
    title = "There is no such thing"


class PlanChanged(Refusal):
    """The set a plan was made for has changed; nothing was done."""

    status = 409
    type = "plan-changed"
    title = "The set has changed since the plan"


class Unavailable(Refusal):
    """The engine cannot do that right now: no prefix, the store is down."""

    status = 503
    type = "unavailable"
    title = "Not possible right now"


class Forbidden(Refusal):
    """The caller may not do that."""

    status = 403
    type = "forbidden"
    title = "Not allowed"
