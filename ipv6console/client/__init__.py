"""The client library: the engine's API, and sessions that send from leased addresses."""

from ipv6console.client.asession import AsyncIPv6Session
from ipv6console.client.engine import AsyncIPv6Client, IPv6Client
from ipv6console.client.errors import (
    EngineRefused,
    EngineUnreachable,
    IPv6ConsoleError,
    LeaseLost,
    NoIPv6Address,
    PoolEmpty,
)
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
