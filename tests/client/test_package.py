from __future__ import annotations

import subprocess
import sys

import pytest

import ipv6console.client

_LOADED = """
import contextvars, sys
import ipv6console.client
assert "httpx" not in sys.modules
import httpx
before = set(sys.modules)
for name in ipv6console.client.__all__:
    getattr(ipv6console.client, name)
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""


def test_importing_the_client_loads_nothing_but_itself_and_using_it_httpx() -> None:
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


def test_a_name_the_package_does_not_have_is_an_attribute_error_and_those_it_has_are_listed() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = ipv6console.client.Nothing  # type: ignore[attr-defined]
    assert set(ipv6console.client.__all__) <= set(dir(ipv6console.client))
