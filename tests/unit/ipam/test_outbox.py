"""Steps for other systems: one after the other for a subscriber, and again until they are answered."""

from __future__ import annotations

from random import Random

from ipv6console.ipam.change import IntentRecorded
from ipv6console.ipam.outbox import Fate, Outbox, Step

A, B = ("acme", "a"), ("acme", "b")


def outbox(*steps: tuple[tuple[str, str], str, Step], retry_max: float = 300.0) -> Outbox:
    made = Outbox(retry_max, Random(1))
    for key, name, step in steps:
        made.add(key, name, step, "{}", actor="t", now=10.0)
    return made


def names(taken: list[tuple[IntentRecorded, bool]]) -> list[str]:
    return [step.id for step, _ in taken]


def test_one_step_of_each_subscriber_is_taken_at_a_time_in_order() -> None:
    box = outbox((A, "a1", Step.DISCONNECT), (A, "a2", Step.RELEASE), (B, "b1", Step.ALLOCATE))
    assert names(box.take(10.0, 16)) == ["a1", "b1"]
    assert box.take(10.0, 16) == []
    box.end("a1", Fate.DONE, 11.0, answer="ack")
    assert box.take(11.0, 16) == []
    box.let_go(A)
    assert names(box.take(11.0, 16)) == ["a2"]


def test_no_more_are_taken_than_asked_for_and_the_others_stay_due() -> None:
    box = outbox((A, "a1", Step.COA), (B, "b1", Step.COA))
    assert (names(box.take(10.0, 1)), names(box.take(10.0, 1))) == (["a1"], ["b1"])


def test_a_mark_waits_for_nothing_and_nothing_waits_for_it() -> None:
    box = outbox((A, "m", Step.MARK), (A, "r", Step.RELEASE))
    assert names(box.take(10.0, 16)) == ["m"]
    box.postpone("m", 10.0, "away", None)
    box.let_go(A)
    assert names(box.take(10.0, 16)) == ["r"]
    assert [row.id for row in box.awaited(A)] == ["r"]


def test_a_step_is_put_off_twice_as_long_each_time_up_to_the_most_with_jitter() -> None:
    waits: list[float] = []
    box = outbox((A, "a", Step.RELEASE), retry_max=60.0)
    for _ in range(9):
        row = box.postpone("a", 100.0, "away", None)
        waits.append(row.next_at - 100.0)
    for wait, plain in zip(waits, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True):
        assert plain * 0.8 <= wait <= min(plain * 1.2, 60.0)
    assert len({wait / 2**number for number, wait in enumerate(waits[:6])}) == 6
    assert box.postpone("a", 100.0, "429", 500.0).next_at == 600.0
    for _ in range(2_000):
        row = box.postpone("a", 100.0, "away", None)
    assert row.next_at <= 160.0


def test_the_worker_is_told_when_the_next_step_is_due() -> None:
    box = outbox((A, "a", Step.COA))
    assert box.wake_at() == 10.0
    box.take(10.0, 16)
    assert box.wake_at() is None
    row = box.postpone("a", 10.0, "away", None)
    box.let_go(A)
    assert box.wake_at() == row.next_at
    assert box.take(row.next_at - 0.1, 16) == []
    box.hasten("a", 10.5)
    assert names(box.take(10.5, 16)) == ["a"]


def test_what_may_have_been_tried_before_is_said() -> None:
    box = outbox((A, "a", Step.ALLOCATE))
    assert [again for _, again in box.take(10.0, 1)] == [False]
    row = box.postpone("a", 10.0, "away", None)
    box.let_go(A)
    assert [again for _, again in box.take(row.next_at, 1)] == [True]
    fresh = Outbox(300.0, Random(1))
    fresh.restore([row._replace(attempts=0)], 10.0)
    assert [again for _, again in fresh.take(row.next_at, 1)] == [True]


def test_a_clock_that_was_set_back_puts_nothing_off_for_long() -> None:
    row = outbox((A, "a", Step.RELEASE)).postpone("a", 1_000_000.0, "away", None)
    box = Outbox(300.0, Random(1))
    box.restore([row], 50.0)
    assert box.wake_at() == 350.0
