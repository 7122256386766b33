"""Every example of docs/bindings.md runs, in its order, on one fresh engine."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from ipv6console.api.limits import LIMITS
from ipv6console.cli import run
from tests.api.service import Service, serving, settings_in

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "bindings.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```python\n(?P<python>.*?)```|(?P<shell>(?:^    [^\n]*\n)+)", re.DOTALL | re.MULTILINE)
EXAMPLES = [(match["python"], match["shell"]) for match in BLOCK.finditer(PAGE)]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(settings_in(tmp_path), tmp_path, LIMITS) as service:
        yield service


def commands(shell: str) -> list[tuple[str, str | None]]:
    """Return each command of a block, and what it is said to print."""
    found: list[tuple[str, str | None]] = []
    for line in re.sub("^    ", "", shell, flags=re.MULTILINE).splitlines():
        if line.startswith("# "):
            found[-1] = (found[-1][0], line[2:])
        elif line.startswith(" "):
            found[-1] = (f"{found[-1][0]}\n{line}", None)
        elif line:
            found.append((line, None))
    return found


def typed(command: str) -> str:
    """Return what a command prints; it must end well."""
    if not command.startswith("ipv6console "):
        done = subprocess.run(["sh", "-euc", command], capture_output=True, text=True, check=True, timeout=60)
        assert '"created":true' in done.stdout
        return done.stdout
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(shlex.split(command)[1:])
    assert code == 0, err.getvalue()
    return out.getvalue()


async def test_the_page_does_what_it_says(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(service.path))
    monkeypatch.chdir(tmp_path)
    ran = 0
    for python, shell in EXAMPLES:
        if python:
            await anyio.to_thread.run_sync(partial(exec, python, {}))
            assert len(set(capsys.readouterr().out.split())) == 6
            continue
        for command, printed in commands(shell):
            out = await anyio.to_thread.run_sync(typed, command)
            assert printed is None or out == f"{printed}\n", command
            ran += 1
    assert ran == 26
