"""Spaces against the dumb model, for a short while; `make soak` has the long one."""

from __future__ import annotations

import pytest
from hypothesis import settings

from ipv6console.ipam import occupancy
from tests.unit.ipam.machine import SpacesMachine


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide and join chunks all the time, which otherwise thousands of addresses are needed for."""
    monkeypatch.setattr(occupancy, "LOAD", 4)


SpacesMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestSpaces = SpacesMachine.TestCase
