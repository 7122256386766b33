"""A process that ends between any two statements leaves every prefix held by one subscriber everywhere, or free everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).parents[2]
MOMENTS, TRIES = 350, 10
"""About so many moments the lives have, and so many of them are tried here, others each time."""


@pytest.mark.parametrize("kind", ["embedded", "file"])
def test_no_prefix_is_lost_or_had_by_two_when_the_process_ends_at_any_statement(kind: str, tmp_path: Path) -> None:
    seed = os.urandom(4).hex()
    moments = sorted(Random(seed).sample(range(1, MOMENTS), TRIES))
    command = [sys.executable, "-m", "tests.engine.mortal", kind, str(tmp_path), *map(str, moments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    told = json.loads(done.stdout)
    assert told["wrong"] == [], (moments, done.stderr[-3_000:])
    assert told["ended"] > TRIES // 2
