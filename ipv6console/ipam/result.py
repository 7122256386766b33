"""How another system took a step, in words that the rules understand."""

from __future__ import annotations

from typing import NamedTuple


class Granted(NamedTuple):
    """A prefix was allocated: `registry` says by which IPAM, `id` its number there, `parent` that of what it was cut from."""

    registry: str
    id: int
    network: int
    length: int
    parent: int | None


class Done(NamedTuple):
    """The step was taken; `text` is the answer in words."""

    text: str


class Refused(NamedTuple):
    """The step will never succeed as it is; `held` is what the IPAM holds all the same, when that was seen on the way."""

    text: str
    held: Granted | None = None


class Postponed(NamedTuple):
    """No answer, or one that says to try again; `after` is in how many seconds at the earliest, if that was said."""

    text: str
    after: float | None = None


Result = Granted | Done | Refused | Postponed
