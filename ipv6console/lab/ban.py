"""Faults of the site: it bans callers, as web sites do. Its echo URLs are not concerned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ipv6console.lab.error import LabError
from ipv6console.lab.scene import Scene, Wish

SOCKET = "site.sock"
_SHOWN = 5


def ban(scene: Scene, wish: Wish) -> list[str]:
    """Have the site answer 403 to the share of its callers that called most, whatever page they want."""
    banned = _tell_site(scene.directory, f"/ban?share={wish.share}&by={wish.by}")["banned"]
    if not banned:
        raise LabError("nobody has called the site yet", "Start the lab with --scrapers, or visit it first.")
    named = ", ".join(banned[:_SHOWN]) + (f" and {len(banned) - _SHOWN} more" if len(banned) > _SHOWN else "")
    return [f"the site answers 403 to {named}"]


def pardon(scene: Scene, _wish: Wish) -> list[str]:
    """Have the site forget every ban."""
    count = _tell_site(scene.directory, "/pardon")["pardoned"]
    return [f"the site has forgotten {count} bans"]


def _tell_site(directory: Path, path: str) -> dict[str, Any]:
    from http.client import HTTPException  # noqa: PLC0415 - not for --help

    from ipv6console.lab.unixhttp import UnixConnection  # noqa: PLC0415 - not for --help

    connection = UnixConnection(directory / SOCKET, timeout=2.0)
    try:
        connection.request("POST", path)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError) as error:
        raise LabError(f"the site does not answer: {error}", "See site.log in the lab's directory.") from error
    finally:
        connection.close()
    return answer
