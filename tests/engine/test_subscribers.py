"""The life of subscribers' prefixes, with an IPAM and RADIUS that answer, refuse, or are away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.errors import InvalidRequest, NotFound, Refusal, Unavailable
from ipv6console.engine.external import RegistryRefused, RegistryUnreachable, Verdict
from ipv6console.wire.subscriber import (
    IPv6ActivationRequest,
    IPv6AllocationRequest,
    IPv6RevocationRequest,
    SubscriberRequest,
)
from tests.engine.ipam import HandRegistry, Provider, provider
from tests.engine.test_core import Refusing

pytestmark = pytest.mark.anyio

AWAY = RegistryUnreachable("NetBox does not answer", next="look at its log")
SAID_NO = RegistryRefused("NetBox says 403", next="give the token the permission")
COA = IPv6ActivationRequest(username="alice", nas_ip="192.0.2.1", send_coa=True)
DISCONNECT = IPv6RevocationRequest(send_disconnect=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Provider]:
    world, end = await provider(tmp_path / "engine.db")
    await world.make("a", "b")
    yield world
    await end()


async def _active(world: Provider, name: str = "a") -> None:
    await world.allocate(name)
    reply = await world.subscribers.activate(name, COA, "acme", world.caller)
    assert reply.success


async def _revoke(world: Provider, request: IPv6RevocationRequest | None = None) -> object:
    return await world.subscribers.revoke("a", request or IPv6RevocationRequest(), "acme", world.caller)


async def test_the_whole_life_of_a_prefix_is_told_step_by_step(world: Provider) -> None:
    reply = await world.allocate("a")
    assert (reply.success, reply.state, reply.prefix, reply.netbox_prefix_id) == (True, "allocated", "2001:db8::/56", 1)
    await world.subscribers.activate("a", COA, "acme", world.caller)
    await world.subscribers.suspend("a", "acme", world.caller)
    await world.subscribers.resume("a", "acme", world.caller)
    gone = await world.subscribers.revoke("a", DISCONNECT, "acme", world.caller)
    assert (gone.success, gone.state, gone.prefix, gone.netbox_prefix_id) == (True, "revoked", "2001:db8::/56", None)
    assert (gone.coa_result, gone.disconnect_result) == ("ack", "ack")
    assert not world.registry.entries
    history = await world.subscribers.history("a", "acme", world.caller, 100)
    turns = [step.after for step in reversed(history.steps) if step.before != step.after]
    assert turns == ["allocated", "active", "suspended", "active", "revoking", "revoked"]
    kinds = [kind for kind in await world.kinds() if kind.startswith("subscriber.") and kind != "subscriber.created"]
    assert kinds == [f"subscriber.{state}" for state in ["pending", *turns]]
    row = world.subscribers.row("a", "acme", world.caller)
    assert (row.prefix, row.ipam, row.pending, row.text) == (None, "none", 0, "")


async def test_64_parallel_allocations_give_64_prefixes_and_keep_to_16_requests_at_once(world: Provider) -> None:
    names = [f"s{number}" for number in range(64)]
    await world.make(*names)
    replies = await asyncio.gather(*(world.allocate(name) for name in names))
    assert len({reply.prefix for reply in replies if reply.success}) == 64
    assert world.registry.most_at_once == 16


async def test_one_subscriber_64_times_in_parallel_gets_one_prefix(world: Provider) -> None:
    replies = await asyncio.gather(*(world.allocate("a") for _ in range(64)))
    assert {reply.prefix for reply in replies if reply.success} == {"2001:db8::/56"}
    assert (len(replies), len(world.registry.entries), world.registry.asked) == (64, 1, ["allocate"])


async def test_an_allocation_whose_answer_was_lost_is_looked_up_before_it_is_asked_again(world: Provider) -> None:
    world.registry.after.append(AWAY)
    asked = asyncio.create_task(world.allocate("a"))
    await world.until(asked.done)
    assert asked.result().success
    assert (world.registry.asked, len(world.registry.entries)) == (["allocate", "allocate again"], 1)


async def test_a_request_waits_no_longer_than_the_settings_say_and_tells_what_for(tmp_path: Path) -> None:
    world, end = await provider(tmp_path / "engine.db", wait=0.01)
    await world.make("a")
    world.registry.before += [AWAY] * 3
    reply = await world.allocate("a")
    assert (reply.success, reply.state, reply.pending) == (False, "pending", ("allocate",))
    assert reply.message is not None
    await world.until(lambda: world.state("a") == "allocated")
    await world.until(lambda: {"outbox.delayed", "outbox.answered"} <= set(world.core.journal.counts))
    await end()


async def test_an_exhausted_ipam_fails_the_prefix_and_says_why(tmp_path: Path) -> None:
    world, end = await provider(tmp_path / "engine.db", registry=HandRegistry(prefixes=0))
    await world.make("a")
    reply = await world.allocate("a")
    assert (reply.success, reply.state, reply.pending) == (False, "failed", ())
    assert "every parent is full" in str(reply.message)
    world.registry.prefixes = 1
    assert (await world.allocate("a")).success
    await end()


async def test_a_nak_leaves_the_prefix_allocated_and_is_shown(world: Provider) -> None:
    await world.allocate("a")
    world.sessions.answers.append((Verdict.NAK, "Session-Context-Not-Found"))
    reply = await world.subscribers.activate("a", COA, "acme", world.caller)
    assert (reply.success, reply.state, reply.coa_result) == (False, "allocated", "nak Session-Context-Not-Found")
    row = world.subscribers.row("a", "acme", world.caller)
    assert (row.radius, row.text, row.activated_at) == ("refused", "CoA: nak Session-Context-Not-Found", None)
    assert "outbox.refused" in await world.kinds()
    assert (await world.subscribers.activate("a", COA, "acme", world.caller)).state == "active"


async def test_active_is_committed_only_after_radius_agreed(world: Provider) -> None:
    await world.allocate("a")
    world.sessions.answers += [(Verdict.SILENCE, None)] * 2
    asked = asyncio.create_task(world.subscribers.activate("a", COA, "acme", world.caller))
    await world.until(lambda: world.subscribers.row("a", "acme", world.caller).radius == "silent")
    stored = (await world.store.load()).space.subscribers
    assert {row.id: row.ipv6_state for row in stored}["a"] == "allocated"
    await world.until(asked.done)
    assert (asked.result().state, asked.result().coa_result) == ("active", "ack")
    request = world.sessions.asked[0][1]
    assert (request.username, request.nas_ip, request.length) == ("alice", "192.0.2.1", 56)


async def test_a_refused_release_keeps_the_prefix_and_its_number_until_a_later_one_succeeds(world: Provider) -> None:
    await _active(world)
    await world.until(lambda: not world.subscribers.row("a", "acme", world.caller).pending)
    world.registry.before.append(SAID_NO)
    reply = await world.subscribers.revoke("a", IPv6RevocationRequest(), "acme", world.caller)
    assert (reply.success, reply.state, reply.netbox_prefix_id) == (False, "failed", 1)
    assert "403" in str(reply.message)
    with pytest.raises(Refusal, match="still holds"):
        await world.allocate("a")
    again = await world.subscribers.revoke("a", IPv6RevocationRequest(), "acme", world.caller)
    assert (again.success, again.netbox_prefix_id, world.registry.entries) == (True, None, {})
    assert (await world.allocate("a")).success


async def test_a_disconnect_nak_is_tried_again_and_no_prefix_is_released_before(world: Provider) -> None:
    await _active(world)
    world.sessions.answers.append((Verdict.NAK, "Administratively-Prohibited"))
    asked = asyncio.create_task(world.subscribers.revoke("a", DISCONNECT, "acme", world.caller))
    await world.until(lambda: world.subscribers.row("a", "acme", world.caller).radius == "refused")
    assert "release" not in world.registry.asked
    await world.until(asked.done)
    assert (asked.result().state, world.registry.entries) == ("revoked", {})


async def test_a_session_that_is_gone_already_is_disconnected(world: Provider) -> None:
    await _active(world)
    world.sessions.answers.append((Verdict.NAK, "Session-Context-Not-Found"))
    reply = await world.subscribers.revoke("a", DISCONNECT, "acme", world.caller)
    assert (reply.success, reply.disconnect_result) == (True, "nak Session-Context-Not-Found")


async def test_a_cancelled_disconnect_lets_the_release_go_on(world: Provider) -> None:
    await _active(world)
    world.sessions.answers += [(Verdict.SILENCE, None)] * 1_000_000
    asked = asyncio.create_task(world.subscribers.revoke("a", DISCONNECT, "acme", world.caller))
    await world.until(lambda: world.subscribers.row("a", "acme", world.caller).radius == "silent")
    steps = (await world.subscribers.outbox(world.caller, state="pending")).steps
    step = next(step for step in steps if step.step == "disconnect")
    with pytest.raises(InvalidRequest):
        await world.subscribers.cancel(step.id, " ", world.caller)
    row = await world.subscribers.cancel(step.id, "the NAS is gone", world.caller)
    assert (row.state, row.reason) == ("cancelled", "the NAS is gone")
    reply = await asked
    assert (reply.state, reply.disconnect_result) == ("revoked", "cancelled: the NAS is gone")


async def test_a_prefix_that_is_revoked_before_it_is_there_is_given_back(world: Provider) -> None:
    world.registry.gate = asyncio.Event()
    asked = asyncio.create_task(world.allocate("a"))
    await world.until(lambda: world.registry.at_once == 1)
    revoked = asyncio.create_task(_revoke(world))
    await world.until(lambda: [step.step for step in world.subscribers.desk.outbox] == ["release"])
    world.registry.gate.set()
    await asyncio.gather(asked, revoked)
    assert (world.state("a"), world.registry.entries) == ("failed", {})
    assert world.registry.asked == ["allocate", "find", "release"]


async def test_a_prefix_kept_in_the_ipam_is_known_after_its_revocation_and_released_when_asked(world: Provider) -> None:
    await _active(world)
    kept = await world.subscribers.revoke("a", IPv6RevocationRequest(release_to_netbox=False), "acme", world.caller)
    assert (kept.success, kept.state, kept.netbox_prefix_id) == (True, "revoked", 1)
    await world.until(lambda: not world.subscribers.row("a", "acme", world.caller).pending)
    assert world.registry.entries[1].status == "deprecated"
    with pytest.raises(Refusal, match="still holds"):
        await world.allocate("a")
    released = await world.subscribers.revoke("a", IPv6RevocationRequest(), "acme", world.caller)
    assert (released.success, released.state, world.registry.entries) == (True, "revoked", {})


async def test_revoking_twice_changes_nothing_more(world: Provider) -> None:
    with pytest.raises(Refusal, match="never had"):
        await _revoke(world)
    await _active(world)
    first = await world.subscribers.revoke("a", DISCONNECT, "acme", world.caller)
    second = await world.subscribers.revoke("a", DISCONNECT, "acme", world.caller)
    assert (first.success, second.success, second.revoked_at) == (True, True, first.revoked_at)
    assert [what for what, _ in world.sessions.asked] == ["coa", "disconnect"]


async def test_what_the_state_does_not_allow_is_refused_and_changes_nothing(world: Provider) -> None:
    await world.make("plain", mode="slaac")
    before = (await world.store.load()).space
    for act in (world.subscribers.suspend, world.subscribers.resume):
        with pytest.raises(Refusal) as refused:
            await act("a", "acme", world.caller)
        assert (refused.value.status, refused.value.type) == (409, "illegal-transition")
    with pytest.raises(Refusal, match="cannot become active"):
        await world.subscribers.activate("a", COA, "acme", world.caller)
    with pytest.raises(Refusal, match="slaac"):
        await world.allocate("plain")
    with pytest.raises(InvalidRequest, match="no length"):
        await world.allocate("a", size=129)
    with pytest.raises(InvalidRequest, match="NAS"):
        await world.subscribers.activate("a", IPv6ActivationRequest(nas_ip="nas1"), "acme", world.caller)
    assert (await world.store.load()).space == before
    await world.allocate("a")
    with pytest.raises(Refusal, match="/48"):
        await world.allocate("a", size=48)
    with pytest.raises(Refusal, match="has 2001"):
        await world.subscribers.remove("a", "acme", world.caller)


async def test_a_tenant_sees_its_own_subscribers_alone(world: Provider) -> None:
    await world.make("a", tenant="other")
    theirs = Caller("token", frozenset(Scope), token="t", tenant="other")
    assert [row.tenant for row in world.subscribers.page(theirs).subscribers] == ["other"]
    assert world.subscribers.stats(None, theirs).utilization.total_profiles == 1
    with pytest.raises(NotFound):
        world.subscribers.row("b", None, theirs)
    with pytest.raises(NotFound):
        world.subscribers.status("a", "acme", theirs)
    with pytest.raises(NotFound):
        await world.subscribers.allocate("b", IPv6AllocationRequest(), None, theirs)
    with pytest.raises(NotFound):
        await world.subscribers.create(SubscriberRequest(subscriber_id="x", tenant="acme"), theirs)
    await world.allocate("a")
    world.registry.before += [AWAY] * 1_000_000
    await world.subscribers.activate("a", IPv6ActivationRequest(), "acme", world.caller)
    step = next(iter(world.subscribers.desk.outbox))
    with pytest.raises(NotFound):
        await world.subscribers.cancel(step.id, "mine", theirs)
    assert (await world.subscribers.outbox(theirs)).total == 0


async def test_pages_of_subscribers_and_steps_are_whole_and_in_order(world: Provider) -> None:
    await world.make(*(f"s{number}" for number in range(5)))
    await asyncio.gather(*(world.allocate(f"s{number}") for number in range(5)))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = world.subscribers.page(world.caller, text="S", limit=2, cursor=cursor)
        seen += [row.subscriber_id for row in page.subscribers]
        assert page.total == 5
        if (cursor := page.next) is None:
            break
    assert seen == [f"s{number}" for number in range(5)]
    by_prefix = world.subscribers.page(world.caller, text=f"{world.subscribers.row('s3', 'acme', world.caller).prefix}")
    assert [row.subscriber_id for row in by_prefix.subscribers] == ["s3"]
    waiting = [world.subscribers.page(world.caller, state="pending", cursor=at) for at in (None, "acme/a", "acme/b")]
    assert [[row.subscriber_id for row in page.subscribers] for page in waiting] == [["a", "b"], ["b"], []]
    assert {page.total for page in waiting} == {2}
    await world.make(*(f"t{number}" for number in range(100)), tenant="more")
    few = world.subscribers.page(world.caller, state="failed")
    assert (few.subscribers, few.total) == ((), 0)
    some = world.subscribers.page(world.caller, state="allocated", tenant="acme", limit=2, cursor="acme/s0")
    assert [row.subscriber_id for row in some.subscribers] == ["s1", "s2"]
    world.registry.before += [AWAY] * 1_000_000
    await asyncio.gather(
        *(world.subscribers.activate(f"s{n}", IPv6ActivationRequest(), "acme", world.caller) for n in range(5))
    )
    steps: list[str] = []
    while True:
        outbox = await world.subscribers.outbox(world.caller, limit=3, cursor=cursor)
        steps += [f"{step.state} {step.step}" for step in outbox.steps]
        assert outbox.total == 10
        if (cursor := outbox.next) is None:
            break
    assert steps == ["pending mark"] * 5 + ["done allocate"] * 5
    for bad in ("x", "p/y/z", "e/nan/z"):
        with pytest.raises(InvalidRequest, match="cursor"):
            await world.subscribers.outbox(world.caller, cursor=bad)


async def test_stuck_prefixes_are_told_of_once_and_flagged_and_their_release_is_tried_again(world: Provider) -> None:
    limits, keeper = world.core.settings.lifecycle, world.subscribers.caretaker
    await world.allocate("a")
    await world.allocate("b")
    world.registry.before += [RegistryUnreachable("away", next="wait", after=1e6)]
    revoked = asyncio.create_task(_revoke(world))
    await world.until(lambda: world.subscribers.row("a", "acme", world.caller).ipam == "silent")
    world.clock.time += limits.stuck_allocated + 1
    await keeper.tick()
    await keeper.tick()
    events = [event for event in (await world.core.journal.page(0, 1_000)).events if event.kind == "subscriber.stuck"]
    assert sorted(str(event.subject) for event in events) == ["acme/a", "acme/b"]
    assert world.subscribers.row("b", "acme", world.caller).stuck
    await revoked
    assert world.state("a") == "revoked"
    await keeper.tick()
    assert keeper.stuck == 1


async def test_lives_that_ended_long_ago_are_forgotten_and_their_subscribers_stay(world: Provider) -> None:
    for name, request in (("a", IPv6RevocationRequest()), ("b", IPv6RevocationRequest(release_to_netbox=False))):
        await world.allocate(name)
        await world.subscribers.revoke(name, request, "acme", world.caller)
    await world.until(lambda: not len(world.subscribers.desk.outbox))
    world.clock.time += world.core.settings.lifecycle.keep_revoked_days * 86_400.0 + 3_600.0
    await world.subscribers.caretaker.tick()
    assert (world.state("a"), world.state("b")) == ("pending", "revoked")
    assert not (await world.subscribers.history("a", "acme", world.caller, 10)).steps
    assert (await world.subscribers.outbox(world.caller)).total == 0
    stored = {row.id: row for row in (await world.store.load()).space.subscribers}
    assert stored["a"].ipv6_pending_at is None
    assert (stored["b"].ipv6_state, stored["b"].ipv6_netbox_prefix_id) == ("revoked", 2)


async def test_without_radius_a_coa_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    world, end = await provider(tmp_path / "engine.db")
    world.subscribers.sessions = None
    await world.make("a")
    await world.allocate("a")
    with pytest.raises(Refusal, match="no RADIUS") as refused:
        await world.subscribers.activate("a", COA, "acme", world.caller)
    assert "[radius]" in refused.value.next
    with pytest.raises(Refusal, match="no RADIUS"):
        await _revoke(world, DISCONNECT)
    assert world.state("a") == "allocated"
    await end()


async def test_a_restart_goes_on_with_what_was_pending(tmp_path: Path) -> None:
    world, end = await provider(tmp_path / "engine.db", wait=0.01)
    await world.make("a")
    world.registry.after.append(AWAY)
    await world.allocate("a")
    await end()
    again, end = await provider(tmp_path / "engine.db", registry=world.registry, clock=world.clock)
    await again.until(lambda: again.state("a") == "allocated")
    assert len(again.registry.entries) == 1
    await end()


async def test_a_store_that_cannot_commit_asks_nobody_and_leaves_nothing_behind(
    world: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.allocate("b")
    refusing = Refusing(world.store, monkeypatch)
    for act in (world.allocate("a"), _activate(world, "b"), world.make("c")):
        with pytest.raises(Unavailable, match="disk is full"):
            await act
    assert world.registry.asked == ["allocate"]
    refusing.stop()
    await world.until(lambda: world.core.broken is None)
    assert (world.state("a"), world.state("b")) == ("pending", "allocated")
    assert world.subscribers.row("a", "acme", world.caller).pending == 0
    with pytest.raises(NotFound):
        world.state("c")
    assert (await world.allocate("a")).prefix == "2001:db8:0:100::/56"


async def test_an_answer_that_could_not_be_kept_is_asked_for_again(
    world: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.registry.gate = asyncio.Event()
    asked = asyncio.create_task(world.allocate("a"))
    await world.until(lambda: world.registry.at_once == 1)
    refusing = Refusing(world.store, monkeypatch)
    world.registry.gate.set()
    with pytest.raises(Unavailable):
        await asked
    assert len(world.registry.entries) == 1
    refusing.stop()
    await world.until(lambda: world.core.broken is None and world.state("a") == "allocated")
    assert (len(world.registry.entries), world.registry.asked) == (1, ["allocate", "allocate again"])


async def test_what_a_caller_began_goes_on_when_it_hangs_up(world: Provider) -> None:
    world.registry.gate = asyncio.Event()
    asked = asyncio.create_task(world.allocate("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    world.registry.gate.set()
    await world.until(lambda: world.state("a") == "allocated")
    assert [row.ipv6_state for row in (await world.store.load()).space.subscribers] == ["allocated", "pending"]


async def test_an_allocation_that_is_there_is_told_at_once_though_radius_is_silent(world: Provider) -> None:
    await world.allocate("a")
    world.sessions.answers += [(Verdict.SILENCE, None)] * 1_000_000
    asked = asyncio.create_task(world.subscribers.activate("a", COA, "acme", world.caller))
    await world.until(lambda: world.subscribers.row("a", "acme", world.caller).radius == "silent")
    reply = await world.allocate("a")
    assert (reply.success, reply.pending, asked.done()) == (True, (), False)
    await world.subscribers.cancel(next(iter(world.subscribers.desk.outbox)).id, "the NAS is gone", world.caller)
    assert (await asked).coa_result == "cancelled: the NAS is gone"


async def _activate(world: Provider, name: str) -> object:
    return await world.subscribers.activate(name, IPv6ActivationRequest(), "acme", world.caller)
