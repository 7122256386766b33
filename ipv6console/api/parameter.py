"""Parameters as they are written in a request, with their bounds."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, Field

from ipv6console.engine.leasing import LONGEST_WAIT
from ipv6console.wire.event import EventLevel

DEFAULT_MIRROR = "default"
MOST_ROWS = 1_000
MOST_ADDRESSES = 5_000

_MIRROR_NAME = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"
_ONE_LINE_OR_NONE = r"^[^\x00-\x1f\x7f]*$"
_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"


def _one_host(text: str) -> str:
    """Refuse what no host can lease; whether it is an address at all is the engine's to say."""
    if text[4:5] == ":" and text[0] in "23":
        # 2000::/3, as nearly all that is ever reported; the rest of it takes as long as the rest of the request.
        return text
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return text
    for kind in ("multicast", "link_local", "loopback", "unspecified"):
        if getattr(address, f"is_{kind}"):
            raise ValueError(f"{text} is a {kind.replace('_', '-')} address; the pool holds global ones only")
    return text


def _no_or_one_host(text: str | None) -> str | None:
    return None if text is None else _one_host(text)


MirrorName = Annotated[str, Field(pattern=_MIRROR_NAME, description="Name of a mirror.", examples=["task1"])]
TenantName = Annotated[str, Field(pattern=_MIRROR_NAME, description="Name of a tenant.", examples=["acme"])]
Text = Annotated[str, Field(max_length=200, pattern=_ONE_LINE, description="One line of text.")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, description="Seconds.", examples=[600.0])]
AddressText = Annotated[
    str,
    Field(min_length=1, max_length=200, description="An IPv6 address.", examples=["2001:db8:0:1::a1"]),
    AfterValidator(_one_host),
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
ForHost = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=_ONE_LINE,
        description="The host the address is for; one that only other hosts ban may be given then.",
        examples=["shop.example"],
    ),
]
Wait = Annotated[
    float | None,
    Query(
        ge=0,
        le=LONGEST_WAIT,
        allow_inf_nan=False,
        description="Seconds to wait one's turn when no address is idle, 0 to 300.",
        examples=[30.0],
    ),
]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description=f"At most so many, 1 to {MOST_ROWS}.", examples=[100])]
ManyAddresses = Annotated[
    int, Query(ge=1, le=MOST_ADDRESSES, description=f"At most so many, 1 to {MOST_ADDRESSES}.", examples=[100])
]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.", examples=["task1:41"])]
Since = Annotated[int, Query(ge=0, description="Events with an id above this.", examples=[40])]
Before = Annotated[
    int | None,
    Query(
        ge=0,
        description="The newest events with an id below this, instead of the oldest above `since`.",
        examples=[120],
    ),
]
AtLeast = Annotated[
    EventLevel | None, Query(description="Events at least so loud: info, warning, error.", examples=["warning"])
]
Kind = Annotated[str | None, Query(max_length=64, description="Events whose kind begins so.", examples=["prefix."])]
Subject = Annotated[str | None, Query(max_length=200, description="Events about this very object.", examples=["task1"])]
Actor = Annotated[
    str | None, Query(max_length=200, description="Events of those whose name has this in it.", examples=["uid 1000"])
]
Words = Annotated[
    str | None, Query(max_length=200, description="Events whose text has this in it.", examples=["renumber"])
]
From = Annotated[
    float | None,
    Query(
        alias="from",
        ge=0,
        allow_inf_nan=False,
        description="Events from this unix time on.",
        examples=[1_767_225_600.0],
    ),
]
Until = Annotated[
    float | None,
    Query(ge=0, allow_inf_nan=False, description="Events before this unix time.", examples=[1_767_229_200.0]),
]
SomeSince = Annotated[int | None, Query(ge=0, description="Events with an id above this; only new ones without.")]
WatcherName = Annotated[
    str,
    Query(max_length=64, pattern=_ONE_LINE_OR_NONE, description="Who watches, for people.", examples=["op@edge1"]),
]
SomePrefix = Annotated[
    str | None, Query(max_length=64, description="A prefix; the best one without.", examples=["2001:db8:0:1::/64"])
]
OnePrefix = Annotated[str, Query(max_length=64, description="A prefix of the pool.", examples=["2001:db8:0:1::/64"])]
SomeChange = Annotated[
    int | None, Query(ge=0, description="Changes with a number above this.", examples=[1_767_225_600_000_412])
]
DbnamePath = Annotated[str, Path(pattern=_MIRROR_NAME, description="Name of the mirror.", examples=["task1"])]
Token = Annotated[
    str, Path(max_length=200, description="The lease's token, as pick gave it.", examples=["q3Zr8nV2tYwKp1sD"])
]
SomeAddress = Annotated[
    str | None,
    Query(min_length=1, max_length=200, description="One address; all without.", examples=["2001:db8:0:1::a1"]),
    AfterValidator(_no_or_one_host),
]
At = Annotated[
    float | None,
    Query(ge=0, allow_inf_nan=False, description="Leases that lived at this unix time.", examples=[1_767_225_600.0]),
]
Moment = Annotated[
    float | None,
    Query(ge=0, allow_inf_nan=False, description="Unix time; now without.", examples=[1_767_225_600.0]),
]
InPrefix = Annotated[
    str | None, Query(max_length=64, description="Addresses inside this prefix.", examples=["2001:db8:0:1::/64"])
]
InState = Annotated[
    Literal["idle", "using", "bad"] | None,
    Query(description="Addresses in this state in the mirror `dbname`.", examples=["bad"]),
]
TokenName = Annotated[str, Path(max_length=200, description="The token's name.", examples=["grafana"])]
