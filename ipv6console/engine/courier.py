"""Brings one step of the outbox to the system that takes it, and its answer back in the words of the rules."""

from __future__ import annotations

from collections.abc import Mapping

from ipv6console.engine.external import (
    Allocation,
    AllocationRequest,
    InvalidSession,
    Registry,
    RegistryError,
    RegistryRefused,
    RegistryUnreachable,
    SessionAnswer,
    SessionControl,
    SessionRequest,
    Verdict,
)
from ipv6console.ipam.book import payload_of
from ipv6console.ipam.change import IntentRecorded, SubscriberRecorded
from ipv6console.ipam.outbox import Step
from ipv6console.ipam.result import Done, Granted, Postponed, Refused, Result

GONE = "Session-Context-Not-Found"
"""The Error-Cause of a NAS that does not know the session (RFC 5176, 3.5: 503): to disconnect, there is nothing left to do."""


class Courier:
    """Knows every IPAM by its name, and RADIUS if there is one."""

    def __init__(self, registries: Mapping[str, Registry], sessions: SessionControl | None) -> None:
        self._registries = registries
        self._sessions = sessions
        self.ipam: str | None = None
        """Why the IPAM could not be asked last time, None while it answers."""
        self.radius: str | None = None
        """The same of RADIUS."""

    async def bring(self, step: IntentRecorded, row: SubscriberRecorded, *, again: bool) -> Result:
        """Ask for `step` of the subscriber `row`; `again` when that may have been done before."""
        if step.step in {Step.COA, Step.DISCONNECT}:
            return await self._session(step, row)
        try:
            result = await self._registry(step, row, again=again)
        except RegistryUnreachable as error:
            self.ipam = error.detail
            return Postponed(f"{error.detail}; {error.next}", error.after)
        except RegistryError as error:
            result = Refused(f"{error.detail}; {error.next}")
        if not isinstance(result, Postponed):
            self.ipam = None
        return result

    async def _registry(self, step: IntentRecorded, row: SubscriberRecorded, *, again: bool) -> Result:
        payload = payload_of(step)
        name = payload.get("registry", row.registry)
        registry = self._registries.get(name or "")
        if registry is None:
            return Postponed(f"the prefix is {name}'s, and no {name} is configured")
        match Step(step.step):
            case Step.ALLOCATE:
                request = AllocationRequest(
                    operation=step.id,
                    length=payload["size"],
                    parent=payload.get("parent"),
                    tenant=step.tenant,
                    subscriber=step.subscriber,
                )
                return _granted(registry, await registry.allocate(request, again=again))
            case Step.RELEASE if "undo" in payload:
                return await self._undo(registry, payload["undo"])
            case Step.RELEASE:
                there = await registry.release(_allocation(row))
                return Done("given back" if there else "it was there no more")
            case _:
                await registry.mark(_allocation(row), payload["status"])
                return Done(payload["status"])

    @staticmethod
    async def _undo(registry: Registry, operation: str) -> Result:
        try:
            found = await registry.find(operation)
        except RegistryRefused as error:
            # Whether there is something to give back is not known before somebody may look.
            return Postponed(f"{error.detail}; {error.next}")
        if found is None:
            return Done("nothing had been allocated")
        try:
            there = await registry.release(found)
        except RegistryUnreachable:
            raise
        except RegistryError as error:
            return Refused(f"{error.detail}; {error.next}", _granted(registry, found))
        return Done("what had been allocated was given back" if there else "what had been allocated is there no more")

    async def _session(self, step: IntentRecorded, row: SubscriberRecorded) -> Result:
        if self._sessions is None:
            return Postponed("no RADIUS is configured; set server in [radius], or cancel the step")
        session, coa = payload_of(step), step.step == Step.COA
        request = SessionRequest(
            username=session.get("username"),
            nas_ip=session.get("nas_ip"),
            network=row.network if coa else None,
            length=row.length if coa else None,
        )
        try:
            answer = await (self._sessions.change(request) if coa else self._sessions.disconnect(request))
        except InvalidSession as error:
            return Refused(f"{error.detail}; {error.next}")
        self.radius = answer.text if answer.verdict is Verdict.SILENCE else None
        return _heard(answer, coa=coa)


def _heard(answer: SessionAnswer, *, coa: bool) -> Result:
    match answer.verdict:
        case Verdict.ACK:
            return Done("ack")
        case Verdict.SILENCE:
            return Postponed(f"silence ({answer.text})")
        case Verdict.NAK:
            text = f"nak {answer.cause or 'without a cause'}"
            if coa:
                return Refused(text)
            return Done(text) if answer.cause == GONE else Postponed(text)


def _granted(registry: Registry, got: Allocation) -> Granted:
    return Granted(registry.name, got.id, got.network, got.length, got.parent)


def _allocation(row: SubscriberRecorded) -> Allocation:
    if row.network is None or row.length is None or row.ipv6_netbox_prefix_id is None:
        raise RegistryRefused(f"no IPAM holds a prefix for {row.id} any more", next="look for leaks")
    return Allocation(
        id=row.ipv6_netbox_prefix_id,
        network=row.network,
        length=row.length,
        parent=row.parent,
        operation=row.operation,
        tenant=row.tenant,
        subscriber=row.id,
        status=row.ipv6_state,
    )
