"""`status --watch --plain` in a process of its own: lines as they come, and a clean end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ipv6console.api.limits import LIMITS
from ipv6console.commands.failure import ExitCode
from tests.api.service import TESTER, Service, serving, settings_in

pytestmark = pytest.mark.anyio
DEADLINE = 20.0


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        yield service


@asynccontextmanager
async def watching(service: Service, *words: str, **environ: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "ipv6console", "status", "--watch", *words, "--socket", str(service.path),
        stdout=PIPE, stderr=PIPE, env={**os.environ, **environ},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process: Process, wanted: Callable[[str], bool]) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        while True:
            line = (await process.stdout.readline()).decode()
            assert line, "it ended"
            if wanted(line):
                return line


async def test_a_change_comes_as_a_line_at_once(service: Service) -> None:
    async with watching(service, "--plain") as process:
        await line_with(process, lambda line: " store: " in line)
        await service.engine.pick("task1", TESTER)
        line = await line_with(process, lambda line: "mirror task1" in line)
        assert "\x1b" not in line
        await service.engine.drain_mirror("task1", True, TESTER)
        assert "draining (was ok) mirror task1" in await line_with(process, lambda line: "draining" in line)


async def test_a_dumb_terminal_gets_lines_without_being_asked(service: Service) -> None:
    async with watching(service, TERM="dumb") as process:
        assert await line_with(process, lambda line: line.split(" ", 2)[2].startswith("ok pool: "))


@pytest.mark.parametrize("words", [("--plain",), ()])
async def test_ctrl_c_ends_it_without_a_word(service: Service, words: tuple[str, ...]) -> None:
    async with watching(service, *words) as process:
        await line_with(process, lambda line: "store" in line)
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), DEADLINE)
        assert (process.returncode, err) == (ExitCode.DONE, b"")


@pytest.mark.parametrize("words", [("status", "-w", "--plain"), ("events", "-f")])
async def test_it_ends_when_nobody_reads_any_more_though_nothing_changes(
    service: Service, words: tuple[str, ...]
) -> None:
    ours, theirs = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "ipv6console", *words, "--socket", str(service.path),
        stdout=theirs, stderr=PIPE,
    )  # fmt: skip
    os.close(theirs)
    try:
        assert await asyncio.to_thread(os.read, ours, 10)
    finally:
        os.close(ours)
    _, err = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert (process.returncode, err) == (ExitCode.NO, b"")


def test_the_console_names_the_plain_path_on_a_dumb_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "ipv6console"],
        env={**os.environ, "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode == ExitCode.USAGE
    assert "ipv6console status --watch --plain" in done.stderr
