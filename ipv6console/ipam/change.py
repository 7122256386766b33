"""Changes: what was decided about spaces, subscribers and their outbox, as rows to commit.

Times are unix seconds. Addresses and networks are integers of their `family`, 4 or 6. Identifiers are small integers that
the space or the desk hands out. Every class is one row, its fields in the order of the table's columns.
"""

from __future__ import annotations

from typing import NamedTuple


class SpaceRecorded(NamedTuple):
    """A space was made or changed; replaces the row with the same id.

    `choice` is random or first; `quarantine` the seconds an address rests after its release. `tenant` is whose it is,
    "" when it is everybody's.
    """

    id: int
    name: str
    tenant: str
    choice: str
    quarantine: float
    description: str
    created_at: float


class SpaceRemoved(NamedTuple):
    """A space and its ranges, reservations and resting addresses are no more; it had no bindings."""

    id: int


class RangeRecorded(NamedTuple):
    """A range was added to a space: every address from `first` to `last`, both included."""

    id: int
    space_id: int
    family: int
    first: int
    last: int
    description: str
    created_at: float


class RangeRemoved(NamedTuple):
    """A range left its space."""

    id: int


class ReservationRecorded(NamedTuple):
    """Addresses from `first` to `last` are never to be handed out."""

    id: int
    space_id: int
    family: int
    first: int
    last: int
    reason: str
    actor: str
    at: float


class ReservationRemoved(NamedTuple):
    """A reservation is no more."""

    id: int


class BindingRecorded(NamedTuple):
    """An address is bound to a resource; replaces the row with the same id.

    `key` is the id within the `instance`; `kind` is mac, vm, container, pod or custom:WORD. `tags` is a JSON list of
    words, `metadata` a JSON object of texts. `expires_at` is None when it lasts until it is released.
    """

    id: int
    space_id: int
    family: int
    address: int
    instance: str
    key: str
    kind: str
    resource: str
    tags: str
    metadata: str
    actor: str
    allocated_at: float
    expires_at: float | None


class BindingEnded(NamedTuple):
    """A binding is no more; its address rests until `rests_until`, or not at all (None).

    `reason` is released, expired or instance. The row of the binding goes to the history as it was.
    """

    id: int
    space_id: int
    family: int
    address: int
    ended_at: float
    reason: str
    actor: str
    rests_until: float | None


class RestEnded(NamedTuple):
    """A resting address may be handed out again."""

    space_id: int
    family: int
    address: int


class DelegationRecorded(NamedTuple):
    """A prefix was cut out of a space's ranges for a subscriber, by the operation that asked for it."""

    id: int
    space_id: int
    range_id: int
    network: int
    length: int
    operation: str
    tenant: str
    subscriber: str
    status: str
    at: float


class DelegationRemoved(NamedTuple):
    """A prefix is back in its space."""

    id: int


class SubscriberRecorded(NamedTuple):
    """A subscriber's profile and where its prefix stands; replaces the row with the same tenant and id.

    `mode` is none, slaac, stateful, pd or dual_stack; `state` one of `lifecycle.State`. `network` and `length` are the
    prefix it holds, `registry` which IPAM gave it (netbox or embedded), `registry_id` its number there, `parent` that
    of what it was cut from, `operation` the one that asked for it. `session` is the user name and NAS it was activated
    with. `coa` and `disconnect` tell how RADIUS answered last, `failure` why it failed. Times are of the last time
    the state was entered, None when it never was since the last allocation began.
    """

    tenant: str
    id: str
    mode: str
    prefix_size: int
    ipv6_state: str
    network: int | None
    length: int | None
    registry: str | None
    ipv6_netbox_prefix_id: int | None
    parent: int | None
    operation: str | None
    username: str | None
    nas_ip: str | None
    coa: str | None
    disconnect: str | None
    failure: str | None
    created_at: float
    changed_at: float
    ipv6_pending_at: float | None
    ipv6_allocated_at: float | None
    ipv6_activated_at: float | None
    ipv6_suspended_at: float | None
    ipv6_revoking_at: float | None
    ipv6_revoked_at: float | None
    ipv6_failed_at: float | None


class SubscriberRemoved(NamedTuple):
    """A subscriber is no more, its history with it."""

    tenant: str
    id: str


class TransitionRecorded(NamedTuple):
    """A subscriber's prefix went from one state to another, or an external step of it was answered (before = after)."""

    tenant: str
    subscriber: str
    at: float
    before: str
    after: str
    prefix: str | None
    actor: str
    text: str


class IntentRecorded(NamedTuple):
    """A step another system has to take; replaces the row with the same id, which is also the operation's id there.

    `step` is allocate, coa, disconnect, release or mark; `state` is pending, done, refused or cancelled; `place` orders the steps of
    one subscriber; `payload` is JSON, what the step needs that the subscriber's row does not say. `next_at` is when it
    is tried again.
    """

    id: str
    tenant: str
    subscriber: str
    place: int
    step: str
    state: str
    payload: str
    attempts: int
    created_at: float
    next_at: float
    changed_at: float
    actor: str
    answer: str | None
    reason: str | None


class IntentsForgotten(NamedTuple):
    """Steps that ended before a moment (unix seconds) are no more."""

    before: float


Change = (
    SpaceRecorded
    | SpaceRemoved
    | RangeRecorded
    | RangeRemoved
    | ReservationRecorded
    | ReservationRemoved
    | BindingRecorded
    | BindingEnded
    | RestEnded
    | DelegationRecorded
    | DelegationRemoved
    | SubscriberRecorded
    | SubscriberRemoved
    | TransitionRecorded
    | IntentRecorded
    | IntentsForgotten
)


class RestRow(NamedTuple):
    """An address that rests after a release, in a snapshot."""

    space_id: int
    family: int
    address: int
    until: float


class PastBinding(NamedTuple):
    """A binding that ended, as it was, and how it ended (see BindingEnded)."""

    binding: BindingRecorded
    ended_at: float
    reason: str
    actor: str


class IntentPlace(NamedTuple):
    """Where in the ended intents to go on, towards those that ended earlier; those of one moment are told apart by id."""

    changed_at: float
    id: str


class SpaceSnapshot(NamedTuple):
    """Everything committed of spaces and subscribers but what has ended; rows ordered by id.

    Rests are ordered by space, family and the text of their address, subscribers by tenant and id. Intents are the
    pending ones.
    """

    spaces: tuple[SpaceRecorded, ...] = ()
    ranges: tuple[RangeRecorded, ...] = ()
    reservations: tuple[ReservationRecorded, ...] = ()
    bindings: tuple[BindingRecorded, ...] = ()
    rests: tuple[RestRow, ...] = ()
    delegations: tuple[DelegationRecorded, ...] = ()
    subscribers: tuple[SubscriberRecorded, ...] = ()
    intents: tuple[IntentRecorded, ...] = ()
