"""A real engine on a real store behind the real server; only the kernel is a stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ipv6console.api.limits import LIMITS
from tests.api.service import Service, serving, settings_in


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Run on uvloop, as the engine does: its transports are not asyncio's."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Serve an engine of the test's own, its pool filled from 2001:db8:0:1::/64."""
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        yield service


@pytest.fixture(scope="module")
async def shared_service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Serve one engine to a module whose tests leave it as it was."""
    folder = tmp_path_factory.mktemp("api")
    async with serving(settings_in(folder), folder, LIMITS) as service:
        yield service
