"""Releasing all that an instance has, planned first."""

from __future__ import annotations

from ipv6console.engine.caller import Caller
from ipv6console.engine.errors import InvalidRequest, NotFound
from ipv6console.engine.estate import Estate
from ipv6console.engine.planner import Prospect
from ipv6console.ipam.space import Space
from ipv6console.ipam.span import format_address
from ipv6console.quantity import many
from ipv6console.wire.event import EventLevel
from ipv6console.wire.plan import PlanRequest

_SAMPLE = 10


class InstanceRelease:
    """Plans and does release-instance."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def prospect(self, request: PlanRequest, caller: Caller) -> Prospect:
        """Return what an instance has in a space; raises Refusal."""
        space, instance = self._named(request, caller)
        rows = space.list_by_instance(instance)
        if not rows:
            raise NotFound(
                f"instance {instance} has nothing in space {space.row.name}",
                next=f"`ipv6console bindings list --space {space.row.name}` lists what is bound",
            )
        rest = space.row.quarantine
        return Prospect(
            target=f"{instance} of {space.row.name}",
            count=len(rows),
            sample=tuple(f"{format_address(row.family, row.address)} ({row.key})" for row in rows[:_SAMPLE]),
            fingerprint=tuple(row.id for row in rows),
            steps=(f"the addresses rest for {rest:g} s before they are bound again",) if rest else (),
        )

    async def carry_out(self, request: PlanRequest, reason: str, caller: Caller) -> int:
        """Release all that the instance has."""
        estate = self._estate
        with estate.deciding():
            space, instance = self._named(request, caller)
            ended = space.release_instance(instance, caller.label, estate.core.clock.now())
        if ended.changes:
            await estate.commit(*ended.changes)
        text = (
            f"{many(len(ended.rows), 'binding', 'bindings')} of instance {instance} in space {space.row.name} released"
        )
        estate.core.journal.write(
            "binding.released",
            f"{text}; {reason}" if reason else text,
            level=EventLevel.WARNING,
            subject=space.row.name,
            actor=caller.label,
            count=len(ended.rows),
            instance=instance,
            reason=reason or None,
        )
        return len(ended.rows)

    def _named(self, request: PlanRequest, caller: Caller) -> tuple[Space, str]:
        if request.space is None or request.instance is None:
            raise InvalidRequest("release-instance needs a space and an instance", next="give both, by their names")
        with self._estate.deciding():
            return self._estate.own(self._estate.seen(request.space, caller), caller), request.instance
