"""A token file that cannot be used: every command that would show it says so, with the next step, and does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipv6console.cli import run
from ipv6console.commands.failure import ExitCode

URL = "http://[::1]:9"
COMMANDS = [
    ("status",),
    ("pick", "-d", "task1"),
    ("report", "2001:db8::1", "idle"),
    ("events", "--follow"),
    ("doctor",),
    ("flush", "--all", "--yes"),
    ("token", "list"),
    ("who", "2001:db8::1"),
]


@pytest.fixture(params=["missing", "a folder", "not ASCII", "empty", "two words"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "token"
    if request.param == "a folder":
        path.mkdir()
    elif request.param != "missing":
        path.write_bytes({"not ASCII": b"\xff\xfehush", "empty": b"", "two words": b"hush hush"}[request.param])
    return path


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_file_named_by_the_environment(
    words: tuple[str, ...], file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_TOKEN_FILE", str(file))
    _is_refused((*words, "--url", URL), file, capsys)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_file_named_by_the_option(words: tuple[str, ...], file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _is_refused((*words, "--url", URL, "--token-file", str(file)), file, capsys)


@pytest.mark.parametrize("words", [("console",), (), ("attach", URL)], ids=["console", "nothing", "attach"])
def test_the_console_says_so_before_it_draws(
    words: tuple[str, ...], file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_TOKEN_FILE", str(file))
    _is_refused(words, file, capsys)


def _is_refused(words: tuple[str, ...], file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert str(file) in err
    assert "\n  next: name a file that holds one with --token-file FILE or IPV6CONSOLE_TOKEN_FILE" in err
    assert "hush" not in err
    assert "Traceback" not in err
