"""What an address space refuses, as refusals of the engine: each keeps its name as the type of its problem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ipv6console.engine.errors import InvalidRequest, NotFound, Refusal
from ipv6console.ipam import errors

_TITLES: dict[type[errors.IpamError], tuple[type[Refusal], str]] = {
    errors.InvalidAddress: (InvalidRequest, "That is no address it could be"),
    errors.InvalidRange: (InvalidRequest, "That is no range it could be"),
    errors.InvalidSubnet: (InvalidRequest, "That is no prefix it could be"),
    errors.InvalidName: (InvalidRequest, "That is no name it could have"),
    errors.Incomplete: (InvalidRequest, "Something is missing"),
    errors.NotFound: (NotFound, "There is no such thing"),
    errors.BindingNotFound: (NotFound, "There is no such binding"),
    errors.NotAvailable: (Refusal, "The address is not available"),
    errors.AlreadyAllocated: (Refusal, "It is bound already"),
    errors.PoolFull: (Refusal, "Nothing is left"),
    errors.InUse: (Refusal, "It is in use"),
    errors.IllegalTransition: (Refusal, "Its state does not allow that"),
}
_KINDS: dict[type[errors.IpamError], type[Refusal]] = {
    kind: type(kind.__name__, (base,), {"type": re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower(), "title": title})
    for kind, (base, title) in _TITLES.items()
}


def refusal_of(error: errors.IpamError) -> Refusal:
    """Return the refusal that tells callers of `error`: Invalid… is a 422, …NotFound a 404, all else a 409."""
    kind = next((_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS), Refusal)
    return kind(error.detail, next=error.next)


@contextmanager
def refusing() -> Iterator[None]:
    """Let what an address space refuses inside the block be a Refusal outside."""
    try:
        yield
    except errors.IpamError as error:
        raise refusal_of(error) from error
