"""The systems beside ours that the settings name; what speaks to one is imported when it is named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ipv6console.config import Settings
from ipv6console.engine.external import Registry, RegistryError, SessionControl

if TYPE_CHECKING:
    from ipv6console.integrations.netbox import NetBox

log = logging.getLogger("ipv6console.netbox")


@asynccontextmanager
async def registry(settings: Settings) -> AsyncIterator[Registry | None]:
    """Give the NetBox that is configured, if any, for the length of the block; what it lacks is told in the log.

    Raises OSError when its `ca_file` cannot be used.
    """
    if not settings.netbox.url:
        yield None
        return
    from ipv6console.integrations.netbox import NetBox  # noqa: PLC0415 - most engines have none

    netbox = NetBox(settings.netbox, settings.lifecycle.parent_choice)
    # Nobody waits for it: the pool serves whether NetBox is well or not.
    looking = asyncio.create_task(_look(netbox), name="netbox examination")
    try:
        yield netbox
    finally:
        looking.cancel()
        await netbox.close()


def sessions(settings: Settings) -> SessionControl | None:
    """Return what speaks to the RADIUS server that is configured, if any."""
    if not settings.radius.server:
        return None
    from ipv6console.integrations.radius import Radius  # noqa: PLC0415 - most engines have none

    return Radius(settings.radius)


async def _look(netbox: NetBox) -> None:
    try:
        await netbox.examine()
    except RegistryError as error:
        log.warning("%s; %s", error.detail, error.next)
