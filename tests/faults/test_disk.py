"""EIO under load; a disk without room is in tests/commands, and both with kill -9 are in `make soak`."""

from __future__ import annotations

import os

import pytest

from tests.faults.conftest import MakeHost
from tests.faults.disk import FAILING, suffer

pytestmark = pytest.mark.privileged


def test_a_disk_that_fails_under_load_costs_nobody_what_was_acknowledged(make_host: MakeHost) -> None:
    suffer(make_host(disk="16m", durability="power"), FAILING, os.urandom(4).hex(), killed=False)
