from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from ipv6console.cli import COMMANDS, run
from ipv6console.commands.failure import ExitCode

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ("bindings", "lab", "mirror", "net", "notify", "outbox", "space", "subscriber", "token")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def shown_commands() -> list[str]:
    found = set()
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("    "):
                found |= set(re.findall(r"^ +(?:sudo )?(?:\.venv/bin/)?ipv6console( [^#\\|]*)?", line))
    return sorted(words.strip() for words in found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("words", shown_commands())
def test_every_command_the_pages_show_exists(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    parts = shlex.split(words) or ["console"]
    options = [part for part in parts if part.startswith("--") and part != "--"]
    named = [part for part in parts[:2] if not part.startswith("-")]
    known = named[: 2 if parts[0] in GROUPS else 1]
    assert run([*known, "--help"]) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert [option for option in options if option not in shown] == []


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    # The console is what opens when no command is named.
    assert [name for name in COMMANDS if f"ipv6console {name}" not in text and name != "console"] == []
