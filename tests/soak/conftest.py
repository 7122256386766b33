"""What lasts too long for the suite: `make soak`, or `pytest tests/soak --minutes 3` for a shorter one."""

from __future__ import annotations

import pytest

from tests.faults.conftest import make_host
from tests.integration.conftest import start_lab

__all__ = ["make_host", "start_lab"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=60.0, help="how long the console is left running (60)")
    parser.addoption("--times", type=int, default=20, help="how often the snapshots are compared (20)")
    parser.addoption("--steps", type=int, default=1_000_000, help="how many steps the pool's machine takes (1000000)")
    parser.addoption("--inputs", type=int, default=1_000_000, help="how many requests are said to both paths (1000000)")
    parser.addoption("--rounds", type=int, default=100, help="how often the engine is killed under load (100)")
    parser.addoption("--examples", type=int, default=2_000, help="how many lives of spaces are compared (2000)")


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    found = request.config.getoption("--rounds")
    assert isinstance(found, int)
    return found


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    found = request.config.getoption("--minutes")
    assert isinstance(found, float)
    return found


@pytest.fixture
def times(request: pytest.FixtureRequest) -> int:
    found = request.config.getoption("--times")
    assert isinstance(found, int)
    return found


@pytest.fixture
def steps(request: pytest.FixtureRequest) -> int:
    found = request.config.getoption("--steps")
    assert isinstance(found, int)
    return found


@pytest.fixture
def inputs(request: pytest.FixtureRequest) -> int:
    found = request.config.getoption("--inputs")
    assert isinstance(found, int)
    return found


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    found = request.config.getoption("--examples")
    assert isinstance(found, int)
    return found
