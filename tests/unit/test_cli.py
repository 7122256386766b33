from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ipv6console import __version__
from ipv6console.cli import COMMANDS, root, run
from ipv6console.commands.failure import MEANINGS, ExitCode
from ipv6console.console import call, lookup
from ipv6console.wire.plan import PlanAction, PlanRequest

ROOT = Path(__file__).resolve().parents[2]


OTHERS = {"attach", "backup", "completion", "console", "info", "lab", "net", "restore", "serve"}
"""Commands that do not ask an engine, or name it in another way."""

GROUPS = {(name,) for name in ("bindings", "mirror", "notify", "outbox", "space", "subscriber", "token")}
"""Groups, whose commands have the options."""


def every_command() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        found.append((name,))
        command = root.get_command(click.Context(root), name)
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.commands]
    return found


def test_version_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"ipv6console {__version__}\n"


def test_the_module_answers_version_like_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ipv6console", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"ipv6console {__version__}\n"


def test_help_lists_every_command_with_its_own_short_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == ExitCode.DONE
    out = capsys.readouterr().out
    for name, text in COMMANDS.items():
        command = root.get_command(click.Context(root), name)
        assert command is not None
        assert command.short_help == text
        assert re.search(rf"^  {name} ", out, re.MULTILINE)


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--help"]) == ExitCode.DONE
    out = capsys.readouterr().out
    shown = re.sub(r"\s+", " ", out)
    if words != ("net",):
        assert "Example: " in shown
        assert f"ipv6console {words[0]}" in shown.partition("Example: ")[2] or "$(ipv6console" in shown
    if words not in GROUPS and words[0] not in OTHERS:
        assert "--json" in out
        assert "--url" in out
        assert "--socket" in out


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["--nonsense"],
        ["serve", "-p", "70000"],
        ["serve", "-p", "1", "--listen", "[::1]:2"],
        ["serve", "-n", "0"],
        ["serve", "--listen", "everywhere"],
        ["serve", "--inherit", "a,b"],
        ["pick", "-n", "0"],
        ["pick", "-n", "101"],
        ["pick", "-n", "many"],
        ["pick", "--ttl", "soon"],
        ["pick", "--url", "http://[::1]:1", "--socket", "/x"],
        ["pick", "--url", "ftp://x"],
        ["report", "2001:db8::1", "good"],
        ["check"],
        ["reset"],
        ["reset", "2001:db8::1", "--all"],
        ["drain"],
        ["drain", "mirror"],
        ["drain", "planet", "earth"],
        ["drain", "mirror", "a", "--prefix", "2001:db8::/64"],
        ["flush"],
        ["flush", "task1", "--all"],
        ["revoke", "2001:db8::1"],
        ["revoke", "--reason", "x"],
        ["revoke", "2001:db8::1", "2001:db8::/64", "--reason", "x"],
        ["attach", "nonsense://x"],
        ["lab", "run"],
        ["lab", "--name", "x", "serve"],
        ["console", "--config", "/nonexistent.toml"],
        ["pick", "-n", "2", "--wait", "3"],
        ["pick", "--wait", "6m"],
        ["addresses", "--state", "bad"],
        ["who"],
        ["who", "2001:db8::1", "--at", "yesterday"],
        ["who", "2001:db8::1", "--at", "2026-13-01"],
        ["who", "2001:db8::1", "--at", "soon ago"],
        ["mirror", "show"],
        ["mirror", "set", "a"],
        ["mirror", "set", "a", "--usable-num", "0"],
        ["mirror", "set", "a", "--usable-num", "3", "--unset", "usable-num"],
        ["mirror", "set", "a", "--unset", "speed"],
        ["token", "create", "a"],
        ["token", "create", "a", "--scope", "everything"],
        ["token", "create", "a", "--scope", "read", "--output", "/nonexistent/file"],
        ["import-json"],
        ["import-json", "/nonexistent"],
        ["completion"],
        ["completion", "powershell"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_says_why(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip()) > 10
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    "words", [["status"], ["pick"], ["leases"], ["events", "-f"], ["flush", "x", "-y"], ["attach", "/nonexistent.sock"]]
)
def test_without_an_engine_a_command_ends_with_3_and_says_how_to_start_one(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", "/nonexistent.sock")
    assert run(words) == ExitCode.UNREACHABLE
    err = capsys.readouterr().err
    assert err.startswith("ipv6console: no engine answers at socket /nonexistent.sock")
    assert "next: start one with `ipv6console serve`" in err


def test_every_command_line_the_console_shows_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    door = call.Door("/nonexistent.sock")
    requests = (
        PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname="task1"),
        PlanRequest(action=PlanAction.FLUSH_POOL),
        PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=("2001:db8::1", "2001:db8::2")),
        PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix="2001:db8::/64"),
    )
    shown = [
        call.spawn(door, 3),
        *(call.drain_mirror(door, "task1", draining=draining) for draining in (True, False)),
        *(call.drain_prefix(door, "2001:db8::/64", draining=draining) for draining in (True, False)),
        *(call.planned(door, request, None, "it's why") for request in requests),
        lookup.doctor(door, None),
        lookup.doctor(door, "2001:db8::/64"),
        call.reset(door, "task1", ("2001:db8::1",)),
        call.reset_all(door, "task1"),
        lookup.state(door),
        lookup.state_at(door, 1_790_000_000.0),
        lookup.events(door, level="warning", start=1_790_000_000.0),
        lookup.who(door, "2001:db8::1"),
        lookup.mirror(door, "task1"),
        call.Call(door.cli("bundle")),
    ]
    for line in (one.cli for one in shown):
        program, *words = shlex.split(line)
        assert program == "ipv6console"
        assert run(words) == ExitCode.UNREACHABLE, line
        assert "at socket /nonexistent.sock" in capsys.readouterr().err


