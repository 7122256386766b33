"""What the document, /health and the journal tell of spaces, subscribers, and the systems that have to agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from ipv6console.config import LifecycleSettings, NetBoxSettings, RadiusSettings, Settings
from ipv6console.engine.assignment import Assignment
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.core import Core
from ipv6console.engine.external import Registry, SessionControl
from ipv6console.engine.health import LONG, health_of
from ipv6console.engine.lookout import MOMENT, Lookout
from ipv6console.engine.spaces import Spaces
from ipv6console.ipam.change import SpaceSnapshot
from ipv6console.ipam.subscribers import Desk
from ipv6console.store.database import SqliteStore
from ipv6console.wire.event import EventFilter
from ipv6console.wire.space import BindingRequest, RangeRequest, SpaceRequest
from ipv6console.wire.state import SpaceState
from ipv6console.wire.status import Level, Stamp
from tests.engine.conftest import HandClock, World

pytestmark = pytest.mark.anyio

CALLER = Caller("test", frozenset(Scope))
ANNA = ("default", "anna")


class Named:
    """An IPAM or a RADIUS of which only the name is asked."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass
class Courier:
    ipam: str | None = None
    radius: str | None = None


@dataclass
class Caretaker:
    stuck: int = 0


@dataclass
class Beside:
    """Subscribers, and how the systems beside them answered last, which a test says."""

    registry: Registry
    sessions: SessionControl | None
    desk: Desk
    courier: Courier = field(default_factory=Courier)
    caretaker: Caretaker = field(default_factory=Caretaker)
    leaks: int | None = None


@dataclass
class Scene:
    core: Core
    clock: HandClock
    spaces: Spaces
    beside: Beside
    assignment: Assignment

    def wait(self) -> None:
        """Let Anna wait for a prefix."""
        desk, now = self.beside.desk, self.clock.now()
        desk.make(ANNA, "pd", 56, now)
        desk.allocate(ANNA, size=56, parent=None, registry="netbox", actor="test", now=now)

    def state(self) -> SpaceState:
        return self.assignment.state(Stamp(self.clock.now(), "engine"))


@pytest.fixture
async def scene(settings: Settings, tmp_path: Path) -> AsyncIterator[Scene]:
    clock = HandClock()
    store = await SqliteStore.open(tmp_path / "spaces" / "engine.db")
    settings = replace(
        settings,
        lifecycle=LifecycleSettings(spaces=("lab",)),
        netbox=NetBoxSettings(url="http://netbox.test"),
        radius=RadiusSettings(server="[::1]:3799"),
    )
    core = Core(settings, store, clock)
    spaces = Spaces(core)
    await core.open()
    ids = iter(f"op-{number}" for number in range(100))
    beside = Beside(Named("netbox"), Named("radius"), Desk(300.0, Random(1), lambda: next(ids)))  # type: ignore[arg-type] # only their names are asked
    yield Scene(core, clock, spaces, beside, Assignment(core, spaces, beside, lambda: beside.leaks))
    await core.close()
    await store.close()


async def test_spaces_and_subscribers_are_counted_and_every_change_shows_in_the_revision(scene: Scene) -> None:
    await scene.spaces.create(SpaceRequest(name="lab", quarantine=60.0), CALLER)
    await scene.spaces.add_range(RangeRequest(space="lab", range="2001:db8:9::/64"), CALLER)
    revisions = [scene.state().revision]
    for name in ("a", "b"):
        await scene.spaces.bind(BindingRequest(space="lab", instance="vms", id=name), CALLER)
        revisions.append(scene.state().revision)
    await scene.spaces.release_id("lab", "vms", "a", CALLER)
    revisions.append(scene.state().revision)
    scene.beside.desk.make(ANNA, "pd", 56, scene.clock.now())
    revisions.append(scene.state().revision)
    scene.beside.desk.allocate(ANNA, size=56, parent=None, registry="netbox", actor="test", now=scene.clock.now())
    state = scene.state()
    assert revisions == sorted(set(revisions))
    assert (state.spaces, state.bindings, state.resting, state.delegations) == (1, 1, 1, 0)
    assert (state.subscribers, state.states["pending"], state.states["active"], len(state.states)) == (1, 1, 0, 7)
    assert (state.pending, state.pending_since) == (1, scene.clock.now())


