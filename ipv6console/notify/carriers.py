"""The carriers the settings ask for."""

from __future__ import annotations

from ipv6console.config import NotifySettings
from ipv6console.engine.protocol import Carrier
from ipv6console.notify.command import CommandCarrier


def carriers(settings: NotifySettings) -> tuple[Carrier, ...]:
    """Return one for each webhook and command, in the order of the settings."""
    if not settings.webhook:
        return tuple(CommandCarrier(row) for row in settings.command)
    # Loaded before the engine serves, and only where there is somebody to call.
    from ipv6console.notify.webhook import WebhookCarrier  # noqa: PLC0415 - httpx costs time and memory

    return (*(WebhookCarrier(row) for row in settings.webhook), *(CommandCarrier(row) for row in settings.command))
