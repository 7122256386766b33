"""The systems beside ours that the settings name; what speaks to one is imported when it is named."""

from __future__ import annotations

from ipv6console.config import Settings
from ipv6console.engine.external import Registry, SessionControl


def registry(settings: Settings) -> Registry | None:
    """Return the NetBox that is configured, if any. Raises OSError when its `ca_file` cannot be used."""
    if not settings.netbox.url:
        return None
    from ipv6console.integrations.netbox import NetBox  # noqa: PLC0415 - most engines have none

    return NetBox(settings.netbox, settings.lifecycle.parent_choice)


def sessions(settings: Settings) -> SessionControl | None:
    """Return what speaks to the RADIUS server that is configured, if any."""
    if not settings.radius.server:
        return None
    from ipv6console.integrations.radius import Radius  # noqa: PLC0415 - most engines have none

    return Radius(settings.radius)
