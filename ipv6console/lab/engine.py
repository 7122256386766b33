"""The engine of the lab: its configuration, and how the lab asks it whether it is ready."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ipv6console.lab import radius
from ipv6console.lab.plan import LabPlan, Partner
from ipv6console.lab.service import Service
from ipv6console.lab.topology import Topology
from ipv6console.lab.unixhttp import UnixConnection

URL = "http://127.0.0.1:16000"
SOCKET = "engine.sock"
CONFIG = "config.toml"

# Neighbour tables are limited for the whole machine (1,024 entries by default), and labs may run side by side.
_PACE = 200
_MAX_TOTAL = 500

# Nothing in the lab is further away than a millisecond.
_TIMEOUT = 1.5

SPACE = "subscribers"
"""The space that a lab without an IPAM takes subscribers' prefixes from."""

# Who looks at a fault wants to see soon what it does to a request, and that it is over.
_WAIT, _RETRY_MAX = 3.0, 4.0
_RADIUS_TIMEOUT = 0.5

# A training ground shows within five seconds what a real host finds out within a minute: a probe, and two timeouts.
_PROBE = 0.5


def write_config(directory: Path, plan: LabPlan, topology: Topology, services: Mapping[Partner, Service]) -> Path:
    """Write the engine's configuration into `directory` and return its path."""
    urls = [f"http://[{address}]/ip" for address in topology.echo_addresses]
    sections: dict[str, dict[str, str | float | list[str]]] = {
        "engine": {"socket": str(directory / SOCKET), "state_dir": str(directory / "state")},
        "pool": {"usable_num": plan.usable_num, "max_total": max(_MAX_TOTAL, 2 * plan.usable_num)},
        "check": {"urls": urls, "timeout": _TIMEOUT, "probe": _PROBE, "pace": max(_PACE, plan.usable_num)},
        "network": {"ndp": plan.strategy},
    }
    if plan.partners:
        # Without an IPAM prefixes are cut out of a space that whoever tries it makes.
        spaces = [] if Partner.IPAM in plan.partners else [SPACE]
        sections["lifecycle"] = {"wait": _WAIT, "retry_max": _RETRY_MAX, "spaces": spaces}
    if Partner.IPAM in plan.partners:
        sections["netbox"] = {
            "url": f"http://[{topology.ipam_address}]",
            "token_file": str(services[Partner.IPAM].secret),
            "parents": [str(topology.delegated)],
            "timeout": _TIMEOUT,
        }
    if Partner.RADIUS in plan.partners:
        sections["radius"] = {
            "server": f"[{topology.radius_address}]:{radius.PORT}",
            "secret_file": str(services[Partner.RADIUS].secret),
            "timeout": _RADIUS_TIMEOUT,
        }
    lines = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        # What JSON calls strings, numbers and lists, TOML 1.0 reads alike.
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        lines.append("")
    path = directory / CONFIG
    path.write_text("\n".join(lines))
    return path


class EngineNotReady(Exception):
    """The engine cannot be worked with yet; the message says why."""


def require_ready(directory: Path, usable_num: int) -> None:
    """Return when the engine is well and its pool is full. Raises EngineNotReady."""
    state = _get(directory, "/state")
    health = _get(directory, "/health")
    idle = state["pool"]["idle"]
    if idle < usable_num:
        text = state["pool"]["text"]
        raise EngineNotReady(f"{idle} of {usable_num} addresses are idle" + (f" ({text})" if text else ""))
    if health["level"] == "fail":
        raise EngineNotReady("; ".join(finding["text"] for finding in health["findings"]) or "/health says fail")


def _get(directory: Path, path: str) -> dict[str, Any]:
    connection = UnixConnection(directory / SOCKET, timeout=2.0)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status not in (200, 503):
            raise EngineNotReady(f"{path} answers {response.status}: {body.decode(errors='replace')[:300]}")
        document = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise EngineNotReady(f"{path} does not answer: {error}") from error
    finally:
        connection.close()
    if not isinstance(document, dict):
        raise EngineNotReady(f"{path} answers no JSON object")
    return document
