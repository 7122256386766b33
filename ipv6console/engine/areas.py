"""Where subscribers' prefixes come from, as far as that is known here."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from ipv6console.config import Settings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.spaces import Spaces

_READER = Caller("leak finder", frozenset({Scope.READ}))


class Areas:
    """First and last address of each: the parents that NetBox is asked for, if they are named as prefixes, else the ranges."""

    def __init__(self, settings: Settings, spaces: Spaces) -> None:
        self._settings = settings
        self._spaces = spaces

    def __call__(self) -> tuple[tuple[int, int], ...]:
        """Return them as they are now."""
        if self._settings.netbox.url:
            parents = [IPv6Network(text) for text in self._settings.netbox.parents if "/" in text]
            return tuple((int(it.network_address), int(it.broadcast_address)) for it in parents)
        rows = self._spaces.ranges(None, _READER).ranges
        named = self._settings.lifecycle.spaces
        return tuple(
            (int(IPv6Address(row.first)), int(IPv6Address(row.last)))
            for row in rows
            if row.family == 6 and row.space in named
        )
