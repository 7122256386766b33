"""What is a leak, what is none, and which of them a repair may mend."""

from __future__ import annotations

from typing import Any

import pytest

from ipv6console.ipam.change import IntentRecorded, SubscriberRecorded
from ipv6console.ipam.leaks import Held, Kind, Leak, Repair, Seen, Store, find_leaks, of_both
from ipv6console.ipam.lifecycle import State, unused

NETWORK = 0x20010DB8 << 96
SIZE = 1 << 72
AREA = [(NETWORK, NETWORK + (1 << 96) - 1)]


def place(number: int) -> int:
    return NETWORK + number * SIZE


def row(name: str, number: int | None, state: State = State.ACTIVE, **fields: Any) -> SubscriberRecorded:
    """Return a subscriber with the /56 of this number, which is also its number in the IPAM."""
    known: dict[str, Any] = {"ipv6_state": state.value, "operation": f"op-{name}", "registry": "netbox"}
    if number is not None:
        known |= {"network": place(number), "length": 56, "ipv6_netbox_prefix_id": number}
    return unused("acme", name, "pd", 56, 0.0)._replace(**(known | fields))


def held(name: str, number: int, **fields: Any) -> Held:
    return Held("netbox", number, place(number), 56, f"op-{name}", "acme", name)._replace(**fields)


def step(name: str, kind: str, number: str, payload: str = "{}") -> IntentRecorded:
    return IntentRecorded(
        number, "acme", name, 0, kind, "pending", payload, 0, 0.0, 0.0, 0.0, "tests", answer=None, reason=None
    )


def found(
    rows: list[SubscriberRecorded],
    allocations: list[Held],
    *steps: IntentRecorded,
    seen: list[Seen] | None = None,
) -> list[tuple[Kind, str | None, Repair | None]]:
    leaks = find_leaks(Store(rows, steps), {"netbox": allocations}, seen or [], AREA)
    assert len({leak.id for leak in leaks}) == len(leaks)
    return [(leak.kind, leak.subscriber, leak.repair) for leak in leaks]


@pytest.mark.parametrize("state", [State.ALLOCATED, State.ACTIVE, State.SUSPENDED, State.REVOKING])
def test_what_everybody_agrees_on_is_no_leak(state: State) -> None:
    seen = [Seen(place(1), 56, "kernel", "routed"), Seen(place(1), 64, "dhcpv6", "leased to a host in it")]
    assert found([row("a", 1, state), row("b", None)], [held("a", 1)], seen=seen) == []


def test_what_an_ipam_holds_and_nobody_here_is_released() -> None:
    assert found([row("a", 1)], [held("a", 1), held("b", 2)]) == [(Kind.UNKNOWN, "b", Repair.RELEASE)]


def test_what_somebody_uses_or_made_by_hand_is_for_a_person_to_decide() -> None:
    used = [Seen(place(2), 56, "kernel", "routed via fe80::1 on lan0")]
    assert found([], [held("b", 2)], seen=used) == [(Kind.UNKNOWN, "b", None)]
    assert found([], [held("b", 2, operation=None)]) == [(Kind.UNKNOWN, "b", None)]


def test_a_route_for_a_whole_area_or_more_is_nobodys_use_of_a_part_of_it() -> None:
    whole = [
        Seen(NETWORK, 32, "kernel", "a route that is unreachable"),
        Seen(NETWORK >> 100 << 100, 28, "kernel", "routed via fe80::1 on up0"),
    ]
    assert found([], [held("b", 2)], seen=whole) == [(Kind.UNKNOWN, "b", Repair.RELEASE)]
    assert found([row("a", 1, State.REVOKED)], [held("a", 1)], seen=whole) == [(Kind.KEPT, "a", Repair.REVOKE)]


@pytest.mark.parametrize(
    "pending",
    [step("b", "allocate", "op-b"), step("b", "release", "op-9", '{"undo": "op-b"}')],
    ids=["allocated", "undone"],
)
def test_what_is_being_allocated_or_undone_is_no_leak(pending: IntentRecorded) -> None:
    assert found([row("b", None, State.PENDING)], [held("b", 2)], pending) == []


@pytest.mark.parametrize("state", [State.REVOKED, State.FAILED])
def test_what_was_revoked_and_is_still_held_is_released_for_its_subscriber(state: State) -> None:
    assert found([row("a", 1, state)], [held("a", 1)]) == [(Kind.KEPT, "a", Repair.REVOKE)]
    assert found([row("a", 1, state)], [held("a", 1)], step("a", "release", "op-r")) == []
    used = [Seen(place(1), 56, "dhcpv6", "leased to 00:01")]
    assert found([row("a", 1, state)], [held("a", 1)], seen=used) == [(Kind.KEPT, "a", None)]


