"""The pool's machine of the suite, for a million steps."""

from __future__ import annotations

import sys
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.unit.pool.test_pool_machine import PoolMachine

PARTS = 8
"""So many runs, which processes may share; each with a seed of its own, or all would do the same."""
AT_ONCE = 500

pytestmark = pytest.mark.timeout(0)


class Counted(PoolMachine):
    """Counts what it did in all its examples."""

    steps: ClassVar[int] = 0

    @invariant()
    def count(self) -> None:
        Counted.steps += 1


@pytest.mark.parametrize("part", range(PARTS))
def test_a_million_steps_of_the_pool_find_it_as_its_model_says(
    part: int, steps: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Counted.steps, begun = 0, part
    chosen = settings(
        max_examples=AT_ONCE,
        stateful_step_count=100,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    while Counted.steps < steps / PARTS:
        run_state_machine_as_test(seed(begun)(Counted), settings=chosen)
        begun += PARTS
    with capsys.disabled():
        sys.stdout.write(f"\npart {part}: {Counted.steps:,} steps\n")
