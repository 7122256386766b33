"""The fault tests of the suite, longer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import MakeHost
from tests.faults.crash import crash
from tests.faults.crowd import gather
from tests.faults.power import cut_log_everywhere

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(0)]


@pytest.mark.parametrize("durability", ["process", "power"])
def test_what_scrapers_were_told_survives_kill_9_at_random_points_under_load(
    durability: str, make_host: MakeHost, rounds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = crash(make_host(durability=durability), rounds, os.urandom(4).hex())
    with capsys.disabled():
        sys.stdout.write(f"\n{durability}: {tally}\n")


def test_a_log_cut_at_any_frame_or_within_one_holds_the_first_so_many_acknowledged_commits(
    make_host: MakeHost, tmp_path: Path, rounds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = cut_log_everywhere(make_host(durability="power"), tmp_path, rounds)
    with capsys.disabled():
        sys.stdout.write(f"\n{rounds} picks and reports: the log was cut at {opened} places\n")


def test_picks_are_answered_beside_ten_thousand_idle_connections(make_host: MakeHost) -> None:
    assert gather(make_host(), 10_000) >= 10_000
