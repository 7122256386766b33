"""A NetBox to allocate from: the lab's always, and a real one when NETBOX_URL and NETBOX_TOKEN name it."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipv6console.config import NetBoxSettings
from ipv6console.engine.external import AllocationRequest
from ipv6console.integrations.netbox import NetBox
from ipv6console.lab.ipam import Ipam
from ipv6console.lab.ipamserver import IpamServer

TOKEN = "0123456789abcdef0123456789abcdef01234567"
FIELD = "ipv6console_operation"
TAG = "ipv6console"
HAS_REAL = "NETBOX_URL" in os.environ


@dataclass
class Netbox:
    """A NetBox and a container in it, seen as its administrator sees it."""

    settings: NetBoxSettings
    admin: httpx.AsyncClient
    container: IPv6Network
    stack: AsyncExitStack
    made: list[int] = field(default_factory=list)

    async def api(self, method: str, path: str, expected: int = 0, **options: Any) -> Any:
        """Ask as the administrator; `expected` is the status that must come, 0 any success."""
        answer = await self.admin.request(method, path, **options)
        assert answer.status_code == expected if expected else answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def parent(self, text: str = "", status: str = "container") -> int:
        """Make a prefix to cut out of and return its id; it goes with all that is in it when the test ends."""
        made = await self.api("POST", "ipam/prefixes/", json={"prefix": text or str(self.container), "status": status})
        self.made.append(made["id"])
        return int(made["id"])

    def subnet(self, length: int, number: int = 0) -> str:
        """Return one of the subnets of the container."""
        network = int(self.container.network_address) + (number << (128 - length))
        return str(IPv6Network((network, length)))

    def registry(self, *parents: int | str, choice: str = "order", **settings: Any) -> NetBox:
        """Return what is tested; it is closed when the test ends."""
        told = replace(self.settings, parents=tuple(map(str, parents)), **settings)
        registry = NetBox(told, choice)
        self.stack.push_async_callback(registry.close)
        return registry

    async def rows(self, **query: str | int) -> list[dict[str, Any]]:
        """Return the prefixes in the container."""
        query = {"within": str(self.container), "limit": 1_000, **query}
        rows: list[dict[str, Any]] = (await self.api("GET", "ipam/prefixes/", params=query))["results"]
        return rows

    async def clear(self) -> None:
        for row in [*await self.rows(), *({"id": number} for number in self.made)]:
            await self.admin.delete(f"ipam/prefixes/{row['id']}/")


@asynccontextmanager
async def prepared(url: str, token: str, folder: Path) -> AsyncIterator[Netbox]:
    """Make what the registry needs in a NetBox, and take the prefixes out of it in the end."""
    file = folder / "token"
    file.write_text(f"{token}\n")
    settings = NetBoxSettings(url=url.rstrip("/"), token_file=str(file))
    keyword = "Bearer" if token.startswith("nbt_") else "Token"
    # A prefix of its own: several runs may share a real NetBox.
    container = IPv6Network((0xFD << 120 | secrets.randbits(40) << 80, 48))
    async with (
        AsyncExitStack() as stack,
        httpx.AsyncClient(
            base_url=f"{url}/api/", headers={"Authorization": f"{keyword} {token}"}, trust_env=False
        ) as admin,
    ):
        netbox = Netbox(settings, admin, container, stack)
        for path, key, name, document in (
            ("extras/tags/", "slug", TAG, {"name": TAG, "slug": TAG}),
            (
                "extras/custom-fields/",
                "name",
                FIELD,
                {"name": FIELD, "type": "text", "object_types": ["ipam.prefix"], "filter_logic": "exact"},
            ),
        ):
            if not (await netbox.api("GET", path, params={key: name}))["results"]:
                await netbox.api("POST", path, json=document)
        try:
            yield netbox
        finally:
            await netbox.clear()


@pytest.fixture
async def fake() -> AsyncIterator[IpamServer]:
    """The lab's IPAM, listening."""
    server = IpamServer(Ipam(), TOKEN)
    async with server.listening():
        yield server


@pytest.fixture
async def faulty(fake: IpamServer, tmp_path: Path) -> AsyncIterator[Netbox]:
    """The lab's IPAM, for what a real one does only now and then."""
    async with prepared(fake.root, TOKEN, tmp_path) as netbox:
        yield netbox
        fake.switches.fail = fake.switches.mute = fake.switches.garble = 0
        fake.switches.latency = 0


@pytest.fixture(params=["fake", "real"] if HAS_REAL else ["fake"])
async def netbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Netbox]:
    """A NetBox that keeps the contract: what is tested with it holds for both."""
    if request.param == "real":
        async with prepared(os.environ["NETBOX_URL"].rstrip("/"), os.environ["NETBOX_TOKEN"], tmp_path) as real:
            yield real
        return
    server = IpamServer(Ipam(), TOKEN)
    async with server.listening() as url, prepared(url, TOKEN, tmp_path) as own:
        yield own


@pytest.fixture
def wanted() -> Callable[..., AllocationRequest]:
    """Return a function that makes a request of an operation of its own."""

    def make(length: int = 56, *, operation: str = "", parent: int | None = None) -> AllocationRequest:
        return AllocationRequest(
            operation=operation or secrets.token_hex(16),
            length=length,
            parent=parent,
            tenant="north",
            subscriber="sub of 1",
        )

    return make
