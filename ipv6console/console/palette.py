"""The palette: every action of the registry by name, and who held an address."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from ipv6console.console.action import ACTIONS, Action
from ipv6console.console.keyring import key_of
from ipv6console.console.screens.who import address_in
from ipv6console.console.standing import obstacle

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class ActionProvider(Provider):
    """Finds actions; one that cannot be done says why instead of its help."""

    def _told(self, item: Action) -> tuple[str, str]:
        console = cast("ConsoleApp", self.app)
        reason = obstacle(item, console.standing)
        return f"{item.title} ({key_of(item)})", f"Not now: {reason}" if reason else item.help

    async def discover(self) -> Hits:
        """Offer all of them."""
        for item in ACTIONS:
            if item.palette:
                title, told = self._told(item)
                yield DiscoveryHit(title, partial(self.app.run_action, f"act('{item.id}')"), help=told)

    async def search(self, query: str) -> Hits:
        """Offer those that match."""
        addr = address_in(query)
        if addr is not None:
            console = cast("ConsoleApp", self.app)
            yield Hit(
                1.0, f"Who held {addr}", partial(console.acts.who, addr), help="Looks it up in the history of leases."
            )
        matcher = self.matcher(query)
        for item in ACTIONS:
            title, told = self._told(item)
            score = max(matcher.match(title), matcher.match(item.help) * 0.5)
            if item.palette and score > 0:
                run = partial(self.app.run_action, f"act('{item.id}')")
                yield Hit(score, matcher.highlight(title), run, help=told)
