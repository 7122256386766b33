"""Subscribers, bindings and what waits for other systems, for the console's tests."""

from __future__ import annotations

from dataclasses import replace

from ipv6console.wire.space import BindingRow
from ipv6console.wire.state import SpaceState, State
from ipv6console.wire.status import Level, Stamp
from ipv6console.wire.subscriber import LifecycleStep, OutboxRow, SubscriberRow
from tests.console import scene
from tests.console.scene import NOW, ScriptedSource


def subscriber(number: int, state: str = "active", ago: float = 90_000.0, **changes: object) -> SubscriberRow:
    held = state in {"allocated", "active", "suspended", "revoking"}
    row = SubscriberRow(
        tenant="acme",
        subscriber_id=f"cust-{number:04d}",
        assignment_mode="pd",
        prefix_size=56,
        state=state,
        since=NOW - ago,
        prefix=f"2001:db8:{0x4000 + number:x}:100::/56" if held else None,
        registry="netbox" if held else None,
        netbox_prefix_id=4_000 + number if held else None,
        username=f"cust{number}@isp.example" if state in {"active", "suspended"} else None,
        nas_ip="2001:db8:ffff::1" if state in {"active", "suspended"} else None,
        ipam="ok" if held else "none",
        radius="ok" if state in {"active", "suspended"} else "none",
        pending=0,
        stuck=False,
        text="",
        created_at=NOW - ago - 60,
        allocated_at=NOW - ago if held else None,
        activated_at=NOW - ago if state in {"active", "suspended"} else None,
        suspended_at=NOW - ago if state == "suspended" else None,
        revoked_at=NOW - ago if state == "revoked" else None,
    )
    return replace(row, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def subscribers() -> list[SubscriberRow]:
    """One in every state, some of which need an eye."""
    return [
        subscriber(1),
        subscriber(2, "pending", 42, ipam="pending", pending=1, text="netbox: 503 Service Unavailable, tried 4 times"),
        subscriber(3, "allocated", 100_000, stuck=True, text="allocated for longer than a day and never activated"),
        subscriber(4, "allocated", 95, radius="refused", text="CoA-NAK: Session-Context-Not-Found (503)"),
        subscriber(5, "suspended", 7_200),
        subscriber(6, "revoking", 31, radius="silent", pending=2, text="no answer of 192.0.2.9 to Disconnect"),
        subscriber(7, "revoked", 400_000, ipam="held", text="was revoked without giving the prefix back"),
        subscriber(8, "failed", 900, ipam="refused", text="no parent has a /56 left", tenant="borealis"),
        subscriber(9, "pending", 300_000, tenant="borealis"),
        *(subscriber(number, ago=86_400 * number) for number in range(10, 24)),
    ]


def binding(number: int, **changes: object) -> BindingRow:
    row = BindingRow(
        space="edge",
        address=f"2001:db8:5::{number:x}",
        instance=f"rack{number % 3 + 1}",
        id=f"nic{number}",
        kind="mac",
        resource=f"02:00:5e:10:00:{number:02x}",
        tags=("blue",) if number % 2 else (),
        metadata={"owner": "ops"},
        actor="unix pid 812 uid 0",
        allocated_at=NOW - 3_700 * number,
        expires_at=None,
    )
    return replace(row, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def bindings() -> list[BindingRow]:
    return [
        binding(0x10),
        binding(0x17, kind="pod", resource="shop/cart-7f9c", tags=("blue", "canary"), expires_at=NOW + 1_500),
        binding(0x18, space="office", address="192.0.2.24", kind="vm", resource="mail-2"),
        *(binding(number) for number in range(0x20, 0x2C)),
    ]


def step(row: SubscriberRow, what: str, state: str = "pending", **changes: object) -> OutboxRow:
    found = OutboxRow(
        id=f"{what}-{row.subscriber_id}",
        tenant=row.tenant,
        subscriber_id=row.subscriber_id,
        step=what,
        state=state,
        attempts=4,
        created_at=NOW - 42,
        next_at=NOW + 7,
        changed_at=NOW - 1,
        actor="unix pid 812 uid 0",
        answer="netbox: 503 Service Unavailable",
        reason=None,
    )
    return replace(found, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def steps(row: SubscriberRow) -> list[OutboxRow]:
    """What other systems were asked to do for a subscriber."""
    done = step(
        row,
        "allocate",
        "done",
        attempts=1,
        created_at=row.created_at,
        changed_at=row.created_at + 1,
        answer="201 Created",
    )
    match row.state:
        case "pending" if row.pending:
            return [step(row, "allocate")]
        case "revoking":
            silent = step(row, "disconnect", attempts=3, answer="no answer of 192.0.2.9 within 2 s")
            return [silent, step(row, "release", attempts=0, next_at=NOW, answer=None), done]
        case "active":
            told = "CoA-ACK of 192.0.2.9"
            return [
                step(row, "coa", "done", attempts=1, created_at=row.since - 2, changed_at=row.since, answer=told),
                done,
            ]
        case "allocated" | "suspended":
            return [done]
        case _:
            return []


def life(row: SubscriberRow) -> tuple[LifecycleStep, ...]:
    """What became of a subscriber's prefix, the newest first."""
    actor = "unix pid 812 uid 0"
    begun = LifecycleStep(
        at=row.since - 60, before="pending", after="pending", prefix=None, actor=actor, text="allocation asked for"
    )
    got = LifecycleStep(
        at=row.since - 58, before="pending", after="allocated", prefix=row.prefix, actor="netbox",
        text=f"netbox #{row.netbox_prefix_id}",
    )  # fmt: skip
    now = LifecycleStep(at=row.since, before="allocated", after=row.state, prefix=None, actor=actor, text=row.text)
    match row.state:
        case "pending":
            return (begun,) if row.pending else ()
        case "allocated":
            return (got, begun)
        case _:
            return (now, got, begun)


def space(**changes: object) -> SpaceState:
    """Counts as of a network at work: its IPAM stumbles."""
    rows = subscribers()
    told = SpaceState(
        stamp=Stamp(NOW, "engine"),
        revision=7,
        spaces=2,
        bindings=len(bindings()),
        delegations=0,
        resting=3,
        subscribers=len(rows),
        states={
            name: sum(row.state == name for row in rows)
            for name in ("pending", "allocated", "active", "suspended", "revoking", "revoked", "failed")
        },
        pending=3,
        pending_since=NOW - 42,
        stuck=1,
        leaks=1,
        registry="netbox",
        ipam=Level.WARN,
        ipam_text="503 Service Unavailable for 42 s",
        radius=Level.OK,
        radius_text="192.0.2.9 answered 31 s ago",
    )
    return replace(told, **changes)  # type: ignore[arg-type] # the tests name fields of the document


def state(**changes: object) -> State:
    """A calm pool, beside it subscribers and bindings."""
    return replace(scene.calm(), space=space(**changes))


def vacant(**changes: object) -> SpaceState:
    """Nothing is bound, nobody has a prefix."""
    nothing = dict.fromkeys(space().states, 0)
    empty = space(
        spaces=0, bindings=0, resting=0, subscribers=0, states=nothing, pending=0, pending_since=None, stuck=0, leaks=0,
        registry="embedded", ipam=Level.OK, ipam_text="2 spaces", radius=Level.OFF, radius_text="not configured",
    )  # fmt: skip
    return replace(empty, **changes)  # type: ignore[arg-type] # the tests name fields of the document


def people(source: ScriptedSource) -> None:
    """Lay out who is there, what became of them, and what is bound."""
    source.people, source.bound = subscribers(), bindings()
    source.steps = {row.subscriber_id: steps(row) for row in source.people}
    source.lives = {row.subscriber_id: life(row) for row in source.people}
