"""The client library: the engine's API, and sessions that send from leased addresses.

Each name is loaded when it is first used: who only follows an engine's streams pays for neither sessions nor httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipv6console.client.asession import AsyncIPv6Session
    from ipv6console.client.engine import AsyncIPv6Client, IPv6Client
    from ipv6console.client.errors import (
        EngineRefused,
        EngineUnreachable,
        IPv6ConsoleError,
        LeaseLost,
        PoolEmpty,
    )
    from ipv6console.client.family import NoIPv6Address
    from ipv6console.client.lease import Lease
    from ipv6console.client.place import Place, find_place
    from ipv6console.client.request import Verdict
    from ipv6console.client.session import IPv6Session
    from ipv6console.client.stream import Connected, Disconnected
    from ipv6console.client.transport import AsyncLeasedTransport, LeasedTransport

__all__ = [
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

_PLACES = {
    "AsyncIPv6Client": "engine",
    "AsyncIPv6Session": "asession",
    "AsyncLeasedTransport": "transport",
    "Connected": "stream",
    "Disconnected": "stream",
    "EngineRefused": "errors",
    "EngineUnreachable": "errors",
    "IPv6Client": "engine",
    "IPv6ConsoleError": "errors",
    "IPv6Session": "session",
    "Lease": "lease",
    "LeaseLost": "errors",
    "LeasedTransport": "transport",
    "NoIPv6Address": "family",
    "Place": "place",
    "PoolEmpty": "errors",
    "Verdict": "request",
    "find_place": "place",
}

# Type checkers would take a `__getattr__` for a promise that every name exists.
if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
