from __future__ import annotations

import subprocess
import sys

import ipv6console.client

_LOADED = """
import contextvars, sys
import httpx
before = set(sys.modules)
import ipv6console.client
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""


def test_importing_the_client_loads_httpx_and_itself_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", _LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ipv6console"]


def test_the_package_exports_this() -> None:
    assert ipv6console.client.__all__ == [
        "AsyncIPv6Client",
        "AsyncIPv6Session",
        "AsyncLeasedTransport",
        "Connected",
        "Disconnected",
        "EngineRefused",
        "EngineUnreachable",
        "IPv6Client",
        "IPv6ConsoleError",
        "IPv6Session",
        "Lease",
        "LeaseLost",
        "LeasedTransport",
        "NoIPv6Address",
        "Place",
        "PoolEmpty",
        "Verdict",
        "find_place",
    ]
    assert all(hasattr(ipv6console.client, name) for name in ipv6console.client.__all__)
