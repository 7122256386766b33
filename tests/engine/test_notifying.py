"""From events to notices that are delivered, given up or lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from ipv6console.config import NotifySettings, Settings
from ipv6console.engine import debounce, notifier, notifying
from ipv6console.engine.engine import Engine
from ipv6console.engine.errors import NotFound, Refusal
from ipv6console.engine.journal import Journal
from ipv6console.engine.notifier import QUEUE, pause
from ipv6console.engine.notifying import Notifying
from ipv6console.engine.protocol import NotCarried
from ipv6console.engine.toldfile import NAME, read_told
from ipv6console.store.database import SqliteStore
from ipv6console.wire.event import Event, EventFilter, EventLevel
from ipv6console.wire.notify import Notice, NoticeState, NotifierMeans
from ipv6console.wire.status import Level
from tests.engine.conftest import HandClock, HandDoctor, HandEcho, HandReach, HandWatch, World, host_prefix

pytestmark = pytest.mark.anyio

DOWN = NotCarried("connection refused", next="start that server", again=True)
WRONG = NotCarried("it answered 404 Not Found", next="correct its URL", again=False)


@dataclass
class HandCarrier:
    """A destination that does with one notice after the other what a test lays out, and takes all after that."""

    name: str = "pager"
    means: NotifierMeans = NotifierMeans.WEBHOOK
    target: str = "https://hook.example/***"
    level: EventLevel = EventLevel.WARNING
    kinds: tuple[str, ...] = ()
    script: list[NotCarried | None] = field(default_factory=list)
    carried: list[Notice] = field(default_factory=list)
    tried: int = 0
    gate: asyncio.Event | None = None

    async def carry(self, notice: Notice) -> str:
        self.tried += 1
        if self.gate is not None:
            await self.gate.wait()
        problem = self.script.pop(0) if self.script else None
        if problem is not None:
            raise problem
        self.carried.append(notice)
        return "it answered 200 OK"

    async def close(self) -> None:
        pass


@dataclass
class Desk:
    """Notifying at work on a journal of its own."""

    world: World
    journal: Journal
    notifying: Notifying
    carrier: HandCarrier

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.world.until(condition)

    async def events(self, kind: str) -> Sequence[Event]:
        return (await self.journal.page(0, 1_000, EventFilter(kind=kind))).events


@pytest.fixture
async def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """What is due is due at once, and pauses are short: times are the business of others."""
    monkeypatch.setattr(debounce, "GATHER", 0.0)
    monkeypatch.setattr(notifier, "_LONGEST", 0.001)
    journal, carrier = Journal(world.store, world.clock), HandCarrier()
    await journal.open()
    desk = Desk(
        world, journal, Notifying(NotifySettings(debounce=0.0, attempts=3), [carrier], journal, world.clock), carrier
    )
    desk.notifying.open()
    running = asyncio.create_task(desk.notifying.run())
    yield desk
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_fault_in_the_journal_is_delivered_and_then_its_end(desk: Desk) -> None:
    desk.journal.fail("reach.broken", "ndppd is dead", subject="2001:db8::/64")
    await desk.until(lambda: len(desk.carrier.carried) == 1)
    desk.journal.write("reach.recovered", "all is well", subject="2001:db8::/64")
    await desk.until(lambda: len(desk.carrier.carried) == 2)
    assert [notice.state for notice in desk.carrier.carried] == [NoticeState.FAULT, NoticeState.RECOVERED]
    [row] = desk.notifying.status().notifiers
    assert (row.delivered, row.waiting, row.last_ok, row.last_text) == (2, 0, True, "it answered 200 OK")


async def test_a_server_that_is_back_in_time_gets_the_notice_and_nobody_hears_of_trouble(desk: Desk) -> None:
    desk.carrier.script = [DOWN, DOWN]
    desk.journal.fail("store.failed", "the disk is full")
    await desk.until(lambda: len(desk.carrier.carried) == 1)
    assert desk.carrier.tried == 3
    assert await desk.events("notify.") == ()
    assert desk.notifying.findings() == ()


async def test_while_it_fails_health_says_why_and_what_helps(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "pause", lambda *_: 3_600.0)
    desk.carrier.script = [DOWN]
    desk.journal.fail("store.failed", "the disk is full")
    await desk.until(lambda: bool(desk.notifying.findings()))
    [finding] = desk.notifying.findings()
    assert finding.subject == "notify pager"
    assert finding.text == (
        "webhook pager (https://hook.example/***) was not told: connection refused (attempt 1 of 3 failed). "
        "Next: start that server"
    )
    assert finding.fix == "ipv6console notify test pager"
    await desk.notifying.stop()
    assert len(desk.carrier.carried) == 1, "an engine that stops waits no longer"
    assert desk.notifying.findings() == ()


async def test_what_is_given_up_is_an_event_once_and_so_is_the_end_of_that(desk: Desk) -> None:
    desk.carrier.script = [DOWN, DOWN, DOWN, WRONG]
    desk.journal.fail("store.failed", "the disk is full")
    await desk.until(lambda: desk.carrier.tried == 3)
    desk.journal.fail("engine.failed", "a task ended")
    await desk.until(lambda: desk.carrier.tried == 4)
    await desk.until(lambda: desk.notifying.status().notifiers[0].failed == 2)
    [failed] = await desk.events("notify.failed")
    assert failed.subject == "pager"
    assert failed.text.endswith("was not told of store.failed: connection refused; start that server")
    [finding] = desk.notifying.findings()
    assert "it was given up" in finding.text
    desk.journal.fail("engine.failed", "another task ended")
    await desk.until(lambda: len(desk.carrier.carried) == 1)
    assert len(await desk.events("notify.recovered")) == 1
    assert desk.notifying.findings() == ()
    assert desk.carrier.tried == 5, "what is refused for good is not tried again, and nobody is told of himself"


async def test_a_storm_does_not_make_the_journal_wait_and_is_one_notice(desk: Desk) -> None:
    desk.carrier.gate = asyncio.Event()
    for number in range(1_000):
        desk.journal.fail("prefix.gone", "it is gone", subject=f"2001:db8:{number:x}::/64")
    desk.carrier.gate.set()
    await desk.until(lambda: len(desk.carrier.carried) == 1)
    [notice] = desk.carrier.carried
    assert (notice.state, notice.count) == (NoticeState.DIGEST, 1_000)


async def test_what_waits_is_bounded_and_what_is_lost_is_said(desk: Desk) -> None:
    desk.carrier.gate = asyncio.Event()
    desk.journal.fail("store.failed", "the disk is full")
    await desk.until(lambda: desk.carrier.tried == 1)
    [(_, one)] = desk.notifying._told
    first = one._queue[0]
    one.put(replace(first, id=str(number)) for number in range(QUEUE + 50))
    row = one.row()
    assert (row.waiting, row.lost) == (QUEUE, 51)
    assert len(await desk.events("notify.lost")) == 1
    desk.carrier.gate.set()
    await desk.until(lambda: one.row().waiting == 0)
    assert desk.carrier.carried[0] == first
    assert [notice.id for notice in desk.carrier.carried[-2:]] == [str(QUEUE + 48), str(QUEUE + 49)]


async def test_an_engine_that_stops_delivers_what_waits(desk: Desk) -> None:
    desk.carrier.script = [DOWN]
    desk.journal.fail("store.failed", "the disk is full")
    desk.journal.fail("engine.failed", "a task ended")
    await desk.notifying.stop()
    assert {notice.kind for notice in desk.carrier.carried} <= {"store.failed", "engine.failed"}
    assert len(desk.carrier.carried) >= 1
    lost = sum(event.data["count"] for event in await desk.events("notify.lost"))
    assert len(desk.carrier.carried) + lost == 2


async def test_an_engine_that_stops_says_what_it_could_not_deliver_in_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "GRACE", 0.01)
    desk.carrier.gate = asyncio.Event()
    desk.journal.fail("store.failed", "the disk is full")
    await desk.until(lambda: desk.carrier.tried == 1)
    desk.journal.fail("engine.failed", "a task ended")
    await desk.notifying.stop()
    [lost] = await desk.events("notify.lost")
    assert lost.data["count"] == 2
    assert lost.text == "2 notices for webhook pager (https://hook.example/***) are lost: the engine stops"


async def test_a_test_goes_past_what_waits_and_tells_how_it_went(desk: Desk) -> None:
    desk.carrier.script = [WRONG]
    tested = await desk.notifying.test(None, desk.world.caller)
    assert not tested.success
    [result] = tested.results
    assert (result.name, result.text, result.next) == ("pager", "it answered 404 Not Found", "correct its URL")
    assert desk.notifying.findings() != ()
    tested = await desk.notifying.test("pager", desk.world.caller)
    assert tested.success
    assert desk.notifying.findings() == ()
    [notice] = desk.carrier.carried
    assert notice.state is NoticeState.TEST
    assert {event.actor for event in await desk.events("notify.tested")} == {"test"}


async def test_a_test_of_nobody_says_what_to_do(desk: Desk) -> None:
    with pytest.raises(NotFound, match="no webhook and no command named siren") as unknown:
        await desk.notifying.test("siren", desk.world.caller)
    assert "pager" in unknown.value.next
    nobody = Notifying(NotifySettings(), [], desk.journal, desk.world.clock)
    with pytest.raises(Refusal, match="no webhook and no command is set up") as refusal:
        await nobody.test(None, desk.world.caller)
    assert "[[notify.webhook]]" in refusal.value.next


def test_pauses_double_with_jitter_and_end_at_a_minute() -> None:
    random = Random(7)
    pauses = [pause(attempt, random) for attempt in range(1, 50)]
    for attempt, seconds in enumerate(pauses, 1):
        most = min(60.0, 2.0 ** (attempt - 1))
        assert most / 2 <= seconds <= most
    assert len(set(pauses)) == len(pauses)


class TestAfterARestart:
    """One engine after the other on the same state directory; the second finds nothing broken."""

    @asynccontextmanager
    async def _life(self, world: World, folder: Path, *script: NotCarried) -> AsyncIterator[Desk]:
        journal, carrier = Journal(world.store, world.clock), HandCarrier(script=list(script))
        await journal.open()
        settings = NotifySettings(debounce=0.0, attempts=1)
        desk = Desk(world, journal, Notifying(settings, [carrier], journal, world.clock, folder=folder), carrier)
        desk.notifying.open()
        running = asyncio.create_task(desk.notifying.run())
        yield desk
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def _first(self, world: World, folder: Path, *, stopped: bool) -> None:
        async with self._life(world, folder) as desk:
            desk.journal.fail("reach.broken", "ndppd is dead", subject="2001:db8::/64")
            await desk.until(lambda: len(desk.carrier.carried) == 1)
            if stopped:
                await desk.notifying.stop()
            else:
                await desk.until((folder / NAME).exists)

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(debounce, "GATHER", 0.0)

    @pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "killed"])
    async def test_a_fault_that_still_holds_is_not_told_again(
        self, world: World, tmp_path: Path, stopped: bool
    ) -> None:
        await self._first(world, tmp_path, stopped=stopped)
        async with self._life(world, tmp_path) as desk:
            desk.journal.fail("reach.broken", "ndppd is dead", subject="2001:db8::/64")
            desk.journal.fail("store.failed", "the disk is full")
            await desk.until(lambda: len(desk.carrier.carried) == 1)
            assert [notice.kind for notice in desk.carrier.carried] == ["store.failed"]

    async def test_a_fault_that_ended_while_nobody_watched_is_told_as_over(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self._first(world, tmp_path, stopped=True)
        monkeypatch.setattr(debounce, "SETTLE", 0.0)
        async with self._life(world, tmp_path) as desk:
            await desk.until(lambda: len(desk.carrier.carried) == 1)
            [notice] = desk.carrier.carried
            assert (notice.state, notice.kind) == (NoticeState.RECOVERED, "reach.broken")
            await desk.until(lambda: read_told(tmp_path) == {})

    async def test_a_file_that_is_damaged_is_said_to_be_and_everything_is_told_anew(
        self, world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / NAME).write_text('{"pager": [{"kind": 1}]}')
        async with self._life(world, tmp_path) as desk:
            assert "those that hold are told again" in caplog.text
            desk.journal.fail("reach.broken", "ndppd is dead", subject="2001:db8::/64")
            await desk.until(lambda: len(desk.carrier.carried) == 1)

    async def test_the_file_is_for_the_engine_alone(self, world: World, tmp_path: Path) -> None:
        await self._first(world, tmp_path, stopped=True)
        assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600

    async def _turn(
        self, settings: Settings, folder: Path, carrier: HandCarrier, clock: HandClock, levels: tuple[Level, Level]
    ) -> None:
        """Let an engine find NDP so at first and then otherwise, until that was told."""
        watch, reach, echo = HandWatch(clock), HandReach(clock), HandEcho()
        store = await SqliteStore.open(folder / "engine.db")
        engine = Engine(
            replace(settings, notify=NotifySettings(debounce=0.0)),
            store=store,
            watch=watch,
            reach=reach,
            doctor=HandDoctor(),
            clock=clock,
            echo=echo,
            state_dir=str(folder),
            carriers=[carrier],
        )
        world, before = World(engine, store, clock, watch, reach, echo), len(carrier.carried)
        watch.show(host_prefix("2001:db8:0:1::/64"))
        reach.level = levels[0]
        await engine.start()
        try:
            await world.until(lambda: bool(engine.state().ndp))
            reach.turn(levels[1])
            await world.until(lambda: len(carrier.carried) > before)
        finally:
            await engine.stop()
            await store.close()

    async def test_an_engine_goes_on_where_the_one_before_ended(self, settings: Settings, tmp_path: Path) -> None:
        carrier, clock = HandCarrier(kinds=("reach.",)), HandClock()
        await self._turn(settings, tmp_path, carrier, clock, (Level.OK, Level.FAIL))
        await self._turn(settings, tmp_path, carrier, clock, (Level.FAIL, Level.OK))
        assert [notice.state for notice in carrier.carried] == [NoticeState.FAULT, NoticeState.RECOVERED]
        assert read_told(tmp_path) == {}
