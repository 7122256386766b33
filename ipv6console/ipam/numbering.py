"""The ids that rows get."""

from __future__ import annotations

from dataclasses import dataclass

from ipv6console.ipam.change import SpaceSnapshot

EMBEDDED = "embedded"
"""The registry, in a subscriber's row, whose ids are those of delegations."""


@dataclass(slots=True)
class Numbering:
    """The last id that was given out of each kind."""

    space: int = 0
    range: int = 0
    reservation: int = 0
    binding: int = 0
    delegation: int = 0

    def restore(self, snapshot: SpaceSnapshot) -> None:
        """Go on behind what was committed, and never back.

        A subscriber may keep the id of a prefix that was given back: nobody else's may come to have it.
        """
        told = (row.ipv6_netbox_prefix_id or 0 for row in snapshot.subscribers if row.registry == EMBEDDED)
        self.space = max(self.space, *(row.id for row in snapshot.spaces), 0)
        self.range = max(self.range, *(row.id for row in snapshot.ranges), 0)
        self.reservation = max(self.reservation, *(row.id for row in snapshot.reservations), 0)
        self.binding = max(self.binding, *(row.id for row in snapshot.bindings), 0)
        self.delegation = max(self.delegation, *(row.id for row in snapshot.delegations), *told, 0)
