"""The spaces beside their model, as in the suite, for long."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ipv6console.ipam import occupancy
from tests.unit.ipam.machine import SpacesMachine

pytestmark = pytest.mark.timeout(0)


@pytest.mark.parametrize("chunk", [4, 512])
def test_spaces_agree_with_the_dumb_model(examples: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occupancy, "LOAD", chunk)
    run_state_machine_as_test(
        SpacesMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=150,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
