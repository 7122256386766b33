"""`attach`: which engines are opened, and with whose token."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ipv6console.commands import attach as module
from ipv6console.commands.attach import attach

ONE, TWO = "http://edge1.example:16000", "http://edge2.example:16000"


class Shown:
    """What the console would have been opened with."""

    def __init__(self) -> None:
        self.target = ""
        self.options: dict[str, Any] = {}

    def __call__(self, _launch: object, target: str, **options: Any) -> int:
        self.target, self.options = target, options
        return 0


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shown:
    found = Shown()
    monkeypatch.setattr(module, "show", found)
    monkeypatch.setattr(module, "require_terminal", lambda: None)
    monkeypatch.setattr(module, "_is_locked", lambda _url, token: not token)
    monkeypatch.delenv("IPV6CONSOLE_TOKEN_FILE", raising=False)
    monkeypatch.delenv("IPV6CONSOLE_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return found


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "e.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield path


def called(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(attach, list(words), input=typed)


def test_several_engines_are_opened_each_with_its_own_token(shown: Shown, listening: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"token-{name}\n")
    files = ("--token-file", str(tmp_path / "one"), "--token-file", str(tmp_path / "two"))
    assert called(ONE, str(listening), TWO, *files).exit_code == 0
    assert (shown.target, shown.options["token"]) == (ONE, "token-one")
    assert shown.options["others"] == [(str(listening), ""), (TWO, "token-two")]
    assert shown.options["attached"] is True


def test_one_token_file_is_for_every_url(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("token-one\n")
    assert called(ONE, TWO, "--token-file", str(tmp_path / "one")).exit_code == 0
    assert (shown.options["token"], shown.options["others"]) == ("token-one", [(TWO, "token-one")])


def test_the_environment_gives_the_token(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPV6CONSOLE_TOKEN", "from-environment")
    assert called(ONE).exit_code == 0
    assert shown.options["token"] == "from-environment"


def test_a_socket_is_shown_no_token(shown: Shown, listening: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPV6CONSOLE_TOKEN", "from-environment")
    assert called(str(listening)).exit_code == 0
    assert shown.options["token"] == ""


def test_an_engine_that_lets_nobody_look_without_a_token_has_it_asked_for_and_not_shown(shown: Shown) -> None:
    result = called(ONE, typed="typed-in\n")
    assert result.exit_code == 0
    assert shown.options["token"] == "typed-in"
    assert f"Bearer token for {ONE}" in result.output
    assert "typed-in" not in result.output


def test_a_token_is_asked_for_when_that_is_wanted(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_is_locked", lambda _url, _token: False)
    assert called(ONE, "--ask-token", typed="typed-in\n").exit_code == 0
    assert shown.options["token"] == "typed-in"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing argument"),
        ((ONE, ONE), "named twice"),
        (tuple(f"http://h{number}:1" for number in range(10)), "9 engines can be open at once"),
        (("http://",), "no engine URL"),
        ((ONE, TWO, f"{TWO}0", "--token-file", "a", "--token-file", "b"), "once for each of the 3 URLs"),
        ((ONE, "--ask-token", "--token-file", "a"), "two tokens"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_opened(
    shown: Shown, words: tuple[str, ...], said: str
) -> None:
    result = called(*words)
    assert result.exit_code == 2
    assert said in result.output
    assert shown.target == ""
