"""The screens of the console: their keys and names, and where each is found when it is first opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipv6console.console.screens.page import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One screen: the app's mode and the id of the action that opens it, its key, and `module:Class` of its page.

    `command` is what tells the same outside the console, after `ipv6console`; empty when nothing does.
    """

    mode: str
    key: str
    title: str
    help: str
    path: str
    command: str

    def load(self) -> Page:
        """Import the page and build it; only called when it is first opened."""
        module, _, name = self.path.partition(":")
        page: Page = getattr(import_module(module), name)()
        return page


_SCREENS = "ipv6console.console.screens"
_ALL = (
    ("overview", "1", "Overview", "OverviewScreen", "how everything is, on one screen", "status"),
    ("pool", "2", "Pool", "PoolScreen", "every address: its state, its mirrors, its leases, its history", "addresses"),
    ("mirrors", "3", "Mirrors", "MirrorsScreen", "every mirror: its leases, who holds what, who bans it", "status"),
    ("prefixes", "4", "Prefixes", "PrefixesScreen", "every prefix and what became of it and its leases", "prefixes"),
    ("ndp", "5", "NDP", "NdpScreen", "how neighbours find this host, and the doctor's chain", "ndp"),
    ("ha", "6", "HA", "HaScreen", "this node's role and its peer", "status"),
    ("events", "7", "Events", "EventsScreen", "what happened, when, and who did it", "events"),
    ("space", "8", "Space", "SpaceScreen", "bindings and subscribers", ""),
)

TABS: tuple[Tab, ...] = tuple(
    Tab(mode=mode, key=key, title=title, help=told, path=f"{_SCREENS}.{mode}:{page}", command=command)
    for mode, key, title, page, told, command in _ALL
)
"""Every screen, in the order of the keys."""
