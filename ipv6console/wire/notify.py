"""Notices: what webhooks and commands are told of faults, and how that goes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ipv6console.wire.event import EventLevel


class NoticeState(StrEnum):
    """What a notice tells: a fault, that one is over, many things at once, or that somebody tries it."""

    FAULT = "fault"
    RECOVERED = "recovered"
    DIGEST = "digest"
    TEST = "test"


class NotifierMeans(StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeItem:
    """One fault of a digest; as in Notice."""

    state: NoticeState
    level: EventLevel
    kind: str
    subject: str | None
    text: str
    at: float
    since: float
    count: int
    fix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is told, and all that is told: this document is a webhook's body and a command's standard input.

    `id` stays the same when it is sent again. `kind` and `subject` name the fault: its recovery bears the same two.
    `at` and `since` are unix seconds of the last event and of the first; `count` says how often it happened: since the last
    notice of it, in a recovery altogether. `fix` is the command that mends it, if the event had one. `items` are the
    faults of a digest, the loudest first; there may be more than it lists.
    """

    id: str
    state: NoticeState
    level: EventLevel
    kind: str
    subject: str | None
    text: str
    host: str
    version: str
    at: float
    since: float
    count: int
    fix: str | None = None
    items: tuple[NoticeItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierRow:
    """One webhook or command: where it goes without what may be secret, what it is told of, and how that went.

    `waiting` notices are not delivered yet; `delivered`, `failed` (given up) and `lost` (too many waited) count from the
    engine's start. `last_at` (unix seconds), `last_ok` and `last_text` tell of the last attempt, None before it; `next` is
    what helps when it failed.
    """

    name: str
    means: NotifierMeans
    target: str
    level: EventLevel
    kinds: tuple[str, ...]
    waiting: int
    delivered: int
    failed: int
    lost: int
    last_at: float | None = None
    last_ok: bool | None = None
    last_text: str | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyStatus:
    """All of them, as the settings list them."""

    notifiers: tuple[NotifierRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyTest:
    """Send a notice that says it is a test, to the one called `name` or to all."""

    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyResult:
    """What became of one test: `text` says how it was taken or why not, `next` what helps, `seconds` how long it took."""

    name: str
    means: NotifierMeans
    target: str
    success: bool
    text: str
    seconds: float
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyTested:
    """What became of a test; `success` when all took it."""

    success: bool
    results: tuple[NotifyResult, ...]
