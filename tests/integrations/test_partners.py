"""Which systems beside ours an engine has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ipv6console.config import NetBoxSettings, RadiusSettings, Settings
from ipv6console.integrations.partners import registry, sessions
from ipv6console.lab.ipamserver import IpamServer
from tests.integrations.conftest import Netbox

pytestmark = pytest.mark.anyio


async def test_none_is_made_that_is_not_configured() -> None:
    async with registry(Settings()) as made:
        assert made is None
    assert sessions(Settings()) is None


class Told(logging.Handler):
    """What the log is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put_nowait(record.getMessage())


@pytest.fixture
def told() -> Iterator[Told]:
    handler = Told()
    log = logging.getLogger("ipv6console.netbox")
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


async def test_what_netbox_lacks_is_in_the_log_from_the_start_and_nobody_waits_for_it(
    fake: IpamServer, faulty: Netbox, told: Told
) -> None:
    settings = Settings(netbox=replace(faulty.settings, tag="gone-tag"))
    async with registry(settings) as made:
        assert made is not None
        assert made.name == "netbox"
        assert told.lines.empty()
        async with asyncio.timeout(30):
            line = await told.lines.get()
    assert line.startswith("NetBox has no tag gone-tag, which marks what is ours; create it there")
    fake.switches.latency = 60
    async with registry(settings):
        pass
    assert told.lines.empty()


async def test_authorities_that_cannot_be_used_are_told_before_the_engine_runs(tmp_path: Path) -> None:
    settings = Settings(netbox=NetBoxSettings(url="https://netbox", ca_file=str(tmp_path)))
    with pytest.raises(OSError, match=r"netbox\.ca_file: "):
        async with registry(settings):
            pass


async def test_radius_is_spoken_to_when_its_server_is_named() -> None:
    assert sessions(Settings(radius=RadiusSettings(server="nas"))) is not None
