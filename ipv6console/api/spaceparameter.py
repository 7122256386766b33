"""Parameters of the endpoints for address spaces, with their bounds; what a name may be the engine says."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

SPACE_PARTS = ("spaces", "ranges", "reservations", "bindings")
"""The first parts of the paths of these endpoints."""

SPACE_HINTS = {
    "name": "Name the space with 1 to 64 of A-Z a-z 0-9 . _ - and no dot in front.",
    "choice": "Use random or first.",
    "quarantine": "Give the seconds an address rests after its release, 0 for not at all.",
    "space": "Name a space that GET /spaces lists.",
    "range": "Give a CIDR, FIRST-LAST or one address.",
    "number": "Give the number that the list shows.",
    "instance": "Name the instance with 1 to 253 characters.",
    "id": "Name the binding within its instance, with 1 to 253 characters.",
    "family": "Use 4 or 6, or leave it out.",
    "ttl": "Give the seconds the binding lasts, from 1, or leave it out.",
    "metadata": "Give texts by their names.",
    "tags": "Give a list of words.",
    "address": "Give an IPv6 or IPv4 address.",
    "cursor": "Give the `next` of the page before.",
    "bindings": "Give 1 to 1,000 bindings; the example of POST /bindings/bulk in /docs shows their shape.",
}
"""What helps whose request about spaces does not fit, by the field that does not."""

SpaceName = Annotated[str, Path(max_length=200, description="Name of the space.", examples=["edge"])]
Number = Annotated[int, Path(ge=1, description="Its number, as the list shows it.", examples=[4])]
AddressPath = Annotated[
    str, Path(max_length=200, description="An IPv6 or IPv4 address.", examples=["2001:db8:5::17", "192.0.2.17"])
]
OneSpace = Annotated[str, Query(max_length=200, description="The space.", examples=["edge"])]
SomeSpace = Annotated[str | None, Query(max_length=200, description="One space; all without.", examples=["edge"])]
OneInstance = Annotated[str, Query(max_length=200, description="The instance.", examples=["rack1"])]
SomeInstance = Annotated[
    str | None, Query(max_length=200, description="Bindings of this instance.", examples=["rack1"])
]
OneId = Annotated[str, Query(max_length=300, description="The id within the instance.", examples=["nic0"])]
SomeId = Annotated[str | None, Query(max_length=300, description="Bindings with this id.", examples=["nic0"])]
SomeKind = Annotated[
    str | None,
    Query(max_length=200, description="Bindings of this kind: mac, vm, container, pod, custom:WORD.", examples=["mac"]),
]
SomeResource = Annotated[
    str | None,
    Query(max_length=300, description="Bindings of this resource.", examples=["02:00:5e:10:00:17"]),
]
SomeAddresses = Annotated[
    str | None,
    Query(max_length=200, description="Bindings of this address, or within this CIDR.", examples=["2001:db8:5::/64"]),
]
OneOfTheAddresses = Annotated[
    str | None, Query(max_length=200, description="Bindings of this address.", examples=["2001:db8:5::17"])
]
SomeTag = Annotated[str | None, Query(max_length=200, description="Bindings with this tag.", examples=["blue"])]
SomeText = Annotated[
    str | None,
    Query(
        max_length=200,
        description="Bindings with this in their address, instance, id, resource or a tag.",
        examples=["nic"],
    ),
]
