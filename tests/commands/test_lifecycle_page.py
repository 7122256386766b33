"""The commands for subscribers, their outbox and leaks: those of docs/lifecycle.md run in their order, and what they say."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from ipv6console.api.limits import LIMITS
from ipv6console.cli import run
from ipv6console.commands.failure import ExitCode
from ipv6console.config import LifecycleSettings
from tests.api.service import Service, serving, settings_in
from tests.engine.ipam import HandRegistry

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "lifecycle.md").read_text(encoding="utf-8")
EXAMPLES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@dataclass
class Said:
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    settings = replace(settings_in(tmp_path), lifecycle=LifecycleSettings(spaces=("delegated",), wait=60.0))
    async with serving(settings, tmp_path, LIMITS) as service:
        yield service


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    async def call(*words: str) -> Said:
        capsys.readouterr()
        code = await anyio.to_thread.run_sync(run, list(words))
        return Said(code, *capsys.readouterr())

    return call


def curled(line: str) -> Any:
    """Return what the engine answers to a curl of the page."""
    done = subprocess.run(["sh", "-euc", line], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


async def test_the_page_does_what_it_says(
    service: Service, command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(service.path))
    monkeypatch.chdir(tmp_path)
    out, answers, ran = "", [], 0
    for line in EXAMPLES:
        if line.startswith("# "):
            assert out == f"{line[2:]}\n"
        elif line.startswith("curl "):
            answers.append(await anyio.to_thread.run_sync(curled, line))
        else:
            said = await command(*shlex.split(line)[1:])
            assert said.code == ExitCode.DONE, (line, said.err)
            out, ran = said.out, ran + 1
    assert ran == 18
    assert [answer.get("state") for answer in answers] == ["pending", "allocated", "allocated", None]
    assert answers[3]["state_counts"]["allocated"] == 1


@pytest.fixture
async def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HandRegistry]:
    """An IPAM moved by hand behind the engine that commands reach; no request waits for it."""
    registry = HandRegistry()
    settings = replace(settings_in(tmp_path), lifecycle=LifecycleSettings(wait=0.01))
    async with serving(settings, tmp_path, LIMITS, registry=registry) as service:
        monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(service.path))
        yield registry


async def test_what_waits_for_another_system_ends_with_1_and_is_cancelled_or_retried_by_its_step(
    handed: HandRegistry, command: Callable[..., Any]
) -> None:
    gate = handed.gate = asyncio.Event()
    assert (await command("subscriber", "create", "sub-1")).out.startswith("subscriber sub-1 of tenant default is made")
    said = await command("subscriber", "allocate", "sub-1")
    assert (said.code, said.out) == (ExitCode.NO, "")
    assert "outbox list" in said.err
    listed = await command("outbox", "list", "--json")
    [step] = json.loads(listed.out)["steps"]
    assert (await command("outbox", "retry", step["id"])).out == "allocate of sub-1 is tried now\n"
    assert (await command("outbox", "cancel", step["id"])).code == ExitCode.USAGE
    cancelled = await command("outbox", "cancel", step["id"], "--reason", "ordered twice")
    assert cancelled.out == "allocate of sub-1 is cancelled: ordered twice\n"
    assert "release" in (await command("outbox", "list")).out
    again = await command("outbox", "cancel", step["id"], "--reason", "ordered twice")
    assert again.code == ExitCode.REFUSED
    gate.set()


async def test_leaks_are_told_and_mended_when_that_is_agreed_to(
    handed: HandRegistry, command: Callable[..., Any]
) -> None:
    await command("subscriber", "create", "sub-1", "--tenant", "acme")
    while (await command("subscriber", "allocate", "sub-1", "--tenant", "acme")).code != ExitCode.DONE:
        pass
    handed.entries[9] = replace(handed.entries[1], id=9, network=9 << 100, operation="op-lost")
    told = await command("leaks")
    assert told.code == ExitCode.NO
    assert "unknown-in-store" in told.out
    assert "not compared: kernel: " in told.err
    unagreed = await command("leaks", "--repair")
    assert (unagreed.code, 9 in handed.entries) == (ExitCode.USAGE, True)
    mended = await command("leaks", "--repair", "--yes")
    assert mended.code == ExitCode.DONE
    assert "release netbox 9" in mended.out
    assert list(handed.entries) == [1]
    assert (await command("leaks")).code == ExitCode.DONE


async def test_a_revocation_is_shown_and_not_done_without_a_yes(
    service: Service, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(service.path))
    for words in (
        ("space", "create", "delegated", "--choice", "first"),
        ("space", "add-range", "delegated", "2001:db8:4000::/40"),
        ("subscriber", "create", "sub-1"),
        ("subscriber", "allocate", "sub-1"),
    ):
        assert (await command(*words)).code == ExitCode.DONE
    said = await command("subscriber", "revoke", "sub-1")
    assert said.code == ExitCode.USAGE
    assert "2001:db8:4000::/56" in said.out
    assert json.loads((await command("subscriber", "show", "sub-1", "--json")).out)["state"] == "allocated"
    kept = await command("subscriber", "revoke", "sub-1", "--keep", "--yes")
    assert (kept.code, kept.err) == (ExitCode.DONE, "")
    assert "the prefix is revoked: embedded still holds 2001:db8:4000::/56" in kept.out
    done = await command("subscriber", "revoke", "sub-1", "--yes")
    assert (done.code, done.err) == (ExitCode.DONE, "")
    assert done.out.endswith("the prefix is revoked\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("subscriber", "create", "a/b"), ExitCode.REFUSED),
        (("subscriber", "create", "a", "--size", "129"), ExitCode.USAGE),
        (("subscriber", "create", "a", "--mode", "dhcp"), ExitCode.USAGE),
        (("subscriber", "create", "a", "--tenant", ".x"), ExitCode.REFUSED),
        (("subscriber", "show", "nobody"), ExitCode.REFUSED),
        (("subscriber", "allocate", "nobody"), ExitCode.REFUSED),
        (("subscriber", "activate", "nobody", "--nas", "nas1"), ExitCode.REFUSED),
        (("subscriber", "revoke", "nobody", "--yes"), ExitCode.REFUSED),
        (("subscriber", "list", "--state", "idle"), ExitCode.USAGE),
        (("subscriber", "report", "--json"), ExitCode.USAGE),
        (("subscriber", "report", "--output", "/nowhere/at/all.csv"), ExitCode.USAGE),
        (("outbox", "retry", "nothing"), ExitCode.REFUSED),
        (("outbox", "list", "--all", "--state", "done"), ExitCode.USAGE),
        (("leaks", "--yes"), ExitCode.USAGE),
        (("token", "create", "t", "--scope", "read", "--tenant", "a b"), ExitCode.REFUSED),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_bad_input_ends_with_what_helps(
    shared: Service, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(shared.path))
    said = await command(*words)
    assert (said.code, said.out) == (code, "")
    assert "next: " in said.err or "Try 'ipv6console " in said.err
    assert json.loads((await command("subscriber", "list", "--json")).out)["total"] == 0


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("engine")
    async with serving(settings_in(folder), folder, LIMITS) as service:
        yield service
