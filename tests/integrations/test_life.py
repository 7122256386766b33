"""The whole life of a subscriber's prefix, by an engine as the daemon composes it, a FreeRADIUS, and a NetBox that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ipv6console.config import EngineSettings, LifecycleSettings, RadiusSettings, Settings
from ipv6console.daemon import _compose
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.engine import Engine
from ipv6console.lab.ipamserver import IpamServer
from ipv6console.wire.subscriber import (
    IPv6ActivationRequest,
    IPv6AllocationRequest,
    IPv6RevocationRequest,
    SubscriberRequest,
)
from tests.api.namespace import namespace
from tests.integrations.conftest import Netbox
from tests.integrations.freeradius import SECRET, freeradius

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]
OPERATOR = Caller("operator", frozenset(Scope))
TENANT = "north"


@pytest.fixture
def nas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A FreeRADIUS on 127.0.0.1, in a namespace that the test is in, too."""
    with namespace(), freeradius(tmp_path_factory.mktemp("radius")):
        yield


@pytest.fixture
async def engine(nas: None, faulty: Netbox, tmp_path: Path) -> AsyncIterator[Engine]:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    await faulty.parent()
    settings = Settings(
        engine=EngineSettings(state_dir=str(tmp_path)),
        # Short where a lost answer is waited for, long where a busy machine is.
        netbox=replace(faulty.settings, parents=(str(faulty.container),), timeout=1),
        radius=RadiusSettings(server="127.0.0.1", secret_file=str(secret), timeout=5),
        lifecycle=LifecycleSettings(wait=60, retry_max=1),
    )
    async with AsyncExitStack() as stack:
        engine = await _compose(settings, tmp_path, stack)
        await engine.open()
        stack.push_async_callback(engine.stop)
        await engine.start()
        yield engine


async def states(netbox: Netbox) -> list[tuple[str, str]]:
    return [(row["description"], row["status"]["value"]) for row in await netbox.rows()]


async def test_a_life_with_a_nak_and_answers_that_are_lost_leaves_nothing_behind(
    engine: Engine, fake: IpamServer, faulty: Netbox
) -> None:
    subscribers = engine.subscribers
    await subscribers.create(SubscriberRequest(subscriber_id="a"), replace(OPERATOR, tenant=TENANT))
    named = "subscriber a of tenant north"

    fake.switches.mute = 1
    answer = await subscribers.allocate("a", IPv6AllocationRequest(), TENANT, OPERATOR)
    assert (answer.success, answer.state, answer.prefix) == (True, "allocated", faulty.subnet(56))
    assert await states(faulty) == [(named, "reserved")]

    refused = await subscribers.activate("a", IPv6ActivationRequest(username="ghost", send_coa=True), TENANT, OPERATOR)
    assert (refused.success, refused.state) == (False, "allocated")
    assert refused.coa_result == "nak Session-Context-Not-Found"
    request = IPv6ActivationRequest(username="bob", nas_ip="192.0.2.1", send_coa=True)
    answer = await subscribers.activate("a", request, TENANT, OPERATOR)
    assert (answer.success, answer.state, answer.coa_result) == (True, "active", "ack")

    fake.switches.mute = 1
    answer = await subscribers.revoke("a", IPv6RevocationRequest(send_disconnect=True), TENANT, OPERATOR)
    assert (answer.success, answer.state, answer.disconnect_result) == (True, "revoked", "ack")
    assert await states(faulty) == []


async def test_sixty_four_at_a_time_get_prefixes_of_their_own_and_the_same_one_a_single_one(
    engine: Engine, fake: IpamServer, faulty: Netbox
) -> None:
    subscribers = engine.subscribers
    names = [f"s{number}" for number in range(64)]
    for name in (*names, "same"):
        await subscribers.create(SubscriberRequest(subscriber_id=name, tenant=TENANT), OPERATOR)
    fake.switches.mute = 3
    answers = await asyncio.gather(
        *(subscribers.allocate(name, IPv6AllocationRequest(), TENANT, OPERATOR) for name in (*names, *["same"] * 64))
    )
    assert {answer.state for answer in answers} == {"allocated"}
    assert len({answer.prefix for answer in answers}) == len(await faulty.rows()) == 65
