"""The queue that every host reads for itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipv6console.pool.spare import Spare

HOSTS = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["push", "discard", "take", "park", "unpark"]),
        st.integers(0, 5),
        st.sets(st.sampled_from(HOSTS)),
        st.sampled_from(HOSTS),
    ),
    max_size=400,
)


@given(steps=STEPS)
def test_a_host_gets_the_row_released_longest_ago_that_it_does_not_refuse(
    steps: list[tuple[str, int, set[str], str]],
) -> None:
    spare = Spare()
    order: dict[int, set[str]] = {}
    parked: dict[int, set[str]] = {}
    for act, row, refusing, host in steps:
        if act == "push":
            parked.pop(row, None)
            order.pop(row, None)
            order[row] = refusing
            spare.push(row)
        elif act == "discard":
            order.pop(row, None)
            parked.pop(row, None)
            spare.discard(row)
        elif act == "park" and row in order:
            parked[row] = order.pop(row)
            spare.park(row)
        elif act == "unpark":
            if row in parked:
                order[row] = parked.pop(row)
            spare.unpark(row)
        else:
            wanted = next((r for r, hosts in order.items() if host not in hosts), None)
            found = spare.first(host, lambda r: host in order[r])  # noqa: B023 - called at once
            assert found == wanted
        assert (row in spare) == (row in order or row in parked)


def test_a_host_does_not_look_again_at_what_it_has_passed_over() -> None:
    spare, looks = Spare(), []
    for row in range(1_000):
        spare.push(row)

    def refused(row: int) -> bool:
        looks.append(row)
        return row < 999

    for _ in range(50):
        assert spare.first("a", refused) == 999
    assert len(looks) == 1_049


def test_places_that_were_left_do_not_pile_up() -> None:
    spare = Spare()
    for turn in range(100_000):
        spare.push(turn % 10)
        spare.first(f"host{turn}", lambda row: row < 5)
    assert len(spare._log) < 200
    assert len(spare._passed) < 200
