from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.linux import process
from ipv6console.linux.ndp import child
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.wire.status import Level
from tests.linux.conftest import Peer, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]


@pytest.mark.parametrize("strategy", ["ndppd", "responder"])
async def test_a_daemon_that_cannot_be_started_for_lack_of_files_is_started_when_there_are_some(
    strategy: str, upstream: Peer, netlink: Netlink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = NetworkSettings(ndp=strategy, firewall=False)
    reach = HostReach(settings, tmp_path, netlink)
    (prefix,) = (await KernelWatch(settings, netlink).view()).prefixes

    async def refuse(*_: Any, **__: Any) -> asyncio.subprocess.Process:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def level() -> tuple[Level, str]:
        (row,) = await reach.inspect()
        return row.ndp.level, row.ndp.text

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", refuse)
        async with asyncio.timeout(20):
            await reach.announce(prefix)
        found, text = await level()
        assert found is Level.FAIL
        assert f"{strategy} cannot be run: Too many open files; starting it again" in text

    async def answers() -> bool:
        return (await level())[0] in (Level.OK, Level.WARN)

    await until(answers)
    await reach.withdraw_all()


@contextmanager
def no_files_left() -> Iterator[None]:
    """Take every file this process may have."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 64, most))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


async def test_a_daemon_that_is_well_is_left_alone_when_there_are_no_files_to_look_at_it_with(
    upstream: Peer, netlink: Netlink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SAMPLE", 0.02)
    settings = NetworkSettings(ndp="ndppd", firewall=False)
    reach = HostReach(settings, tmp_path, netlink)
    (prefix,) = (await KernelWatch(settings, netlink).view()).prefixes
    await reach.announce(prefix)
    (before,) = await reach.inspect()
    stopped, looks = process.stopped, 0

    def counted(pid: int) -> bool:
        nonlocal looks
        looks += 1
        return stopped(pid)

    monkeypatch.setattr(process, "stopped", counted)
    with no_files_left():
        await until(lambda: looks > 3 * child.SICK_SAMPLES)

    (after,) = await reach.inspect()
    assert (after.ndp.level, after.ndp.pid, after.ndp.restarts) == (Level.OK, before.ndp.pid, 0)
    await reach.withdraw_all()
