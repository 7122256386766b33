"""Problem documents (RFC 9457): what is wrong and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refusal; `type` is a short relative URI, `next` the step that helps."""

    type: str
    title: str
    status: int
    detail: str
    next: str
