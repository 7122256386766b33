"""Parameters as they are written in a request, with their bounds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

DEFAULT_MIRROR = "default"

_MIRROR_NAME = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"
_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"

MirrorName = Annotated[str, Field(pattern=_MIRROR_NAME, description="Name of a mirror.", examples=["task1"])]
Text = Annotated[str, Field(max_length=200, pattern=_ONE_LINE, description="One line of text.")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, description="Seconds.", examples=[600.0])]
AddressText = Annotated[
    str, Field(min_length=1, max_length=200, description="An IPv6 address.", examples=["2001:db8:0:1::a1"])
]

Dbname = Annotated[
    str, Query(pattern=_MIRROR_NAME, description="The mirror: one task's view of the pool.", examples=["task1"])
]
SomeDbname = Annotated[
    str | None, Query(pattern=_MIRROR_NAME, description="One mirror; all of it without.", examples=["task1"])
]
Num = Annotated[int, Query(ge=1, le=100, description="How many, 1 to 100.", examples=[5])]
Ttl = Annotated[
    float | None,
    Query(
        gt=0,
        allow_inf_nan=False,
        description="Seconds the lease lasts; such a lease needs its token to end.",
        examples=[600.0],
    ),
]
Holder = Annotated[
    str | None,
    Query(max_length=200, pattern=_ONE_LINE, description="Who holds the lease, for people.", examples=["crawler-7"]),
]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many, 1 to 1000.", examples=[100])]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.", examples=["task1:41"])]
Since = Annotated[int, Query(ge=0, description="Events with an id above this.", examples=[40])]
SomeSince = Annotated[int | None, Query(ge=0, description="Events with an id above this; only new ones without.")]
SomePrefix = Annotated[
    str | None, Query(max_length=64, description="A prefix; the best one without.", examples=["2001:db8:0:1::/64"])
]
DbnamePath = Annotated[str, Path(pattern=_MIRROR_NAME, description="Name of the mirror.", examples=["task1"])]
Token = Annotated[
    str, Path(max_length=200, description="The lease's token, as pick gave it.", examples=["q3Zr8nV2tYwKp1sD"])
]
