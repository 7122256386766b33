"""kill -9 at random points under load, three times; `make soak` does it a hundred times."""

from __future__ import annotations

import os

import pytest

from tests.faults.conftest import MakeHost
from tests.faults.crash import crash

pytestmark = pytest.mark.privileged

ROUNDS = 3


def test_what_scrapers_were_told_survives_kill_9_at_random_points_under_load(make_host: MakeHost) -> None:
    tally = crash(make_host(), ROUNDS, os.urandom(4).hex())
    assert tally.answered > 100
