from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
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
    assert "1 live leases end" in said.out
    assert addr in (await command("leases")).out


@pytest.mark.parametrize("words", [("flush", "task1"), ("flush", "-d", "task1"), ("flush", "--all")])
async def test_flush_applies_the_plan_when_told_yes(command: Callable[..., Any], words: tuple[str, ...]) -> None:
    await command("pick", "-d", "task1")
    said = await command(*words, "--yes")
    assert said.code == ExitCode.DONE
    assert "1 leases ended" in said.out
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