def test_a_flag_names_another_engine_than_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", "/nonexistent.sock")
    assert run(["status", "--url", "http://[::1]:1"]) == ExitCode.UNREACHABLE
    assert "at http://[::1]:1" in capsys.readouterr().err


def test_the_console_says_that_it_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == ExitCode.USAGE
    assert "the console needs a terminal" in capsys.readouterr().err


def test_wrong_settings_end_with_2_and_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[pool]\nusable = 3\n")
    assert run(["serve", "--config", str(path)]) == ExitCode.USAGE
    assert f"{path}:2: there is no key usable in [pool]; did you mean usable_num?" in capsys.readouterr().err


def test_a_bug_is_not_taken_for_an_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(root, "main", broken)
    assert run(["status"]) == ExitCode.BUG
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_reader_that_has_gone_ends_the_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "ipv6console", "--help"], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (ExitCode.NO, "")


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    documented = {int(code): text for code, text in re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE)}
    assert documented == {code.value: text for code, text in MEANINGS.items()}
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.privileged
def test_net_tells_what_it_would_do_without_doing_it_and_undoes_what_it_did() -> None:
    """On a host with a prefix that is routed to it."""
    host = "ip link set lo up; ip link add pool0 type veth peer lan0; ip link set pool0 up; ip link set lan0 up"
    state = "{ ip -6 route show table local proto 160; nft list tables; sysctl net.ipv6.ip_nonlocal_bind; }"
    net = f"{sys.executable} -m ipv6console net"
    script = f"""
        {host}; ip addr add 2001:db8:7::1/56 dev pool0 nodad; export IPV6CONSOLE_NETWORK_NDP=routed; {state}; echo
        {net} plan --json; echo; {net} apply --dry-run --json; echo; {state}; echo
        {net} apply --json; echo; {net} teardown --dry-run --json; echo; {net} teardown --json; echo; {state}
    """
    done = subprocess.run(["unshare", "-n", "sh", "-ec", script], capture_output=True, text=True, check=True)
    before, planned, dry, still, made, undoing, undone, after = (part.strip() for part in done.stdout.split("\n\n"))

    assert before == still == after == "net.ipv6.ip_nonlocal_bind = 0"
    commands = [change["command"].split()[0] for change in json.loads(planned)]
    assert commands == ["sysctl", "nft", "ip"]
    assert json.loads(dry) == json.loads(planned)
    assert [change["command"].split()[0] for change in json.loads(made)] == commands
    assert json.loads(undoing) == json.loads(undone)
    assert [change["command"].split()[0] for change in json.loads(undone)] == ["ip", "nft", "sysctl"]


@pytest.mark.parametrize("words", [["status"], ["status", "--watch"], ["events", "-f"], ["attach", "http://[::1]:1"]])
def test_a_token_file_that_cannot_be_used_is_named_and_never_shown(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "token"
    path.write_text("not a token", encoding="utf-8")
    assert run([*words, "--token-file", str(path)]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert f"token_file {path} holds no bearer token" in err
    assert "not a token" not in err


def test_no_command_takes_a_token_as_an_argument() -> None:
    for words in every_command():
        command: click.Command | None = root
        context = click.Context(root)
        for word in words:
            assert isinstance(command, click.Group)
            command = command.get_command(context, word)
        assert command is not None
        assert "--token" not in {option for parameter in command.params for option in parameter.opts}


def test_output_that_cannot_be_written_is_an_error_that_says_so() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ipv6console", "info"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == ExitCode.NO
    assert done.stderr == (
        "ipv6console: the output cannot be written: No space left on device\n  next: make room, or send it elsewhere\n"
    )
