"""Labs for tests: each is a process of its own, entered through its control socket, and must leave nothing behind."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from ipv6console.client import IPv6Client
from ipv6console.lab.handle import LabHandle, RemoteProcess, directory_of

REPOSITORY = Path(__file__).parents[2]
BARE = (str(Path(__file__).parent / "bare_lab.py"),)
WORKER = str(Path(__file__).parent / "worker.py")
READY_PATIENCE = 60.0
BACKOFF = 15.0
"""Seconds within which ndppd is tried again after several failures."""

_numbers = itertools.count()


class Finished:
    """What a command inside the lab wrote and returned."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


class Running:
    """A command inside the lab that has not ended yet."""

    def __init__(self, remote: RemoteProcess, outputs: Path) -> None:
        self.remote = remote
        self._outputs = outputs

    def result(self) -> Finished:
        code = self.remote.wait()
        return Finished(code, *((self._outputs / name).read_text() for name in ("out", "err")))

    def out(self) -> str:
        return (self._outputs / "out").read_text()


class Lab:
    """A running lab."""

    def __init__(self, command: Sequence[str], directory: Path, scratch: Path) -> None:
        self.directory = directory
        self.scratch = scratch
        self.handle = LabHandle(self.directory)
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._client: IPv6Client | None = None
        self._running: list[Running] = []

    def wait_until_ready(self) -> Self:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("lab ready"):
            self.process.kill()
            _, err = self.process.communicate()
            pytest.fail(f"the lab did not come up: {line}{err}")
        return self

    @property
    def client(self) -> IPv6Client:
        """The engine, through its Unix socket, which is seen from outside too."""
        if self._client is None:
            self._client = IPv6Client(socket=self.directory / "engine.sock")
        return self._client

    def info(self) -> dict[str, Any]:
        return self.handle.info()

    def start(self, *command: str, node: str = "egress", **environment: str) -> Running:
        outputs = self.scratch / f"command-{next(_numbers)}"
        outputs.mkdir()
        with Path(os.devnull).open() as none, (outputs / "out").open("w") as out, (outputs / "err").open("w") as err:
            stdio = (none.fileno(), out.fileno(), err.fileno())
            running = Running(self.handle.start(command, node=node, environment=environment, stdio=stdio), outputs)
        self._running.append(running)
        return running

    def run(self, *command: str, node: str = "egress", **environment: str) -> Finished:
        return self.start(*command, node=node, **environment).result()

    def output(self, *command: str, node: str = "egress") -> str:
        finished = self.run(*command, node=node)
        assert finished.code == 0, finished
        return finished.out

    def python(self, source: str, *arguments: str) -> Finished:
        return self.run(sys.executable, "-W", "error", "-c", source, *arguments)

    def seen(self, *, since: int = 0, path: str = "") -> dict[str, Any]:
        """What the site has seen, as the site tells it."""
        seen: dict[str, Any] = json.loads(
            self.output("curl", "-sS", f"{self.info()['site']}/seen?since={since}&path={path}", node="site")
        )
        return seen

    def processes(self) -> list[int]:
        """The processes of this lab, as numbered outside."""
        mark = f"IPV6CONSOLE_LAB={self.directory}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def mounts(self) -> list[str]:
        """Network namespaces of a lab that this process can see mounted; there must be none."""
        lines = Path("/proc/self/mounts").read_text().splitlines()
        return [line for line in lines if "/netns/" in line or str(self.directory) in line]

    def terminate(self) -> tuple[int, str]:
        """End it as an operator would; return its exit code and what it wrote to stderr."""
        self._close_connections()
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err

    def kill(self) -> None:
        self._close_connections()
        self.process.kill()
        self.process.communicate()

    def close(self) -> None:
        if self.process.poll() is None:
            self.terminate()
        self._close_connections()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _close_connections(self) -> None:
        for running in self._running:
            running.remote.close()
        self._running.clear()
        if self._client is not None:
            self._client.close()
            self._client = None


StartLab = Callable[..., Lab]


def _new_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@contextlib.contextmanager
def _labs(scratch: Path) -> Iterator[StartLab]:
    labs: list[Lab] = []

    def start(
        *options: str, name: str | None = None, bare: bool = False, wrapper: Sequence[str] = (), uid: int | None = None
    ) -> Lab:
        name = name or _new_name()
        if bare:
            entry = [*BARE, name, *(options or ("2001:db8:0:1::/64", "onlink"))]
        else:
            entry = ["-m", "ipv6console", "lab", "serve", "--name", name, *options]
        # A killed pytest must not leave labs running.
        tied = ("setpriv", "--pdeathsig", "KILL")
        lab = Lab([*wrapper, *tied, sys.executable, "-W", "error", *entry], directory_of(name, uid), scratch)
        labs.append(lab)
        return lab.wait_until_ready()

    try:
        yield start
    finally:
        for lab in labs:
            lab.close()


@pytest.fixture
def start_lab(tmp_path: Path) -> Iterator[StartLab]:
    """A function that starts a lab for one test: options of `lab serve`, or `bare=True` for one without an engine."""
    with _labs(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_module_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartLab]:
    """The same for a lab that the tests of a module share."""
    with _labs(tmp_path_factory.mktemp("labs")) as start:
        yield start


_AS_NOBODY = """
set -e
python=$1; shift
case $python in /root/*)
    # The interpreter may live below /root, where no other user gets through: show that folder alone.
    tree=/root/$(echo "${python#/root/}" | cut -d/ -f1)
    aside=$(mktemp -d)
    mount -t tmpfs none "$aside"; mkdir "$aside/tree"; mount --bind "$tree" "$aside/tree"
    mount -t tmpfs -o mode=755 none /root; mkdir "$tree"; mount --bind "$aside/tree" "$tree"
    umount "$aside/tree"; umount "$aside"; rmdir "$aside";;
esac
exec setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent "$@"
"""


@pytest.fixture(scope="session")
def as_nobody() -> tuple[str, ...]:
    """A command prefix that runs the rest as uid 65534, without any capability."""
    interpreter = str(Path(sys.executable).resolve())
    return ("unshare", "-m", "--propagation", "private", "sh", "-c", _AS_NOBODY, "sh", interpreter)


@contextlib.contextmanager
def unstartable_ndppd(lab: Lab) -> Iterator[None]:
    """Let ndppd fail as often as it is started: that it is down for a moment could be missed."""
    program = shutil.which("ndppd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert program is not None
    lab.output("mount", "--bind", "/bin/false", program)
    try:
        yield
    finally:
        lab.output("umount", program)


def elapsed_until(condition: Callable[[], object], within: float, what: str, every: float = 0.02) -> float:
    """Wait for the kernel or another process; return how many seconds it took, or fail the test."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, f"not within {within:g} s: {what}"
        time.sleep(every)
    return time.monotonic() - began
