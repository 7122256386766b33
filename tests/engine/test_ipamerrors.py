"""What an address space refuses reaches callers under its own name."""

from __future__ import annotations

import pytest

from ipv6console.engine.errors import InvalidRequest, NotFound, Refusal
from ipv6console.engine.ipamerrors import refusing
from ipv6console.ipam import errors


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        (errors.InvalidAddress, "invalid-address", 422),
        (errors.InvalidRange, "invalid-range", 422),
        (errors.InvalidSubnet, "invalid-subnet", 422),
        (errors.InvalidName, "invalid-name", 422),
        (errors.NotFound, "not-found", 404),
        (errors.BindingNotFound, "binding-not-found", 404),
        (errors.NotAvailable, "not-available", 409),
        (errors.AlreadyAllocated, "already-allocated", 409),
        (errors.PoolFull, "pool-full", 409),
        (errors.InUse, "in-use", 409),
        (errors.IllegalTransition, "illegal-transition", 409),
    ],
)
def test_each_error_is_a_refusal_of_its_name(kind: type[errors.IpamError], name: str, status: int) -> None:
    with pytest.raises(Refusal) as caught, refusing():
        raise kind("it is so", next="do that")
    refusal = caught.value
    assert (refusal.type, refusal.status, refusal.detail, refusal.next) == (name, status, "it is so", "do that")
    assert refusal.title
    assert isinstance(refusal, {422: InvalidRequest, 404: NotFound, 409: Refusal}[status])
