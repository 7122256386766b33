"""The screens of the console: their keys and names, and where each is found when it is first opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipv6console.console.screens.page import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One screen: the app's mode and the id of the action that opens it, its key, and `module:Class` of its page."""

    mode: str
    key: str
    title: str
    help: str
    path: str

    def load(self) -> Page:
        """Import the page and build it; only called when it is first opened."""
        module, _, name = self.path.partition(":")
        page: Page = getattr(import_module(module), name)()
        return page


_SCREENS = "ipv6console.console.screens"

TABS: tuple[Tab, ...] = (
    Tab(
        mode="overview",
        key="1",
        title="Overview",
        help="how everything is, on one screen",
        path=f"{_SCREENS}.overview:OverviewScreen",
    ),
)
"""Every screen, in the order of the keys."""
