"""The state document, health and kept events over HTTP."""

from __future__ import annotations

import pytest

from ipv6console.wire.codec import decode
from ipv6console.wire.event import EventPage
from ipv6console.wire.health import Health
from ipv6console.wire.rewind import RewindSpan
from ipv6console.wire.state import State
from tests.api.service import PREFIX, Service

pytestmark = pytest.mark.anyio


async def test_the_state_document_names_prefixes_and_listeners(service: Service) -> None:
    async with service.over_ipv4() as client:
        state = decode(State, (await client.get("/state")).json())
    assert [row.prefix for row in state.prefixes] == [PREFIX]
    assert state.engine.listeners[-1] == f"unix:{service.path}"


async def test_health_is_a_verdict_with_findings(service: Service) -> None:
    async with service.over_ipv4() as client:
        answer = await client.get("/health")
    assert answer.status_code == 200
    assert decode(Health, answer.json()).prefix == PREFIX


async def test_the_state_of_a_moment_ago_is_read_while_it_is_kept(service: Service) -> None:
    async with service.over_ipv4() as client:
        span = decode(RewindSpan, (await client.get("/rewind")).json())
        assert span.oldest is not None
        then = await client.get("/state", params={"at": span.oldest})
        assert decode(State, then.json()).at == span.oldest
        never = await client.get("/state", params={"at": span.oldest - 60})
    assert never.status_code == 404
    assert "/rewind" in never.json()["next"]


async def test_events_are_found_by_what_they_are_about(service: Service) -> None:
    async with service.over_ipv4() as client:
        started = decode(EventPage, (await client.get("/events?kind=engine.&before=1000")).json())
        assert [event.kind for event in started.events] == ["engine.started"]
        assert not decode(EventPage, (await client.get("/events?kind=engine.&level=error")).json()).events
        then = started.events[0].at
        later = decode(EventPage, (await client.get("/events", params={"from": then + 1e-3, "kind": "engine."})).json())
        assert not later.events
        assert (await client.get("/events?level=loud")).status_code == 422


async def test_kept_events_are_read_on_from_an_id(service: Service) -> None:
    async with service.over_ipv4() as client:
        first = decode(EventPage, (await client.get("/events?limit=1")).json())
        assert [event.kind for event in first.events] == ["engine.started"]
        rest = decode(EventPage, (await client.get(f"/events?since={first.events[0].id}")).json())
    assert [event.id for event in rest.events] == list(range(first.events[0].id + 1, rest.last + 1))
