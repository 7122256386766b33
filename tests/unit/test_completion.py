from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ipv6console.cli import COMMANDS, run
from ipv6console.commands.failure import ExitCode


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return an `ipv6console` that bash can call."""
    path = tmp_path / "ipv6console"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ipv6console "$@"\n')
    path.chmod(0o755)
    return path


def completed(program: Path, *words: str) -> list[str]:
    """Return what bash offers for the last of `words`, by the script the program printed."""
    typed = " ".join(f"'{word}'" for word in ("ipv6console", *words))
    script = (
        f'eval "$({program} completion bash)"\n'
        f"COMP_WORDS=({typed}) COMP_CWORD={len(words)}\n"
        f"_ipv6console_completion {program}\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_offers_every_command(program: Path) -> None:
    assert completed(program, "") == list(COMMANDS)


def test_bash_completes_a_command_an_option_and_a_value(program: Path) -> None:
    assert completed(program, "leas") == ["leases"]
    assert completed(program, "serve", "--usa") == ["--usable-num"]
    assert completed(program, "report", "2001:db8::1", "b") == ["bad"]
    assert completed(program, "net", "tear") == ["teardown"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == ExitCode.DONE
    assert f"_IPV6CONSOLE_COMPLETE={shell}_complete" in capsys.readouterr().out
