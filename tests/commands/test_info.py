from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ipv6console import __version__, daemon, paths
from ipv6console.cli import run
from ipv6console.commands.failure import ExitCode
from ipv6console.config import Settings
from ipv6console.configvalue import KINDS


@pytest.fixture(autouse=True)
def system_file(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = own_home / "etc" / "config.toml"
    monkeypatch.setattr(paths, "SYSTEM_CONFIG", path)
    return path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert run(["info", "--json", "--socket", "/nonexistent.sock", *words]) == ExitCode.DONE
    return json.loads(capsys.readouterr().out)


def settings(document: Any) -> dict[str, Any]:
    return {item["name"]: item for item in document["settings"]}


def test_info_tells_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    found = settings(told(capsys))
    assert set(found) == {f"{section}.{key}" for section, kinds in KINDS.items() for key in kinds}
    assert found["pool.lease_ttl"]["value"] == Settings().pool.lease_ttl
    assert found["pool.lease_ttl"]["source"] == "default"


def test_info_names_the_flag_the_variable_or_the_line_that_set_it(
    system_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system_file.parent.mkdir()
    system_file.write_text("[pool]\n\nspread = 48\n", encoding="utf-8")
    monkeypatch.setenv("IPV6CONSOLE_POOL_MAX_MIRRORS", "7")
    document = told(capsys, "-n", "50", "-p", "17000")
    found = settings(document)
    assert {name: (found[name]["source"], found[name]["where"], found[name]["value"]) for name in (
        "pool.spread", "pool.max_mirrors", "pool.usable_num", "engine.listen",
    )} == {
        "pool.spread": ("file", f"{system_file}:3", 48),
        "pool.max_mirrors": ("environment", "IPV6CONSOLE_POOL_MAX_MIRRORS", 7),
        "pool.usable_num": ("flag", "--usable-num", 50),
        "engine.listen": ("flag", "--port", ["127.0.0.1:17000", "[::1]:17000"]),
    }  # fmt: skip
    files = {place["path"]: place["found"] for place in document["paths"] if place["what"] == "settings"}
    assert files == {str(system_file): "read", str(paths.user_config()): "not there"}


def test_info_hides_passwords_tokens_and_queries(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_CHECK_URLS", "https://me:hush@a.example/ip?key=hush,https://b.example/ip")
    monkeypatch.setenv("IPV6CONSOLE_URL", "http://me:hush@[::1]:1/")
    monkeypatch.setenv("IPV6CONSOLE_TOKEN", "hush")
    monkeypatch.setenv("IPV6CONSOLE_TOKEN_FILE", "/etc/token")
    document = told(capsys)
    assert "hush" not in json.dumps(document)
    assert settings(document)["check.urls"]["value"] == ["https://me:***@a.example/ip?***", "https://b.example/ip"]
    assert document["environment"]["IPV6CONSOLE_TOKEN_FILE"] == "/etc/token"


def test_info_shows_of_webhooks_and_commands_what_is_no_secret(
    system_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system_file.parent.mkdir()
    system_file.write_text(
        '[[notify.webhook]]\nname = "pager"\nurl = "https://me:hush@hooks.example/hush?hush"\n'
        'proxy = "http://me:hush@proxy.example:3128"\nheaders = { X-Key = "hush" }\n'
        '[[notify.command]]\nname = "siren"\nargv = ["/bin/siren", "--key", "hush"]\n',
        encoding="utf-8",
    )
    document = told(capsys)
    assert "hush" not in json.dumps(document)
    found = settings(document)
    [webhook] = found["notify.webhook"]["value"]
    assert (webhook["url"], webhook["proxy"]) == ("https://hooks.example/***", "http://proxy.example:3128")
    assert webhook["headers"] == ["X-Key=***"]
    assert found["notify.command"]["value"][0]["argv"] == ["/bin/siren", "***", "***"]
    assert found["notify.webhook"]["where"] == f"{system_file}:1"
    assert run(["info"]) == ExitCode.DONE
    assert "hush" not in capsys.readouterr().out


def test_info_names_the_variable_that_stands_for_a_flag(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", "/nonexistent.sock")
    assert run(["info", "--json"]) == ExitCode.DONE
    found = settings(json.loads(capsys.readouterr().out))["engine.socket"]
    assert (found["source"], found["where"]) == ("environment", "IPV6CONSOLE_SOCKET")


def test_info_needs_no_engine_and_says_that_none_answers(capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys)
    assert document["engine"]["place"] == "socket /nonexistent.sock"
    assert "no engine answers" in document["engine"]["detail"]
    assert document["versions"]["ipv6console"] == __version__


def test_info_in_lines_has_a_part_for_each_kind_of_fact(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info"]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["versions", "paths", "engine", "settings"]


def test_info_refuses_settings_that_cannot_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", "--listen", "everywhere"]) == ExitCode.USAGE
    assert "--listen: IPV4:PORT or [IPV6]:PORT is expected" in capsys.readouterr().err


def test_the_database_is_where_the_engine_keeps_it(tmp_path: Path) -> None:
    assert paths.database_file(str(tmp_path)) == tmp_path / daemon.DATABASE
