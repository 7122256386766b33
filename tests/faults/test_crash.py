"""kill -9 at random points under load, three times; `make soak` does it a hundred times."""

from __future__ import annotations

import json
import os
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from tests.faults.conftest import MakeHost
from tests.faults.crash import crash
from tests.faults.host import PATIENCE
from tests.faults.place import PORT, PREFIX, SITE
from tests.faults.sender import Sent

pytestmark = pytest.mark.privileged

ROUNDS = 3


def test_what_scrapers_were_told_survives_kill_9_at_random_points_under_load(make_host: MakeHost) -> None:
    tally = crash(make_host(), ROUNDS, os.urandom(4).hex())
    assert tally.answered > 100
    assert tally.sent >= ROUNDS


def test_a_caller_from_the_hosts_own_address_is_seen_by_the_site(make_host: MakeHost) -> None:
    host = make_host()
    assert host.strays() == []
    careless = host.run("curl", "-sSf", f"http://[{SITE}]:{PORT}/ip")
    told, _ = careless.communicate(timeout=PATIENCE)
    assert (told, host.strays()) == (SITE, [SITE])


@pytest.mark.parametrize(
    ("before", "after", "seen", "wrong"),
    [
        ("2001:db8:5::1", "2001:db8:5::1", "2001:db8:5::1", 0),
        ("2001:db8:5::1", "2001:db8:5::2", "2001:db8:5::2", 0),
        ("2001:db8:5::1", "2001:db8:5::1", "2001:db8:5::3", 1),
        (SITE, SITE, SITE, 1),
    ],
)
def test_a_session_that_sends_from_what_it_does_not_hold_is_found(
    before: str, after: str, seen: str, wrong: int, tmp_path: Path
) -> None:
    entry = json.dumps({"before": before, "after": after, "seen": seen})
    (tmp_path / "lasting.sent").write_text(f'{entry}\n{{"error": "EngineUnreachable"}}\n{{"bef')
    sent = Sent(tmp_path, IPv6Network(PREFIX))
    sent.read()
    sent.read()
    assert (sent.answered, sent.refused, len(sent.wrong)) == (1, 1, wrong)
