"""Parameters of the endpoints for address spaces, with their bounds; what a name may be the engine says."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

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
