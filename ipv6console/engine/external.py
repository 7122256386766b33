"""What the engine asks of an IPAM and of RADIUS; `integrations` implements it, `daemon` joins them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """A prefix that an IPAM holds for a subscriber: `id` is its number there, `parent` that of what it was cut from.

    `operation` is the id of the operation that asked for it, None when the IPAM knows of none.
    """

    id: int
    network: int
    length: int
    parent: int | None
    operation: str | None
    tenant: str
    subscriber: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRequest:
    """A prefix to be allocated: of `length`, out of `parent` or, when that is None, of the parents configured."""

    operation: str
    length: int
    parent: int | None
    tenant: str
    subscriber: str


class RegistryError(Exception):
    """The IPAM did not do it; `next` says what helps. Nothing is known to have changed."""

    def __init__(self, detail: str, *, next: str) -> None:  # noqa: A002 - the word of the problem document
        super().__init__(detail)
        self.detail = detail
        self.next = next


class RegistryUnreachable(RegistryError):
    """No answer, or one that says to try again (5xx, 429): it may have been done, and is looked up before it is retried.

    `after` is in how many seconds it wants to be asked again, if it said so.
    """

    def __init__(self, detail: str, *, next: str, after: float | None = None) -> None:  # noqa: A002 - as above
        super().__init__(detail, next=next)
        self.after = after


class RegistryExhausted(RegistryError):
    """Every parent that was asked is full."""


class RegistryRefused(RegistryError):
    """The request can never succeed as it is: no such parent, no permission, a length it does not take."""


class Registry(Protocol):
    """An IPAM; `name` is netbox or embedded."""

    name: str

    async def allocate(self, request: AllocationRequest, *, again: bool) -> Allocation:
        """Allocate a prefix; with `again`, return the one that this operation has got already, if any.

        Raises RegistryError.
        """
        ...

    async def find(self, operation: str) -> Allocation | None:
        """Return what an operation has got, None when it got nothing; raises RegistryError."""
        ...

    async def mark(self, allocation: Allocation, status: str) -> None:
        """Give a prefix the status reserved, active or deprecated; raises RegistryError."""
        ...

    async def release(self, allocation: Allocation) -> bool:
        """Give a prefix back; False when it is there no more. Raises RegistryError, also when it is somebody else's now."""
        ...

    async def held(self) -> Sequence[Allocation]:
        """Return every prefix that it holds for us; raises RegistryError."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


class Verdict(StrEnum):
    """How RADIUS took a request."""

    ACK = "ack"
    NAK = "nak"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A CoA or Disconnect about one session; the prefix is for CoA alone. `nas_ip` is an IPv4 or IPv6 address."""

    username: str | None
    nas_ip: str | None
    network: int | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAnswer:
    """The answer: `cause` is the Error-Cause by name, `text` the whole in words, `took` seconds."""

    verdict: Verdict
    server: str
    text: str
    took: float
    cause: str | None = None


class InvalidSession(Exception):
    """A request that RADIUS could never understand, refused before anything was sent; `next` says what to do."""

    def __init__(self, detail: str, *, next: str) -> None:  # noqa: A002 - the word of the problem document
        super().__init__(detail)
        self.detail = detail
        self.next = next


class SessionControl(Protocol):
    """RADIUS dynamic authorization (RFC 5176)."""

    async def change(self, request: SessionRequest) -> SessionAnswer:
        """Send a CoA-Request; silence is an answer too. Raises InvalidSession."""
        ...

    async def disconnect(self, request: SessionRequest) -> SessionAnswer:
        """Send a Disconnect-Request; silence is an answer too. Raises InvalidSession."""
        ...
