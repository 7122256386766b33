"""Example answers of the endpoints for address spaces, made of the very documents the engine answers with."""

from __future__ import annotations

from ipv6console.api.example import NOW
from ipv6console.wire.space import (
    BindingChange,
    BindingHistory,
    BindingPage,
    BindingReleased,
    BindingReply,
    BindingRow,
    BindingsReply,
    RangePage,
    RangeRow,
    ReservationPage,
    ReservationRow,
    SpacePage,
    SpaceRow,
)

SPACE = "edge"
ADDR = "2001:db8:5::9a1c:44e0:7b2d:5f03"
_ACTOR = "unix pid 4021 uid 1000 ipv6console"

SPACE_ROW = SpaceRow(
    name=SPACE,
    tenant="",
    choice="random",
    quarantine=3_600.0,
    description="Machines of the edge racks",
    created_at=NOW,
    ranges=2,
    total=(1 << 64) + 256,
    allocated=1,
    reserved=3,
    resting=0,
    available=(1 << 64) + 252,
    bindings=1,
    delegations=0,
)
SPACES = SpacePage(spaces=(SPACE_ROW,))
RANGE_ROW = RangeRow(
    id=4,
    space=SPACE,
    family=6,
    first="2001:db8:5::",
    last="2001:db8:5:0:ffff:ffff:ffff:ffff",
    cidr="2001:db8:5::/64",
    description="",
    created_at=NOW,
    total=1 << 64,
    allocated=1,
    reserved=1,
)
RANGES = RangePage(
    ranges=(
        RangeRow(
            id=5,
            space=SPACE,
            family=4,
            first="192.0.2.0",
            last="192.0.2.255",
            cidr="192.0.2.0/24",
            description="",
            created_at=NOW,
            total=256,
            allocated=0,
            reserved=2,
        ),
        RANGE_ROW,
    )
)
RESERVATION_ROW = ReservationRow(
    id=7,
    space=SPACE,
    family=6,
    first="2001:db8:5::1",
    last="2001:db8:5::1",
    cidr="2001:db8:5::1/128",
    reason="gateway",
    actor=_ACTOR,
    at=NOW,
)
RESERVATIONS = ReservationPage(reservations=(RESERVATION_ROW,))
BINDING_ROW = BindingRow(
    space=SPACE,
    address=ADDR,
    instance="rack1",
    id="nic0",
    kind="mac",
    resource="02:00:5e:10:00:17",
    tags=("blue", "rack1"),
    metadata={"owner": "network"},
    actor=_ACTOR,
    allocated_at=NOW,
    expires_at=None,
)
BOUND = BindingReply(binding=BINDING_ROW, created=True)
BOUND_BEFORE = BindingReply(binding=BINDING_ROW, created=False)
BOUND_ALL = BindingsReply(bindings=(BOUND,))
BINDINGS = BindingPage(bindings=(BINDING_ROW,), total=1, next=None)
RELEASED = BindingReleased(count=1, sample=(BINDING_ROW,))
HISTORY = BindingHistory(
    changes=(BindingChange(binding=BINDING_ROW, ended_at=NOW + 86_400.0, reason="released", ended_by=_ACTOR),)
)
