"""The disk under a running engine: read-only, with rubbish on it, full. Each in mount and network namespaces of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipv6console.client import EngineRefused, IPv6Client
from ipv6console.commands.connection import answers
from ipv6console.commands.failure import ExitCode

pytestmark = pytest.mark.privileged

PATIENCE = 30.0
PROGRAM = (sys.executable, "-W", "error", "-m", "ipv6console")

Eventually = Callable[..., None]


class Host:
    """A host whose state directory is a file system of its own, `size` large."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "e.sock"
        self.state = folder / "state"
        self.state.mkdir()
        self._running: list[subprocess.Popen[str]] = []

    def serve(self, *, disk: str) -> subprocess.Popen[str]:
        """Start an engine on a fresh disk, mounted with the options `disk`, that has in it what the directory has."""
        made = (
            'cp -a "$1" "$1.kept"; mount -t tmpfs -o size=4m tmpfs "$1"; cp -a "$1.kept/." "$1";'
            ' mount -o "remount,$2" "$1"; ip link set lo up; shift 2; exec "$@"'
        )
        environment = {
            "IPV6CONSOLE_SOCKET": str(self.socket),
            "IPV6CONSOLE_ENGINE_STATE_DIR": str(self.state),
            "IPV6CONSOLE_CHECK_URLS": "http://[::1]:9/ip",
        }
        engine = subprocess.Popen(
            ["unshare", "-nm", "sh", "-ec", made, "sh", str(self.state), disk, *PROGRAM, "serve"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._running.append(engine)
        return engine

    def inside(self, engine: subprocess.Popen[str], script: str) -> str:
        """Run a shell script on that disk."""
        entered = ["nsenter", "-m", "-t", str(engine.pid), "sh", "-c", f"cd {self.state} && {script}"]
        return subprocess.run(entered, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def typed(self, *words: str) -> tuple[int, str]:
        """Type a command; return its exit code and what it said to the user."""
        command = [*PROGRAM, *words, "--socket", str(self.socket)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        return done.returncode, done.stderr

    def stop(self) -> None:
        for engine in self._running:
            engine.terminate()
            engine.communicate(timeout=PATIENCE)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.stop()


def test_a_read_only_disk_stops_the_start_with_the_way_out(host: Host) -> None:
    engine = host.serve(disk="ro")
    _, err = engine.communicate(timeout=PATIENCE)
    assert engine.returncode == ExitCode.NO
    assert f"cannot keep its state in {host.state}: Read-only file system" in err
    assert "\n  next: " in err
    assert "--state-dir" in err
    assert "Traceback" not in err
    assert not host.socket.exists()


def test_a_disk_that_is_full_already_stops_the_start_with_the_way_out(host: Host) -> None:
    (host.state / "ballast").write_bytes(b"x" * (1 << 20))
    engine = host.serve(disk="size=1m")
    _, err = engine.communicate(timeout=PATIENCE)
    assert engine.returncode == ExitCode.NO, err
    assert "No space left on device" in err
    assert "\n  next: free space" in err
    assert "Traceback" not in err
    assert not host.socket.exists()


def test_a_corrupt_database_is_kept_and_told_and_the_engine_serves(host: Host, eventually: Eventually) -> None:
    rubbish = "this is not a database " * 500
    (host.state / "engine.db").write_text(rubbish)
    engine = host.serve(disk="rw")
    eventually(lambda: answers(host.socket), "the socket answers", PATIENCE)
    with IPv6Client(socket=host.socket) as client:
        [finding] = [one for one in client.health().findings if "engine.db" in one.text]
        assert client.pick("task1").detail
    assert (finding.level, finding.fix is not None) == ("fail", True)
    code, err = host.typed("status")
    assert code in (ExitCode.DONE, ExitCode.NO), err
    assert host.inside(engine, "cat engine.db.*damaged*") == rubbish


def make_many(client: IPv6Client, made: list[str]) -> None:
    """Make mirrors and note those the engine acknowledged; a few may fit into pages that were there already."""
    made.extend(client.mirror_stats(f"new{number}").dbname for number in range(100))


def test_a_full_disk_refuses_what_it_cannot_keep_and_goes_on_when_there_is_room(
    host: Host, eventually: Eventually
) -> None:
    engine = host.serve(disk="rw")
    eventually(lambda: answers(host.socket), "the socket answers", PATIENCE)
    with IPv6Client(socket=host.socket) as client:
        client.mirror_stats("kept")
        host.inside(engine, "dd if=/dev/zero of=ballast bs=4k 2>/dev/null || true")
        made: list[str] = []
        with pytest.raises(EngineRefused) as caught:
            make_many(client, made)
        assert caught.value.status == 503
        assert "the disk is full" in caught.value.detail
        assert "free space" in caught.value.next
        code, err = host.typed("pick", "-d", "another")
        assert (code, "the disk is full" in err, "free space" in err) == (ExitCode.REFUSED, True, True), err
        eventually(lambda: set(client.stats().mirrors) == {"kept", *made}, "what was refused is not there", PATIENCE)
        host.inside(engine, "rm ballast")
        eventually(
            lambda: host.typed("mirror", "set", "kept", "--usable-num", "3")[0] == ExitCode.DONE, "room again", 15
        )
        client.mirror_stats("another")
