"""Those who do things for the app, each loaded when it is first called: none of them is needed for the first picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ipv6console.console.act import Acts
    from ipv6console.console.app import ConsoleApp
    from ipv6console.console.departure import Departure
    from ipv6console.console.desk import Desk
    from ipv6console.console.palette import ActionProvider


_LATER = (
    "ipv6console.console.act",
    "ipv6console.console.departure",
    "ipv6console.console.palette",
    "ipv6console.client.engine",
    "ipv6console.client.plain",
)
"""What keys need, and what is needed to ask the engine for something; with every dialog and httpx, 0.2 s."""


class Crew:
    """The part of the app that knows them."""

    @cached_property
    def acts(self) -> Acts:
        """What keys do."""
        from ipv6console.console.act import Acts  # noqa: PLC0415 - with every dialog, 60 ms

        return Acts(self._app)

    @cached_property
    def desk(self) -> Desk:
        """What an operator has at hand besides."""
        from ipv6console.console.desk import Desk  # noqa: PLC0415 - as above

        return Desk(self._app)

    @cached_property
    def departure(self) -> Departure:
        """The ways out."""
        from ipv6console.console.departure import Departure  # noqa: PLC0415 - as above

        return Departure(self._app)

    async def get_ready(self, then: Callable[[], None]) -> None:
        """Load all of it piece by piece, so that keys and frames get in between; then do `then`."""
        for module in _LATER:
            import_module(module)
            await asyncio.sleep(0)
        then()

    def action_command_palette(self) -> None:
        """Find any action by name."""
        from ipv6console.console.palette import Palette  # noqa: PLC0415 - as above

        if not isinstance(self._app.screen, Palette):
            self._app.push_screen(Palette())

    def leave_quietly(self) -> None:
        """Leave as a signal asks for it."""
        self.departure.quietly()

    @property
    def _app(self) -> ConsoleApp:
        return cast("ConsoleApp", self)


def provider() -> type[ActionProvider]:
    """Return what finds actions for the palette."""
    from ipv6console.console.palette import ActionProvider  # noqa: PLC0415 - as above

    return ActionProvider
