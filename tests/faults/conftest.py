"""Hosts for fault tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.host import PROGRAM, Host

MakeHost = Callable[..., Host]


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[MakeHost]:
    """A function that makes a host with an engine's settings for the pool; they all end with the test."""
    hosts: list[Host] = []

    def make(program: tuple[str, ...] = PROGRAM, disk: str = "", *, uplink: bool = False, **pool: object) -> Host:
        folder = tmp_path / f"host{len(hosts)}"
        folder.mkdir()
        hosts.append(Host(folder, pool, program, disk, uplink=uplink))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()