def test_what_the_ipam_has_lost_is_forgotten_only_when_nobody_uses_it() -> None:
    assert found([row("a", 1, State.REVOKED)], []) == [(Kind.MISSING, "a", Repair.FORGET)]
    assert found([row("a", 1, State.ACTIVE)], []) == [(Kind.MISSING, "a", None)]
    assert found([row("a", 1, State.REVOKING)], [], step("a", "release", "op-r")) == []


def test_a_number_that_means_another_prefix_or_subscriber_has_another_owner() -> None:
    assert found([row("a", 1)], [held("a", 1, network=place(7))]) == [(Kind.OWNER, "a", None)]
    assert found([row("a", 1)], [held("z", 1)]) == [(Kind.OWNER, "a", None)]
    # Somebody edited what is written about it, and the operation is still ours.
    assert found([row("a", 1)], [held("z", 1, operation="op-a")]) == []
    # Somebody made it anew.
    assert [kind for kind, *_ in found([row("a", 1)], [held("a", 9, network=place(1), operation=None)])] == [
        Kind.DUPLICATE,
        Kind.OWNER,
    ]


def test_a_second_holding_of_a_prefix_is_released_when_nobody_here_has_its_number() -> None:
    twin = held("b", 9, network=place(1))
    assert found([row("a", 1)], [held("a", 1), twin]) == [(Kind.DUPLICATE, "b", Repair.RELEASE)]
    by_hand = twin._replace(operation=None)
    assert found([row("a", 1)], [held("a", 1), by_hand]) == [(Kind.DUPLICATE, "b", None)]
    inside = held("b", 9, network=place(1), length=64)
    assert found([row("a", 1)], [held("a", 1), inside]) == [(Kind.DUPLICATE, "b", Repair.RELEASE)]


def test_two_subscribers_with_one_prefix_are_told_once_and_for_a_person() -> None:
    twice = [row("a", 1), row("b", 2, network=place(1))]
    allocations = [held("a", 1), held("b", 2, network=place(1))]
    assert found(twice, allocations) == [(Kind.DUPLICATE, "a", None)]


def test_what_is_routed_or_leased_and_nobody_has_it_is_told_within_the_areas() -> None:
    seen = [
        Seen(place(5), 56, "kernel", "routed via fe80::1 on lan0"),
        Seen(NETWORK, 32, "kernel", "a route that is unreachable"),
        Seen(0x20010DB9 << 96, 56, "kernel", "routed elsewhere"),
        Seen(place(1), 60, "dhcpv6", "a part of what a subscriber has"),
    ]
    leaks = find_leaks(Store([row("a", 1)], []), {"netbox": [held("a", 1)]}, seen, AREA)
    assert [(leak.kind, leak.prefix, leak.repair) for leak in leaks] == [(Kind.FOREIGN, "2001:db8:0:500::/56", None)]
    assert find_leaks(Store([], []), {}, seen, ()) == []


def test_an_ipam_that_could_not_be_asked_makes_no_leaks() -> None:
    assert find_leaks(Store([row("a", 1)], []), {}) == []
    assert find_leaks(Store([row("a", 1, registry="embedded")], []), {"netbox": []}) == []


def test_what_came_or_went_while_the_others_were_asked_is_no_leak() -> None:
    before, after = Store([row("a", 1)], []), Store([row("a", None, State.REVOKED), row("b", 2)], [])
    asked = {"netbox": [held("a", 1), held("b", 2), held("c", 3)]}
    leaks = of_both(find_leaks(before, asked), find_leaks(after, asked))
    assert [leak.subscriber for leak in leaks] == ["c"]


def test_a_leak_keeps_its_name_as_long_as_it_is_there() -> None:
    [first] = find_leaks(Store([], []), {"netbox": [held("b", 2)]})
    [later] = find_leaks(Store([row("a", 1)], []), {"netbox": [held("b", 2), held("a", 1)]})
    assert isinstance(first, Leak)
    assert first.id == later.id


def test_many_are_compared_without_looking_at_each_pair() -> None:
    count = 20_000
    rows = [row(f"s{number}", number) for number in range(count)]
    allocations = [held(f"s{number}", number) for number in range(count)]
    seen = [Seen(place(number), 56, "kernel", "routed") for number in range(count)]
    assert found(rows, allocations, seen=seen) == []