async def test_who_is_asked_and_how_it_answers_is_told(scene: Scene) -> None:
    state = scene.state()
    assert (state.registry, state.ipam, state.ipam_text) == ("netbox", Level.OK, "http://netbox.test")
    assert (state.radius, state.radius_text) == (Level.OK, "[::1]:3799")
    scene.wait()
    scene.beside.courier = Courier("connection refused", "no answer from [::1]:3799")
    state = scene.state()
    assert (state.ipam, state.ipam_text) == (Level.WARN, "netbox: connection refused")
    assert (state.radius, state.radius_text) == (Level.WARN, "no answer from [::1]:3799")
    scene.beside.sessions = None
    assert scene.state().radius is Level.OFF


async def test_a_space_that_prefixes_are_to_be_cut_out_of_and_is_not_there_is_named(scene: Scene) -> None:
    scene.beside.registry.name = "embedded"
    assert (scene.state().ipam, scene.state().ipam_text) == (
        Level.WARN,
        "lifecycle.spaces names what is not there: lab; ipv6console space create makes one",
    )
    await scene.spaces.create(SpaceRequest(name="lab"), CALLER)
    assert (scene.state().ipam, scene.state().ipam_text) == (Level.OK, "prefixes are cut out of lab")


async def test_health_warns_of_what_waits_is_stuck_or_leaks_and_of_who_does_not_answer(
    world: World, scene: Scene
) -> None:
    def subjects() -> dict[str, str]:
        # Whatever the pool's own state: what concerns assignments is a warning each.
        health = health_of(replace(world.engine.state(), at=scene.clock.now(), space=scene.state()))
        names = ("ipam", "radius", "outbox", "subscribers", "leaks")
        found = [finding for finding in health.findings if finding.subject in names]
        assert {finding.level for finding in found} <= {Level.WARN}
        assert all(finding.fix for finding in found)
        return {finding.subject: finding.text for finding in found}

    scene.wait()
    assert subjects() == {}
    scene.clock.time += LONG
    assert subjects() == {"outbox": "1 step waits for another system, the oldest for 60 s"}
    scene.beside.courier = Courier("connection refused", "no answer")
    scene.beside.caretaker.stuck, scene.beside.leaks = 2, 1
    assert subjects() == {
        "ipam": "netbox: connection refused",
        "radius": "no answer",
        "outbox": "1 step waits for another system, the oldest for 60 s",
        "subscribers": "2 prefixes are allocated or being revoked for too long",
        "leaks": "1 prefix is not the same in store, IPAM and kernel",
    }


async def test_who_did_not_answer_and_is_asked_no_more_is_neither_well_nor_out_of_reach(scene: Scene) -> None:
    lookout = Lookout(scene.core.journal, scene.clock, scene.state)
    scene.wait()
    scene.beside.courier.ipam = "connection refused"
    for _ in range(2):
        lookout.look()
        scene.clock.time += MOMENT
    scene.beside.desk.restore(SpaceSnapshot(), scene.clock.now())
    state = scene.state()
    assert (state.ipam, state.ipam_text) == (Level.UNKNOWN, "netbox: connection refused; not asked since")
    lookout.look()
    page = await scene.core.journal.page(0, 100, EventFilter())
    assert [event.kind for event in page.events] == ["ipam.failed"]


async def test_a_system_out_of_reach_is_told_of_after_a_moment_and_again_when_it_answers(scene: Scene) -> None:
    lookout = Lookout(scene.core.journal, scene.clock, scene.state)

    async def kinds() -> list[str]:
        page = await scene.core.journal.page(0, 100, EventFilter())
        return [event.kind for event in page.events]

    scene.wait()
    scene.beside.courier.radius = "no answer"
    lookout.look()
    scene.clock.time += MOMENT - 0.1
    lookout.look()
    scene.beside.courier.radius = None
    lookout.look()
    assert await kinds() == []
    scene.beside.courier.ipam = "connection refused"
    for _ in range(3):
        lookout.look()
        scene.clock.time += MOMENT
    scene.beside.courier.ipam = None
    lookout.look()
    lookout.look()
    assert await kinds() == ["ipam.failed", "ipam.recovered"]


async def test_the_document_of_an_engine_has_it_and_tells_its_changes(world: World) -> None:
    before = world.engine.state()
    assert before.space is not None
    with world.engine.states.subscribe() as subscription:
        await world.engine.spaces.create(SpaceRequest(name="lab"), world.caller)
        world.engine.state()
        deltas, _ = await subscription.next()
    [space] = [delta.space for delta in deltas if delta.space is not None]
    assert (space.spaces, before.space.spaces) == (1, 0)
    world.engine.rewind.keep(world.engine.state())
    kept = world.engine.rewind.at(world.clock.now())
    assert kept is not None
    assert kept.space == space
