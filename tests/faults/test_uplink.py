"""An uplink that fails under load, shortly; `make soak` takes a minute and a hundred times."""

from __future__ import annotations

import os

import pytest

from tests.faults.conftest import MakeHost
from tests.faults.uplink import cut, flap

pytestmark = pytest.mark.privileged


def test_a_cable_that_is_cut_under_load_costs_nobody_a_lease(make_host: MakeHost) -> None:
    cut(make_host(uplink=True), os.urandom(4).hex())


def test_a_prefix_that_comes_and_goes_under_load_serves_in_the_end_and_leaves_nothing_behind(
    make_host: MakeHost,
) -> None:
    flap(make_host(uplink=True), os.urandom(4).hex(), 6)
