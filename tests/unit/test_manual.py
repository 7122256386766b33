from __future__ import annotations

import subprocess
from pathlib import Path

from ipv6console.cli import COMMANDS
from ipv6console.manual import page

PAGE = Path(__file__).resolve().parents[2] / "packaging" / "ipv6console.1"


def test_the_man_page_is_the_one_the_commands_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "renew it with `make manual`"


def test_the_man_page_is_formatted_without_a_warning() -> None:
    done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", PAGE], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_reader_of_the_man_page_finds_every_command_with_its_options_as_they_are_typed() -> None:
    shown = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou", PAGE], capture_output=True, text=True, check=True
    ).stdout
    missing = [name for name in COMMANDS if f"ipv6console {name}" not in shown]
    assert missing == []
    assert "--usable-num" in shown
    lines = [line.strip() for line in shown.splitlines()]
    assert any(line.startswith("renumber") for line in lines), "each fault of the lab is on a line of its own"
    assert any(line.startswith("ndp-kill") for line in lines)
    for variable in ("IPV6CONSOLE_URL", "IPV6CONSOLE_TOKEN_FILE", "IPV6CONSOLE_LAB"):
        assert variable in shown
