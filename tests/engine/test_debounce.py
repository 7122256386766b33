"""What is told of faults, and when."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ipv6console.engine.debounce import GATHER, SETTLE, Debounce, Wanted
from ipv6console.engine.fault import FAULTS
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.notify import Notice, NoticeState

QUIET = 30.0
PREFIX = "2001:db8::/64"
FAULT, RECOVERED, DIGEST = NoticeState.FAULT, NoticeState.RECOVERED, NoticeState.DIGEST


class Told:
    """A debounce, and the notices it gave at which second."""

    def __init__(self, *, level: EventLevel = EventLevel.WARNING, kinds: tuple[str, ...] = (), most: int = 10) -> None:
        wanted = Wanted(level=level, kinds=kinds)
        self.debounce = Debounce(wanted, quiet=QUIET, most=most, host="edge1", version="1.2.3", own="pager")
        self.notices: list[tuple[float, Notice]] = []
        self.now = 0.0
        self._last = 0

    def event(self, kind: str, subject: str | None = PREFIX, level: EventLevel = EventLevel.ERROR, **data: Any) -> None:
        self._last += 1
        text = f"event {self._last}"
        event = Event(id=self._last, at=self.now, level=level, kind=kind, text=text, subject=subject, data=data)
        self.debounce.take(event, self.now)

    def until(self, moment: float) -> None:
        """Let time pass as the engine does: from one moment at which something is due to the next."""
        while (at := self.debounce.next_at()) is not None and at <= moment:
            self.now = max(self.now, at)
            self.notices += [(self.now, notice) for notice in self.debounce.due(self.now)]
        self.now = moment

    @property
    def states(self) -> list[tuple[float, NoticeState, int]]:
        return [(at, notice.state, notice.count) for at, notice in self.notices]


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_fault_is_told_with_all_that_is_known_of_it(told: Told) -> None:
    told.event("reach.broken", fix="ipv6console doctor")
    told.until(GATHER)
    [(_, notice)] = told.notices
    assert notice == Notice(
        id="edge1/1/fault/reach.broken",
        state=FAULT,
        level=EventLevel.ERROR,
        kind="reach.broken",
        subject=PREFIX,
        text="event 1",
        host="edge1",
        version="1.2.3",
        at=0.0,
        since=0.0,
        count=1,
        fix="ipv6console doctor",
    )


def test_a_recovery_is_told_once_it_has_lasted_and_bears_the_name_of_its_fault(told: Told) -> None:
    told.event("reach.broken")
    told.until(5)
    told.event("reach.recovered", level=EventLevel.INFO)
    told.until(5 + QUIET - 0.1)
    assert told.states == [(GATHER, FAULT, 1)]
    told.until(5 + QUIET)
    assert told.states[1:] == [(5 + QUIET, RECOVERED, 1)]
    notice = told.notices[1][1]
    assert (notice.kind, notice.subject, notice.text, notice.since) == ("reach.broken", PREFIX, "event 2", 0.0)


def test_a_fault_that_flaps_is_told_once_and_its_end_once_with_how_often_it_came(told: Told) -> None:
    for second in range(20):
        told.until(second * 6.0)
        told.event("reach.broken" if second % 2 == 0 else "reach.recovered")
    told.until(1_000)
    assert told.states == [(GATHER, FAULT, 1), (19 * 6.0 + QUIET, RECOVERED, 10)]


def test_a_blip_is_told_once_as_something_that_is_over(told: Told) -> None:
    told.event("reach.broken")
    told.event("reach.recovered")
    told.until(1_000)
    assert told.states == [(QUIET, RECOVERED, 1)]


def test_a_fault_that_gets_worse_is_told_again_at_once(told: Told) -> None:
    told.event("reach.changed", level=EventLevel.WARNING)
    told.until(5)
    told.event("reach.broken")
    told.until(5 + GATHER)
    assert [(at, notice.level) for at, notice in told.notices] == [
        (GATHER, EventLevel.WARNING),
        (5 + GATHER, EventLevel.ERROR),
    ]


def test_what_has_no_end_is_told_once_in_a_while_with_how_often_it_happened(told: Told) -> None:
    for second in range(100):
        told.until(float(second))
        told.event("lease.lost", "task1", EventLevel.WARNING)
    told.until(1_000)
    assert all(state is FAULT for _, state, _ in told.states)
    assert sum(count for _, _, count in told.states) == 100
    times = [at for at, _, _ in told.states]
    assert all(later - earlier >= QUIET for earlier, later in pairwise(times))


def test_a_thousand_faults_at_once_are_one_digest(told: Told) -> None:
    for number in range(999):
        told.event("prefix.gone", f"2001:db8:{number:x}::/64", EventLevel.WARNING)
    told.event("store.failed", None)
    told.until(1_000)
    [(at, notice)] = told.notices
    assert (at, notice.state, notice.count, notice.level) == (GATHER, DIGEST, 1_000, EventLevel.ERROR)
    assert notice.items[0].kind == "store.failed"
    assert "999 of prefix.gone" in notice.text
    assert len(notice.items) < 100


def test_a_storm_that_goes_on_is_a_digest_now_and_then_and_nothing_is_left_out() -> None:
    told = Told(most=5)
    for number in range(600):
        told.until(number / 10)
        told.event("prefix.gone", f"2001:db8:{number:x}::/64")
    told.until(1_000)
    assert len(told.notices) <= 12
    assert sum(notice.count for _, notice in told.notices) == 600
    for start in (at for at, _ in told.notices):
        assert sum(start <= at < start + QUIET for at, _ in told.notices) <= 6


def test_more_faults_than_are_remembered_are_counted() -> None:
    told = Told()
    for number in range(3_000):
        told.event("prefix.gone", f"2001:db8:{number:x}::/64")
    told.until(1_000)
    assert sum(notice.count for _, notice in told.notices) == 3_000


def test_events_that_came_too_fast_are_told_of_as_a_number(told: Told) -> None:
    told.debounce.miss(10_001, told.now)
    told.until(1_000)
    [(_, notice)] = told.notices
    assert (notice.state, notice.count) == (DIGEST, 10_001)


def test_only_faults_are_told_unless_kinds_are_named() -> None:
    everyday = ("address.bad", "lease.expired", "token.created")
    told, named = Told(), Told(kinds=("token.", "prefix.gone"))
    for one in (told, named):
        for kind in (*everyday, "prefix.gone", "reach.broken"):
            one.event(kind, level=EventLevel.WARNING)
        one.until(100)
    assert [notice.kind for _, notice in told.notices] == ["prefix.gone", "reach.broken"]
    assert [notice.kind for _, notice in named.notices] == ["token.created", "prefix.gone"]


def test_what_is_too_quiet_for_a_destination_is_neither_told_nor_said_to_be_over() -> None:
    told = Told(level=EventLevel.ERROR)
    told.event("reach.changed", level=EventLevel.WARNING)
    told.event("reach.recovered", level=EventLevel.INFO)
    told.until(100)
    assert told.notices == []


def test_a_destination_is_not_told_that_it_cannot_be_told(told: Told) -> None:
    told.event("notify.failed", "pager")
    told.event("notify.failed", "siren")
    told.until(100)
    assert [notice.subject for _, notice in told.notices] == ["siren"]


def test_a_prefix_that_goes_ends_what_was_wrong_with_it(told: Told) -> None:
    told.event("reach.broken")
    told.until(5)
    told.event("prefix.gone", level=EventLevel.WARNING)
    told.until(100)
    told.event("prefix.appeared", level=EventLevel.INFO)
    told.until(1_000)
    assert [(notice.state, notice.kind) for _, notice in told.notices] == [
        (FAULT, "reach.broken"),
        (FAULT, "prefix.gone"),
        (RECOVERED, "reach.broken"),
        (RECOVERED, "prefix.gone"),
    ]


def test_an_engine_that_stops_tells_what_waits(told: Told) -> None:
    told.event("reach.broken")
    told.until(5)
    told.event("reach.recovered")
    told.event("store.failed", None)
    assert [(notice.state, notice.kind) for notice in told.debounce.flush(told.now)] == [
        (RECOVERED, "reach.broken"),
        (FAULT, "store.failed"),
    ]
    assert told.debounce.flush(told.now) == ()


def test_the_same_notice_has_the_same_id_and_another_has_another(told: Told) -> None:
    for kind in ("prefix.gone", "prefix.deprecated"):
        told.event(kind)
    told.until(5)
    told.event("prefix.appeared")
    told.until(100)
    ids = [notice.id for _, notice in told.notices]
    assert len(ids) == 4
    assert len(set(ids)) == 4


def test_the_page_names_every_kind_of_event_that_is_told_as_a_fault() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "notify.md").read_text(encoding="utf-8")
    assert [kind for kind in FAULTS if f"`{kind}`" not in page] == []
    source = "".join(path.read_text(encoding="utf-8") for path in (root / "ipv6console").rglob("*.py"))
    # Once in the table of faults, and once at least where it is written.
    assert [kind for kind in FAULTS if source.count(f'"{kind}"') < 2] == []


class TestAfterARestart:
    """`told` is what came before, `later` the engine that goes on from it."""

    @pytest.fixture
    def later(self) -> Told:
        return Told()

    def _go_on(self, told: Told, later: Told) -> None:
        later.now = told.now + 100.0
        later._last = 50
        later.debounce.resume(told.debounce.told(), later.now)

    def test_a_fault_that_still_holds_is_not_told_again_and_its_end_is(self, told: Told, later: Told) -> None:
        told.event("reach.broken")
        told.until(10)
        self._go_on(told, later)
        later.until(115)
        later.event("reach.broken")
        later.until(400)
        assert later.notices == []
        later.event("reach.recovered", level=EventLevel.INFO)
        later.until(500)
        [(_, notice)] = later.notices
        assert (notice.state, notice.kind, notice.since) == (RECOVERED, "reach.broken", 0.0)

    def test_one_that_ended_meanwhile_is_told_as_over_once_it_was_not_found_for_long_enough(
        self, told: Told, later: Told
    ) -> None:
        told.event("pool.failed", subject=None)
        told.until(10)
        self._go_on(told, later)
        later.until(110 + SETTLE - 1)
        assert later.notices == []
        later.until(110 + SETTLE)
        [(_, notice)] = later.notices
        assert (notice.state, notice.kind) == (RECOVERED, "pool.failed")
        assert notice.text == "it was not found again after a restart: event 1"
        assert later.debounce.told() == ()

    def test_one_that_is_there_though_no_event_says_so_is_not_told_as_over(self, told: Told) -> None:
        told.event("reach.broken")
        told.until(10)
        broken, later = True, Told()
        later.debounce = Debounce(
            Wanted(level=EventLevel.WARNING), quiet=QUIET, most=10, host="edge1", version="1", holds=lambda _: broken
        )
        self._go_on(told, later)
        later.until(110 + 5 * SETTLE)
        assert later.notices == []
        broken = False
        later.until(110 + 7 * SETTLE)
        assert [state for _, state, _ in later.states] == [RECOVERED]

    def test_a_prefix_that_is_gone_stays_so_until_an_event_says_otherwise(self, told: Told, later: Told) -> None:
        told.event("prefix.gone", level=EventLevel.WARNING)
        told.until(10)
        self._go_on(told, later)
        later.until(10_000)
        assert later.notices == []
        later.event("prefix.appeared", level=EventLevel.INFO)
        later.until(11_000)
        assert [state for _, state, _ in later.states] == [RECOVERED]

    def test_one_that_got_worse_is_told(self, told: Told, later: Told) -> None:
        told.event("reach.changed", level=EventLevel.WARNING)
        told.until(10)
        self._go_on(told, later)
        later.event("reach.broken", level=EventLevel.ERROR)
        later.until(120)
        assert [state for _, state, _ in later.states] == [FAULT]

    def test_a_short_life_in_between_neither_tells_nor_forgets(self, told: Told, later: Told) -> None:
        told.event("reach.broken")
        told.until(10)
        self._go_on(told, later)
        assert later.debounce.flush(later.now + 1) == ()
        assert later.debounce.told() == told.debounce.told()

    def test_what_has_no_end_and_what_was_not_told_yet_begins_anew(self, told: Told) -> None:
        told.event("engine.failed", subject=None)
        told.until(10)
        told.event("store.failed", subject=None)
        assert told.debounce.told() == ()
