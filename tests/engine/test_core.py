"""What the engine keeps through a failing store and a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from string import ascii_letters, digits

import pytest

from ipv6console.config import Settings
from ipv6console.engine.core import Core, Secrets
from ipv6console.engine.engine import Engine
from ipv6console.engine.errors import Unavailable
from ipv6console.engine.protocol import Durability, StoreError
from ipv6console.engine.report import ReportItem
from ipv6console.ipam.change import SpaceRecorded
from ipv6console.pool.change import Snapshot
from ipv6console.store.database import SqliteStore
from ipv6console.wire.status import Level
from tests.engine.conftest import PATIENCE, HandClock, HandDoctor, World

pytestmark = pytest.mark.anyio


class Refusing:
    """Makes a store refuse commits until it is told otherwise."""

    def __init__(self, store: SqliteStore, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._patch.setattr(store, "commit", self._commit)

    async def _commit(self, *_: object) -> None:
        raise StoreError("the disk is full", "free some space on the disk")

    def stop(self) -> None:
        self._patch.undo()


async def test_a_store_that_cannot_commit_stops_picks_with_the_cause_and_loses_nothing(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await filled.engine.pick("task1", filled.caller, ttl=60)
    refusing = Refusing(filled.store, monkeypatch)
    with pytest.raises(Unavailable, match="disk is full") as refused:
        await filled.engine.pick("task1", filled.caller, ttl=60)
    assert refused.value.next == "free some space on the disk"
    assert filled.engine.health().level is Level.FAIL
    with pytest.raises(Unavailable):
        await filled.engine.report("task1", [ReportItem(addr=str(kept.addr), status="idle", lease=kept.lease)])
    refusing.stop()
    await filled.event("store.recovered")
    stats = await filled.engine.mirror_stats("task1")
    assert stats.using == 1
    assert kept.lease
    assert (await filled.engine.release(kept.lease)).success


async def test_a_restarted_engine_knows_every_lease_verdict_and_revocation(filled: World, tmp_path: Path) -> None:
    engine = filled.engine
    leased = await engine.pick("task1", filled.caller, ttl=60)
    spoilt = await engine.pick("task1", filled.caller)
    assert spoilt.addr
    await engine.report("task1", [ReportItem(addr=spoilt.addr, status="bad")])
    before = await engine.mirror_stats("task1")
    await engine.stop()
    await filled.store.close()
    store = await SqliteStore.open(tmp_path / "engine.db")
    again = Engine(
        engine.settings,
        store=store,
        watch=filled.watch,
        reach=filled.reach,
        doctor=HandDoctor(),
        clock=filled.clock,
        echo=filled.echo,
    )
    await again.start()
    try:
        assert await again.mirror_stats("task1") == before
        assert leased.lease
        assert (await again.release(leased.lease)).addr == leased.addr
    finally:
        await again.stop()
        await store.close()


async def test_a_part_of_the_engine_that_ended_is_told_by_health_for_as_long_as_it_is_gone(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def defective() -> None:
        raise ZeroDivisionError("nothing by nothing")

    monkeypatch.setattr(filled.reach, "inspect", defective)
    filled.reach.turn(Level.OK)
    event = await filled.event("engine.failed")
    assert "restart the engine" in event.text
    found = [finding for finding in filled.engine.health().findings if finding.subject == "engine"]
    assert [finding.level for finding in found] == [Level.FAIL]
    assert "PrefixKeeper.inspect" in found[0].text


async def test_what_is_removed_at_the_end_is_not_touched_again(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    asked = asyncio.Event()

    async def silent(_url: str, _source: int | None) -> int:
        asked.set()
        never: asyncio.Future[int] = asyncio.Future()
        return await never

    async def stop_answering(_: object) -> None:
        for _step in range(10):
            await asyncio.sleep(0)
        done.append("stop answering")

    async def withdraw_all() -> None:
        done.append("withdraw all")

    monkeypatch.setattr(filled.echo, "ask", silent)
    monkeypatch.setattr(filled.reach, "stop_answering", stop_answering)
    monkeypatch.setattr(filled.reach, "withdraw_all", withdraw_all)
    await filled.engine.pick("task1", filled.caller)
    await asked.wait()
    await filled.engine.stop()
    for _ in range(20):
        await asyncio.sleep(0)
    assert done[-1] == "withdraw all"
    assert "stop answering" in done


def test_secrets_are_words_of_their_own_however_many_are_drawn() -> None:
    secret = Secrets()
    drawn = [secret() for _ in range(1_000)]
    assert len(set(drawn)) == 1_000
    assert {len(word) for word in drawn} == {16}
    assert set("".join(drawn)) <= set(ascii_letters + digits + "-_")


async def test_who_follows_is_given_what_is_committed_at_the_start_and_again_after_a_refused_commit(
    settings: Settings, tmp_path: Path
) -> None:
    store = await SqliteStore.open(tmp_path / "engine.db")
    lab = SpaceRecorded(1, "lab", "", "random", 60.0, "", 1.0)
    await store.commit([lab], Durability.POWER)
    core = Core(settings, store, HandClock())
    given: list[tuple[SpaceRecorded, ...]] = []
    again = asyncio.Event()

    def follow(snapshot: Snapshot) -> None:
        given.append(snapshot.space.spaces)
        if len(given) > 1:
            again.set()

    core.followers.append(follow)
    await core.open()
    with pytest.raises(Unavailable):
        await core.commit(lab._replace(id=2), durability=Durability.POWER)
    async with asyncio.timeout(PATIENCE):
        await again.wait()
    await core.commit(lab._replace(description="it commits again"))
    await core.close()
    await store.close()
    assert given == [(lab,), (lab,)]
