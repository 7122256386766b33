"""The dual-stack form from start to finish: real processes, callers in another network namespace."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ipv6console.client import IPv6Client
from tests.api.namespace import namespace

pytestmark = pytest.mark.privileged

Eventually = Callable[..., None]

PATIENCE = 30.0
PROGRAM = (sys.executable, "-W", "error", "-m", "ipv6console")
WIRE = (
    "ip link add near0 type veth peer name far0 netns {pid} && ip link set near0 up && "
    "ip addr add 198.51.100.1/24 dev near0 && ip addr add 2001:db8:6::1/64 dev near0 nodad && "
    "nsenter -t {pid} -n sh -c 'ip link set lo up && ip link set far0 up && "
    "ip addr add 198.51.100.7/24 dev far0 && ip addr add 2001:db8:6::7/64 dev far0 nodad'"
)
CALLERS = {"198.51.100.1": "198.51.100.7", "[2001:db8:6::1]": "2001:db8:6::7"}


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """Wire this thread's namespace to another; yields the pid of a process there."""
    with namespace():
        holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo ready; exec cat"], stdin=-1, stdout=-1)
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"ready\n"
            subprocess.run(["sh", "-c", WIRE.format(pid=holder.pid)], check=True, timeout=30)
            yield holder.pid
            holder.kill()


@contextmanager
def serving(folder: Path, eventually: Eventually, *words: str) -> Iterator[None]:
    command = [*PROGRAM, "serve", "--socket", str(folder / "e.sock"), "--state-dir", str(folder / "state"), *words]
    with (folder / "log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as engine:
        try:
            eventually(lambda: _answers(folder / "e.sock"), "the engine answers", PATIENCE)
            yield
        finally:
            engine.send_signal(signal.SIGTERM)
            engine.wait(PATIENCE)


def _answers(path: Path) -> bool:
    command = ["curl", "-fsS", "--unix-socket", str(path), "http://localhost/health"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def called(pid: int, host: str, path: str, *options: str) -> tuple[int, dict[str, Any]]:
    """Call the engine by curl from the namespace of process `pid`."""
    command = ["nsenter", "-t", str(pid), "-n", "curl", "-sS", "-m", "10", "-w", "\n%{http_code}", *options]
    command.append(f"http://{host}:16000{path}")
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    text, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(text)


def locked(pid: int, host: str, token: str) -> bool:
    """Return whether `attach` in the namespace of process `pid` would ask for a token."""
    code = "import sys; from ipv6console.commands.attach import _is_locked as is_it; print(is_it(sys.argv[1], input()))"
    command = ["nsenter", "-t", str(pid), "-n", sys.executable, "-c", code, f"http://{host}:16000"]
    done = subprocess.run(command, input=f"{token}\n", check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.strip() == "True"


def test_the_dual_stack_form_serves_token_holders_of_both_families(
    tmp_path: Path, elsewhere: int, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPV6CONSOLE_CHECK_URLS", "http://[::1]:9/ip")
    socket = str(tmp_path / "e.sock")
    with serving(tmp_path, eventually):
        made = subprocess.run(
            [*PROGRAM, "token", "create", "laptop", "--scope", "operate", "--socket", socket],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
    token = made.stdout.strip()
    shown = ("-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json")
    with serving(tmp_path, eventually, "--listen", "[::]:16000"):
        for host in CALLERS:
            status, problem = called(elsewhere, host, "/stats")
            assert (status, problem["type"]) == (401, "unauthenticated")
            assert "ipv6console token create" in problem["next"]
            status, _ = called(elsewhere, host, "/mirrors/task1/settings", *shown, "-X", "PUT", "-d", "{}")
            assert status == 200
        assert [locked(elsewhere, host, "") for host in CALLERS] == [True, True]
        assert not locked(elsewhere, next(iter(CALLERS)), token)
        with IPv6Client(socket=socket) as client:
            actors = {event.actor for event in client.events(limit=1000).events if event.kind == "mirror.settings"}
    assert actors == {f"token laptop from {caller}" for caller in CALLERS.values()}
    assert token not in (tmp_path / "log").read_text()
