"""Commands, run for real."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from ipv6console.config import Command
from ipv6console.engine.protocol import NotCarried
from ipv6console.notify.command import CommandCarrier
from ipv6console.wire.codec import encode
from ipv6console.wire.notify import Notice

pytestmark = pytest.mark.anyio


def shell(script: str, **settings: Any) -> CommandCarrier:
    return CommandCarrier(Command(name="siren", argv=("/bin/sh", "-c", script), **({"timeout": 20.0} | settings)))


async def refused(carrier: CommandCarrier, notice: Notice) -> NotCarried:
    with pytest.raises(NotCarried) as caught:
        await carrier.carry(notice)
    return caught.value


async def test_a_command_gets_the_notice_on_its_input_and_in_variables(
    notice: Notice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_TOKEN", "hush")
    script = "import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ), sys.argv[2:]], open(sys.argv[1], 'w'))"
    argv = (sys.executable, "-c", script, str(tmp_path / "told"), "$HOME; true")
    done = await CommandCarrier(Command(name="siren", argv=argv)).carry(notice)
    assert done == "it ended with code 0"
    document, variables, words = json.loads((tmp_path / "told").read_text())
    assert document == encode(notice)
    assert words == ["$HOME; true"], "no shell has read it"
    given = {name: value for name, value in variables.items() if name.startswith("IPV6CONSOLE_")}
    assert given["IPV6CONSOLE_NOTICE_TEXT"] == notice.text
    assert (given["IPV6CONSOLE_NOTICE_COUNT"], given["IPV6CONSOLE_NOTICE_STATE"]) == ("3", "fault")
    assert "IPV6CONSOLE_TOKEN" not in given


async def test_what_a_command_prints_is_in_the_log_up_to_a_bound(
    notice: Notice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ipv6console")
    await shell("echo told them; echo and them >&2; head -c 1000000 /dev/zero").carry(notice)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == ["notify siren: told them", "notify siren: and them"]
    assert sum(map(len, lines)) < 20_000


@pytest.mark.parametrize(
    ("script", "text"), [("exit 7", "it ended with code 7"), ("kill -9 $$", "it was ended by SIGKILL")]
)
async def test_a_command_that_fails_is_tried_again(notice: Notice, script: str, text: str) -> None:
    problem = await refused(shell(script), notice)
    assert (problem.text, problem.again) == (text, True)


async def test_a_command_that_is_not_there_is_not_tried_again(notice: Notice, tmp_path: Path) -> None:
    problem = await refused(CommandCarrier(Command(name="siren", argv=(str(tmp_path / "gone"), "s3cret"))), notice)
    assert (problem.text, problem.again) == (f"there is no program {tmp_path / 'gone'}", False)
    (tmp_path / "mute").write_text("no program")
    problem = await refused(CommandCarrier(Command(name="siren", argv=(str(tmp_path / "mute"),))), notice)
    assert (problem.text, problem.again) == ("it cannot be started: Permission denied", False)


async def test_a_command_that_hangs_is_killed_with_all_it_started(
    notice: Notice, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; (trap '' TERM; sleep 1000) & echo $! >{pids}; echo $$ >>{pids}; sleep 1000"
    # A machine that is busy may not have come to the second line when the time is over.
    for timeout in (0.5, 2.0, 8.0):
        problem = await refused(shell(script, timeout=timeout), notice)
        assert problem.text == f"it did not end within {timeout:g} s and was killed"
        if pids.exists() and len(pids.read_text().split()) == 2:
            break
    for pid in map(int, pids.read_text().split()):
        await anyio.to_thread.run_sync(eventually, lambda pid=pid: _state(pid) == "Z", "what it started is gone")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


async def test_a_command_that_is_given_up_halfway_is_ended(notice: Notice, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    carrying = asyncio.create_task(shell(f"echo $$ >{tmp_path / 'started'}; exec sleep 1000").carry(notice))
    pid = int(await asyncio.to_thread((tmp_path / "started").read_text))
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    assert _state(pid) == "Z"


async def test_a_command_need_not_read_and_may_leave_something_in_the_background(
    notice: Notice, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "end")
    try:
        done = await shell(f"(read word <{tmp_path / 'end'}) & exit 0").carry(notice)
    finally:
        # What it left still runs and waits: this ends it.
        await asyncio.to_thread((tmp_path / "end").write_text, "now\n")
    assert done == "it ended with code 0"
