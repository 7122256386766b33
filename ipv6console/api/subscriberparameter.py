"""Parameters about subscribers as they are written in a request, with their bounds."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, Field

_ID = r"^[A-Za-z0-9_@:+-][A-Za-z0-9._@:+-]{0,127}$"
_TENANT = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"
_STEP = r"^[A-Za-z0-9._:-]{1,64}$"
_MOST_ID = 2**63 - 1

NETWORK_HINTS = {
    "subscriber_id": "Name the subscriber with 1 to 128 of A-Z a-z 0-9 . _ @ : + - and no dot in front.",
    "assignment_mode": "Use none, slaac, stateful, pd or dual_stack.",
    "prefix_size": "Give the prefix's length, 16 to 128: 56 for a home, 48 for a site.",
    "netbox_pool_id": "Give the number of a prefix in NetBox, or leave it out.",
    "nas_ip": "Give the address of one NAS, IPv4 or IPv6.",
    "username": "Give the session's User-Name, 1 to 253 characters on one line.",
    "state": "Use one of the states that /docs names for it.",
    "text": "Give at most 200 characters of an id, a user name or a prefix.",
    "step": "Give the id of a step as GET /api/v1/network/outbox has it.",
    "reason": "Say why in one line of at most 200 characters.",
}
"""What helps whose request about subscribers does not fit, by the field that does not."""


def _one_nas(text: str) -> str:
    """Refuse what no NAS can have; returns it in its shortest form."""
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address") from None
    if address.is_multicast or address.is_unspecified or (isinstance(address, IPv6Address) and address.scope_id):
        raise ValueError(f"{text} is no address of one NAS")
    return str(address)


SubscriberId = Annotated[
    str,
    Field(pattern=_ID, description="The subscriber's id: 1 to 128 of A-Z a-z 0-9 . _ @ : + -", examples=["sub-1041"]),
]
PrefixSize = Annotated[int, Field(ge=16, le=128, description="The prefix's length, 16 to 128.", examples=[56])]
Number = Annotated[int, Field(ge=1, le=_MOST_ID)]
Username = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="The session's User-Name (RFC 2865 5.1).",
        examples=["sub-1041@isp.example"],
    ),
]
NasAddress = Annotated[
    str,
    Field(max_length=64, description="The NAS, IPv4 or IPv6.", examples=["2001:db8:ffff::1"]),
    AfterValidator(_one_nas),
]

SubscriberPath = Annotated[str, Path(pattern=_ID, description="The subscriber's id.", examples=["sub-1041"])]
StepPath = Annotated[
    str, Path(pattern=_STEP, description="The step's id, as GET /api/v1/network/outbox has it.", examples=["op-7f21c9"])
]
OfTenant = Annotated[
    str | None,
    Query(
        pattern=_TENANT,
        description="Whose subscriber, default without; a token that was made for a tenant needs none.",
        examples=["acme"],
    ),
]
SomeTenant = Annotated[
    str | None,
    Query(
        pattern=_TENANT,
        description="One tenant; all of them without. A token that was made for a tenant sees that one alone.",
        examples=["acme"],
    ),
]
InLifecycle = Annotated[
    Literal["pending", "allocated", "active", "suspended", "revoking", "revoked", "failed"] | None,
    Query(description="Subscribers whose prefix is in this state.", examples=["active"]),
]
AboutSubscriber = Annotated[
    str | None,
    Query(
        max_length=200,
        description="Subscribers with this in the id, user name or prefix.",
        examples=["2001:db8:0:100::/56"],
    ),
]
OfSubscriber = Annotated[
    str | None, Query(pattern=_ID, description="Only steps of this subscriber.", examples=["sub-1041"])
]

InOutbox = Annotated[
    Literal["pending", "done", "refused", "cancelled"] | None,
    Query(description="Steps in this state.", examples=["pending"]),
]
