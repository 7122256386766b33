from __future__ import annotations

import errno
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from ipv6console.api.limits import LIMITS
from ipv6console.cli import run
from ipv6console.commands.failure import ExitCode
from tests.api.service import PREFIX, Service, serving, settings_in

pytestmark = pytest.mark.anyio


@dataclass
class Said:
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        yield service


@pytest.fixture
def command(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Return a function that runs a command on the engine, through its Unix socket."""
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(service.path))

    async def call(*words: str) -> Said:
        capsys.readouterr()
        code = await anyio.to_thread.run_sync(run, list(words))
        return Said(code, *capsys.readouterr())

    return call


async def test_pick_prints_the_address_alone_on_stdout(command: Callable[..., Any]) -> None:
    said = await command("pick", "-d", "task1")
    assert said.code == ExitCode.DONE
    assert said.out.startswith("2001:db8:0:1:")
    assert len(said.out.splitlines()) == 1
    assert "lease " in said.err


async def test_pick_as_json_is_the_engines_answer(command: Callable[..., Any]) -> None:
    answer = (await command("pick", "--ttl", "15m", "--holder", "me", "--json")).json
    assert answer["ttl"] == 900
    listed = (await command("leases", "--json")).json
    assert [(row["addr"], row["holder"]) for row in listed["leases"]] == [(answer["addr"], "me")]


async def test_several_are_picked_at_once(command: Callable[..., Any]) -> None:
    said = await command("pick", "-n", "3")
    assert said.code == ExitCode.DONE
    assert len(set(said.out.splitlines())) == 3


async def test_an_address_that_one_host_bans_is_picked_for_another(command: Callable[..., Any]) -> None:
    banned = (await command("pick")).out.strip()
    await command("report", banned, "bad", "--target", "shop.example")
    for words, found in (((), False), (("--target", "shop.example"), False), (("--target", "news.example"), True)):
        said = await command("pick", "-n", "100", *words)
        assert (banned in said.out.splitlines()) is found, words
        await command("reset", *said.out.split())


async def test_a_pick_that_finds_nothing_ends_with_1(command: Callable[..., Any]) -> None:
    await command("pick")
    await command("drain", "mirror", "default")
    said = await command("pick")
    assert (said.code, said.out) == (ExitCode.NO, "")
    assert "draining" in said.err
    assert "next: " in said.err


async def test_a_report_ends_the_lease_and_a_second_one_is_told_no(command: Callable[..., Any]) -> None:
    addr = (await command("pick")).out.strip()
    assert (await command("report", addr, "idle")).code == ExitCode.DONE
    said = await command("report", addr, "idle")
    assert said.code == ExitCode.NO
    assert "not leased" in said.err


async def test_check_tells_good_from_bad_addresses(command: Callable[..., Any]) -> None:
    addr = (await command("pick")).out.strip()
    assert (await command("check", addr)).code == ExitCode.DONE
    said = await command("check", addr, "2001:db8:9::1")
    assert said.code == ExitCode.NO
    assert [line.split()[-1] for line in said.out.splitlines()] == ["ok", "fail"]


async def test_reset_makes_addresses_idle(command: Callable[..., Any]) -> None:
    addr = (await command("pick")).out.strip()
    assert (await command("reset", addr)).out == "1 of 1 made idle in mirror default\n"
    await command("pick", "-n", "2")
    assert (await command("reset", "--all")).out == "2 made idle in mirror default\n"
    unknown = await command("reset", "2001:db8:9::1")
    assert (unknown.code, unknown.out) == (ExitCode.NO, "0 of 1 made idle in mirror default\n")
    assert "next: `ipv6console addresses`" in unknown.err


async def test_spawn_prints_what_it_made(command: Callable[..., Any]) -> None:
    said = await command("spawn", "3")
    assert said.code == ExitCode.DONE
    assert len(said.out.splitlines()) == 3


@pytest.mark.parametrize("words", [("drain", "prefix", PREFIX), ("drain", "--prefix", PREFIX)])
async def test_a_prefix_is_drained_and_taken_up_again(command: Callable[..., Any], words: tuple[str, ...]) -> None:
    assert "is draining" in (await command(*words)).out
    assert (await command("pick")).code == ExitCode.NO
    assert (await command(*words, "--off", "--json")).json["state"] == "active"
    assert (await command("pick")).code == ExitCode.DONE


async def test_an_unagreed_plan_is_shown_and_not_applied(command: Callable[..., Any]) -> None:
    addr = (await command("pick", "-d", "task1")).out.strip()
    said = await command("flush", "task1")
    assert said.code == ExitCode.USAGE
    assert "1 live lease ends" in said.out
    assert addr in (await command("leases")).out


@pytest.mark.parametrize("words", [("flush", "task1"), ("flush", "-d", "task1"), ("flush", "--all")])
async def test_flush_applies_the_plan_when_told_yes(command: Callable[..., Any], words: tuple[str, ...]) -> None:
    await command("pick", "-d", "task1")
    said = await command(*words, "--yes")
    assert said.code == ExitCode.DONE
    assert "1 lease ended" in said.out
    assert (await command("leases", "--json")).json["total"] == 0


async def test_revoked_addresses_are_never_picked_again(command: Callable[..., Any]) -> None:
    addr = (await command("pick")).out.strip()
    said = await command("revoke", addr, "--reason", "abuse report", "--yes", "--json")
    assert (said.code, said.json["count"]) == (ExitCode.DONE, 1)
    picked = (await command("pick", "-n", "100")).out.splitlines()
    assert picked
    assert addr not in picked


async def test_a_prefix_is_revoked_whole(command: Callable[..., Any]) -> None:
    said = await command("revoke", PREFIX, "--reason", "given back", "--yes")
    assert said.code == ExitCode.DONE
    assert (await command("pick")).code == ExitCode.NO


async def test_a_refusal_ends_with_4_and_the_problem_document(command: Callable[..., Any], service: Service) -> None:
    url = f"http://127.0.0.1:{service.ports[0]}"
    said = await command("flush", "--all", "--yes", "--json", "--url", url)
    assert said.code == ExitCode.REFUSED
    assert said.json["status"] == 403
    assert "next: Use the Unix socket" in said.err


@pytest.mark.parametrize(
    "words",
    [("pick", "-d", "../x"), ("check", "10.0.0.1"), ("check", "no:address"), ("report", "fe80::1%eth0", "idle")],
)
async def test_input_without_meaning_ends_with_4_and_says_why(
    command: Callable[..., Any], words: tuple[str, ...]
) -> None:
    said = await command(*words)
    assert said.code == ExitCode.REFUSED
    assert said.out == ""
    assert "next: " in said.err


async def test_status_shows_each_part_with_a_level_in_words(command: Callable[..., Any]) -> None:
    await command("pick", "-d", "task1")
    said = await command("status", "--plain")
    assert said.out.isascii()
    for start in ("prefix ", "pool ", "mirrors ", "store "):
        assert any(line.startswith(start) for line in said.out.splitlines()), start
    assert PREFIX in said.out
    assert "task1" in said.out


async def test_status_as_json_is_the_state_document(command: Callable[..., Any]) -> None:
    state = (await command("status", "--json")).json
    assert [row["prefix"] for row in state["prefixes"]] == [PREFIX]


async def test_events_are_found_by_what_they_are_about(command: Callable[..., Any]) -> None:
    await command("pick", "-d", "task1")
    await command("drain", "mirror", "task1")
    await command("drain", "prefix", PREFIX)
    found = await command("events", "--subject", "task1", "--kind", "mirror.", "--json")
    assert [json.loads(line)["kind"] for line in found.out.splitlines()] == ["mirror.drained"]
    assert PREFIX in (await command("events", "--kind", "prefix.drained", "--from", "1h ago")).out
    assert not (await command("events", "--kind", "prefix.drained", "--until", "1h ago")).out
    refused = await command("events", "--until", "soon")
    assert refused.code == ExitCode.USAGE
    assert "2h ago" in refused.err


async def test_the_prefixes_are_listed_and_one_tells_its_life(command: Callable[..., Any]) -> None:
    listed = await command("prefixes")
    assert listed.code == ExitCode.DONE
    assert PREFIX in listed.out
    await command("drain", "prefix", PREFIX)
    story = await command("prefixes", PREFIX, "--json")
    assert [entry["turn"] for entry in story.json["entries"]] == ["seen", "drained"]
    assert "drained" in (await command("prefixes", PREFIX)).out
    unknown = await command("prefixes", "2001:db8:dead::/64")
    assert unknown.code == ExitCode.NO
    assert "ipv6console prefixes" in unknown.err


async def test_events_are_listed_oldest_first(command: Callable[..., Any]) -> None:
    lines = [json.loads(line) for line in (await command("events", "--json")).out.splitlines()]
    ids = [event["id"] for event in lines]
    assert ids == sorted(ids)
    assert len(ids) > 1
    rest = await command("events", "--since", str(ids[0]), "--limit", "1", "--json")
    assert json.loads(rest.out)["id"] == ids[1]


async def test_doctor_walks_the_chain(command: Callable[..., Any]) -> None:
    said = await command("doctor")
    assert said.code == ExitCode.DONE
    assert said.out.startswith(f"{PREFIX} on eth0: routed\ninterface  ● ok")
    report = (await command("doctor", "--json")).json
    assert (report["prefix"], report["verdict"]) == (PREFIX, "routed")
    assert [(step["name"], step["level"], step["fix"]) for step in report["steps"]] == [("interface", "ok", None)]


async def test_an_engine_is_found_by_its_socket_in_the_runtime_folder(
    command: Callable[..., Any], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IPV6CONSOLE_SOCKET")
    monkeypatch.setenv("IPV6CONSOLE_ENGINE_SOCKET", str(service.path))
    assert (await command("status")).code == ExitCode.DONE


async def test_info_tells_which_engine_answers(command: Callable[..., Any], service: Service) -> None:
    told = (await command("info", "--json")).json
    assert told["engine"]["place"] == f"socket {service.path}"
    assert told["engine"]["pid"] == os.getpid()
    assert told["engine"]["store"].startswith("sqlite:////")


async def test_a_pick_that_waits_in_vain_ends_with_1(command: Callable[..., Any]) -> None:
    await command("pick")
    await command("drain", "mirror", "default")
    assert (await command("pick", "--wait", "0.1s")).code == ExitCode.NO


async def test_who_tells_who_held_an_address_and_until_when(command: Callable[..., Any]) -> None:
    addr = (await command("pick", "-d", "task1", "--holder", "crawler 7")).out.strip()
    assert "still" in (await command("who", addr)).out
    await command("report", addr, "bad", "-d", "task1", "--target", "shop.example", "--reason", "HTTP 403")
    [row] = (await command("who", addr, "--json")).json["entries"]
    assert row["holder"] == "crawler 7"
    assert row["process"].startswith("pid ")
    assert (row["verdict"], row["target"]) == ("bad", "shop.example")
    assert "shop.example" in (await command("who", addr, "-d", "task1")).out


@pytest.mark.parametrize("when", ["2026-01-01T00:00:00+01:00", "2026-01-01 00:00", "300d ago"])
async def test_who_says_that_nobody_held_it_then(command: Callable[..., Any], when: str) -> None:
    addr = (await command("pick")).out.strip()
    said = await command("who", addr, "--at", when)
    assert (said.code, said.out) == (ExitCode.NO, "")
    assert f"nobody is known to have held {addr} at " in said.err


async def test_targets_are_the_sites_that_ban(command: Callable[..., Any]) -> None:
    for _ in range(2):
        addr = (await command("pick", "-d", "task1")).out.strip()
        await command("report", addr, "bad", "-d", "task1", "--target", "shop.example", "--reason", "HTTP 403")
    [row] = (await command("targets", "--json")).json["targets"]
    assert (row["target"], row["bans"], row["addresses"]) == ("shop.example", 2, 2)
    assert "HTTP 403" in (await command("targets", "-d", "task1")).out


async def test_targets_are_listed_over_pages_and_what_the_limit_leaves_out_is_told(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = ["a.example", "b.example", "c.example"]
    for host in hosts:
        addr = (await command("pick", "-d", "task1")).out.strip()
        await command("report", addr, "bad", "-d", "task1", "--target", host)
    monkeypatch.setattr("ipv6console.commands.targets._PAGE", 1)
    rows = (await command("targets", "--json")).json
    assert ([row["target"] for row in rows["targets"]], rows["next"]) == (hosts[::-1], None)
    assert "2 targets; there are more, raise --limit" in (await command("targets", "--limit", "2")).err


async def test_addresses_are_listed_with_the_mirrors_they_are_taken_in(command: Callable[..., Any]) -> None:
    addr = (await command("pick", "-d", "task1")).out.strip()
    everything = (await command("addresses", "--json")).json
    assert everything["total"] == len(everything["addresses"]) > 1
    using = (await command("addresses", "-d", "task1", "--state", "using", "--json")).json["addresses"]
    assert [(row["addr"], row["leased_in"]) for row in using] == [(addr, ["task1"])]
    assert len((await command("addresses", "--limit", "2")).out.splitlines()) == 3


async def test_a_mirror_keeps_what_is_set_until_it_is_unset(command: Callable[..., Any]) -> None:
    await command("pick", "-d", "task1")
    await command("mirror", "set", "task1", "--usable-num", "3", "--lease-ttl", "15m")
    said = await command("mirror", "set", "task1", "--unset", "usable-num", "--check-url", "http://c.example/")
    assert said.code == ExitCode.DONE
    found = (await command("mirror", "show", "task1", "--json")).json
    assert (found["usable_num"], found["lease_ttl"], found["check_urls"]) == (None, 900, ["http://c.example/"])
    assert "lease-ttl          15m" in (await command("mirror", "show", "task1")).out


async def test_a_token_lets_in_what_its_scope_says_and_no_more_once_revoked(
    command: Callable[..., Any], service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    said = await command("token", "create", "ci", "--scope", "operate", "--output", str(file))
    assert (said.code, said.out) == (ExitCode.DONE, "")
    assert file.stat().st_mode & 0o777 == 0o600
    [row] = (await command("token", "list", "--json")).json["tokens"]
    assert (row["name"], row["scope"]) == ("ci", "operate")
    assert file.read_text().strip() not in (await command("token", "list")).out
    url = ("--url", f"http://127.0.0.1:{service.ports[0]}")
    assert (await command("drain", "prefix", PREFIX, *url)).code == ExitCode.REFUSED
    assert (await command("drain", "prefix", PREFIX, *url, "--token-file", str(file))).code == ExitCode.DONE
    monkeypatch.setenv("IPV6CONSOLE_TOKEN_FILE", str(file))
    assert (await command("drain", "prefix", PREFIX, "--off", *url)).code == ExitCode.DONE
    monkeypatch.delenv("IPV6CONSOLE_TOKEN_FILE")
    assert (await command("token", "revoke", "ci")).code == ExitCode.DONE
    refused = await command("status", *url, "--token-file", str(file))
    assert refused.code == ExitCode.REFUSED
    assert "revoked" in refused.err


async def test_a_token_is_printed_alone_when_no_file_is_named(command: Callable[..., Any]) -> None:
    said = await command("token", "create", "ci", "--scope", "read")
    assert len(said.out.split()) == 1
    assert said.out.strip() not in said.err


async def test_a_token_that_is_refused_leaves_no_file(command: Callable[..., Any], tmp_path: Path) -> None:
    said = await command("token", "create", "no good", "--scope", "read", "--output", str(tmp_path / "token"))
    assert said.code == ExitCode.REFUSED
    assert not (tmp_path / "token").exists()


async def test_a_token_never_overwrites_a_file(command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("other")
    said = await command("token", "create", "ci", "--scope", "read", "--output", str(tmp_path / "token"))
    assert said.code == ExitCode.USAGE
    assert (tmp_path / "token").read_text() == "other"
    assert (await command("token", "list", "--json")).json["tokens"] == []


OLD = "2001:db8:0:1:9d3c:1:2:3"
OLD_STRANGER = "2001:db8:0:1:9d3c:1:2:4"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Return a folder as the older pool leaves it; one of its two addresses no longer works."""
    folder = tmp_path / "older"
    (folder / "ipv6_mirrors").mkdir(parents=True)
    at = "2026-06-30 14:05:09.123"
    addrs = {addr: {"addr": addr, "created_at": at} for addr in (OLD, OLD_STRANGER)}
    (folder / "ipv6_global_addrs.json").write_text(json.dumps({"prefix": "2001:0db8:0000:0001", "addrs": addrs}))
    usage = {OLD: {"addr": OLD, "status": "bad", "last_used_at": at, "use_count": 3}}
    (folder / "ipv6_mirrors" / "task9.json").write_text(json.dumps({"dbname": "task9", "addrs": usage}))
    return folder


async def test_the_older_pool_is_taken_over_with_what_its_mirrors_know(
    command: Callable[..., Any], service: Service, older: Path
) -> None:
    service.echo.unreachable.add(int(IPv6Address(OLD_STRANGER)))
    said = await command("import-json", str(older), "--json")
    assert (said.code, said.json["addresses"], said.json["mirrors"], said.json["bad"]) == (ExitCode.DONE, 1, 1, 1)
    assert list(said.json["skipped"]) == [OLD_STRANGER]
    rows = (await command("addresses", "-d", "task9", "--state", "bad", "--json")).json["addresses"]
    assert [row["addr"] for row in rows] == [OLD]
    again = await command("import-json", str(older))
    assert again.code == ExitCode.DONE
    assert "1 left out: " in again.out


async def test_a_dry_run_imports_nothing(command: Callable[..., Any], older: Path) -> None:
    said = await command("import-json", "--dry-run", str(older))
    assert said.code == ExitCode.DONE
    assert said.out.startswith("2 addresses in 2001:db8:0:1::/64, 1 mirror\n")
    assert OLD not in (await command("addresses")).out


async def test_nothing_is_imported_from_files_of_which_one_is_cut_short(
    command: Callable[..., Any], older: Path
) -> None:
    cut = older / "ipv6_mirrors" / "task9.json"
    cut.write_text(cut.read_text()[:-20])
    said = await command("import-json", str(older))
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert f"{cut}:1:" in said.err
    assert "nothing was imported" in said.err
    assert OLD not in (await command("addresses")).out


async def test_a_prefix_may_be_spelled_in_any_way(command: Callable[..., Any]) -> None:
    shouted = PREFIX.upper().replace("::", ":0:0:0::")
    said = await command("doctor", "--prefix", shouted)
    assert (said.code, said.out.splitlines()[0]) == (ExitCode.DONE, f"{PREFIX} on eth0: routed")
    said = await command("ndp", shouted)
    assert f"{PREFIX} is not announced" in said.err
    said = await command("ndp", "2001:db8::1/64")
    assert (said.code, "host bits" in said.err, "next: " in said.err) == (ExitCode.USAGE, True, True)


async def test_a_token_that_cannot_be_written_down_is_said_to_be_made(
    command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("ipv6console.commands.token.os.fsync", full)
        said = await command("token", "create", "crawler", "--scope", "read", "-o", str(tmp_path / "token"))

    assert said.code == ExitCode.NO
    assert "token crawler is made, but" in said.err
    assert "ipv6console token revoke crawler" in said.err
    assert not (tmp_path / "token").exists()
