"""What docs/install.md shows of the doctor, held to the lab."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "install.md"
PATIENCE = 60.0
PROGRAM = (sys.executable, "-m", "ipv6console")


def shown() -> dict[str, str]:
    """Return the doctor's reports on the page, by the options of the lab they were seen in."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"<!-- lab: (.*) -->\n\n((?:    .*\n)+)", text)
    return {options: re.sub("^    ", "", block, flags=re.MULTILINE) for options, block in found}


def told(report: str) -> list[str]:
    """Return the verdict and the steps without what differs from run to run: drawn addresses and process numbers."""
    lines = [line for line in report.splitlines() if not line.startswith(" ")]
    drawn = re.findall(r"freebind (\S+): ok", report)
    return [re.sub(r"\b\d+ answers", "N answers", line.replace(drawn[0], "ADDRESS")) for line in lines]


def test_the_page_shows_the_doctor_for_each_kind_of_line() -> None:
    assert len(shown()) == PAGE.read_text(encoding="utf-8").count("<!-- lab:") == 3


@pytest.mark.privileged
@pytest.mark.parametrize("options", shown())
def test_the_doctor_says_in_the_lab_what_the_page_shows(options: str) -> None:
    done = subprocess.run(
        [*PROGRAM, "lab", "run", *shlex.split(options), "--", *PROGRAM, "doctor"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert told(shown()[options]) == told(done.stdout), f"the page is to show:\n{done.stdout}"
