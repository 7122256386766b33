"""The fault tests of the suite, longer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import MakeHost
from tests.faults.crash import crash
from tests.faults.crowd import gather
from tests.faults.disk import FAILING, FULL, Fault, suffer
from tests.faults.power import cut_log_everywhere
from tests.faults.uplink import cut, flap

PICKS = 60
"""As many as a log holds before SQLite begins it anew, after 1,000 pages."""

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(0)]


@pytest.mark.parametrize("durability", ["process", "power"])
def test_what_scrapers_were_told_survives_kill_9_at_random_points_under_load(
    durability: str, make_host: MakeHost, rounds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = crash(make_host(durability=durability), rounds, os.urandom(4).hex())
    with capsys.disabled():
        sys.stdout.write(f"\n{durability}: {tally}\n")


def test_a_log_cut_at_any_frame_or_within_one_holds_the_first_so_many_acknowledged_commits(
    make_host: MakeHost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = cut_log_everywhere(make_host(durability="power"), tmp_path, PICKS)
    with capsys.disabled():
        sys.stdout.write(f"\n{PICKS} picks and reports: the log was cut at {opened} places\n")


def test_picks_are_answered_beside_ten_thousand_idle_connections(make_host: MakeHost) -> None:
    assert gather(make_host(), 10_000) >= 10_000


@pytest.mark.parametrize("fault", [FULL, FAILING], ids=["full", "failing"])
@pytest.mark.parametrize("killed", [False, True])
def test_a_disk_that_fails_under_load_costs_nobody_what_was_acknowledged(
    fault: Fault, killed: bool, make_host: MakeHost
) -> None:
    suffer(make_host(disk="16m", durability="power"), fault, os.urandom(4).hex(), killed=killed)


def test_a_cable_that_is_cut_under_load_for_a_minute_costs_nobody_a_lease(make_host: MakeHost) -> None:
    cut(make_host(uplink=True), os.urandom(4).hex(), 60.0)


def test_a_prefix_that_comes_and_goes_under_load_serves_in_the_end_and_leaves_nothing_behind(
    make_host: MakeHost, rounds: int
) -> None:
    flap(make_host(uplink=True), os.urandom(4).hex(), rounds)
