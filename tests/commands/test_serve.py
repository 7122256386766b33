"""`serve`, `attach` and the console's own engine as processes, each in a network namespace of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ipv6console.client import IPv6Client
from ipv6console.client.errors import IPv6ConsoleError
from ipv6console.commands.connection import answers
from ipv6console.commands.failure import ExitCode

pytestmark = pytest.mark.privileged

PATIENCE = 30.0
NAMESPACE = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
PROGRAM = (sys.executable, "-W", "error", "-m", "ipv6console")

Start = Callable[..., subprocess.Popen[str]]
Eventually = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(tmp_path / "e.sock"))
    monkeypatch.setenv("IPV6CONSOLE_ENGINE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("IPV6CONSOLE_CHECK_URLS", "http://[::1]:9/ip")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """A function that starts the program with some words in a namespace, or in that of another process."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str, beside: subprocess.Popen[str] | None = None) -> subprocess.Popen[str]:
        space = NAMESPACE if beside is None else ("nsenter", "-n", "-t", str(beside.pid))
        process = subprocess.Popen(
            [*space, *PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


def engine_pid(folder: Path) -> int | None:
    try:
        with IPv6Client(socket=folder / "e.sock", timeout=2.0) as client:
            return client.state().engine.pid
    except IPv6ConsoleError:
        return None


def test_an_engine_serves_until_told_to_stop_and_leaves_no_socket(
    start: Start, folder: Path, eventually: Eventually
) -> None:
    engine = start("serve")
    eventually(lambda: answers(folder / "e.sock"), "the socket answers", PATIENCE)
    with IPv6Client(socket=folder / "e.sock") as client:
        assert client.state().engine.listeners == (
            "127.0.0.1:16000",
            "[::1]:16000",
            f"unix:{folder / 'e.sock'}",
        )
    engine.send_signal(signal.SIGTERM)
    code, err = ended(engine)
    assert code == ExitCode.DONE, err
    assert not (folder / "e.sock").exists()


def test_sockets_that_a_service_manager_opened_are_served_and_left_to_it(folder: Path, eventually: Eventually) -> None:
    manager = ("systemd-socket-activate", "--listen=127.0.0.1:16000", f"--listen={folder / 'e.sock'}")
    named = [f"--setenv={name}" for name in os.environ if name.startswith(("IPV6", "PYTHON", "HOME", "XDG"))]
    engine = subprocess.Popen([*NAMESPACE, *manager, *named, *PROGRAM, "serve"], stderr=subprocess.PIPE, text=True)
    try:
        eventually((folder / "e.sock").exists, "the manager listens", PATIENCE)
        eventually(lambda: engine_pid(folder) is not None, "the engine answers", PATIENCE)
        with IPv6Client(socket=folder / "e.sock") as client:
            assert client.state().engine.pid == engine.pid
            assert sorted(client.state().engine.listeners) == [
                "127.0.0.1:16000",
                "[::1]:16000",
                f"unix:{folder / 'e.sock'}",
            ]
    finally:
        engine.terminate()
        code, err = ended(engine)
    assert code == ExitCode.DONE, err


def test_an_engine_that_is_asked_for_a_successor_while_it_starts_goes_on(
    start: Start, folder: Path, eventually: Eventually
) -> None:
    engine = start("serve")
    ignored = 1 << (signal.SIGUSR2 - 1)

    def ignores() -> bool:
        told = Path(f"/proc/{engine.pid}/status").read_text()
        masks = {line.partition(":")[0]: line.partition(":")[2].strip() for line in told.splitlines()}
        return bool((int(masks["SigIgn"], 16) | int(masks["SigCgt"], 16)) & ignored)

    eventually(ignores, "it neither dies of the signal nor lacks it", PATIENCE)
    engine.send_signal(signal.SIGUSR2)
    eventually(lambda: engine_pid(folder), "the engine answers", PATIENCE)
    assert engine_pid(folder) == engine.pid


def test_the_older_servers_flags_live_on(start: Start, folder: Path, eventually: Eventually) -> None:
    start("serve", "-p", "17000", "-n", "33", "-v")
    eventually(lambda: answers(folder / "e.sock"), "the socket answers", PATIENCE)
    with IPv6Client(socket=folder / "e.sock") as client:
        assert client.stats().usable_num_target == 33
        assert client.state().engine.listeners[:2] == ("127.0.0.1:17000", "[::1]:17000")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--socket", "other.sock", "--state-dir", "other"), "127.0.0.1:16000 is in use"),
        (("-p", "17000", "--state-dir", "other"), "an engine already answers on"),
        (("-p", "17000", "--socket", "other.sock"), "another engine (pid "),
    ],
)
def test_a_second_engine_is_refused_and_says_what_to_do(
    words: tuple[str, ...], said: str, start: Start, folder: Path, eventually: Eventually
) -> None:
    first = start("serve")
    eventually(lambda: engine_pid(folder), "the engine has its state directory", PATIENCE)
    placed = [str(folder / word) if word.startswith("other") else word for word in words]
    code, err = ended(start("serve", *placed, beside=first))
    assert code == ExitCode.NO
    assert said in err
    assert "\n  next: " in err
    assert answers(folder / "e.sock")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--listen", "[::]:16000"), "would let other hosts in"),
        (("--listen", "[2001:db8::1]:16000"), "[2001:db8::1]:16000 is not an address of this host"),
        (("--socket", "/proc/e.sock"), "cannot be made"),
        (("--state-dir", "/proc/state"), "/proc/state"),
    ],
)
def test_what_cannot_be_opened_is_named(words: tuple[str, ...], said: str, start: Start) -> None:
    code, err = ended(start("serve", *words))
    assert code == ExitCode.NO, err
    assert said in err
    assert "\n  next: " in err
    assert "Traceback" not in err


class Host:
    """A network namespace that has a prefix, and a monitor of its routes."""

    def __init__(self, folder: Path) -> None:
        self.holder = subprocess.Popen([*NAMESPACE, "sleep", "1000"])
        self._told = folder / "monitor"
        self._marks = 0

    def watch(self, eventually: Eventually) -> subprocess.Popen[bytes]:
        eventually(self._is_apart, "the namespace is there")
        self.ip("link", "add", "up0", "type", "veth", "peer", "name", "isp0")
        self.ip("link", "set", "up0", "up")
        self.ip("link", "set", "isp0", "up")
        self.ip("address", "add", "2001:db8:5::2/64", "dev", "up0", "nodad")
        with self._told.open("wb") as told:
            monitor = subprocess.Popen(
                ["nsenter", "-n", "-t", str(self.holder.pid), "ip", "-6", "monitor", "route"], stdout=told
            )
        self.mark(eventually)
        return monitor

    def ip(self, *words: str) -> None:
        command = ["nsenter", "-n", "-t", str(self.holder.pid), "ip", "-6", *words]
        subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True)

    def mark(self, eventually: Eventually) -> None:
        """Wait until the monitor has told everything up to now."""
        self._marks += 1
        addr = f"2001:db8:ffff::{self._marks}"

        def told() -> bool:
            self.ip("route", "replace", "local", addr, "dev", "lo")
            seen = addr in self.told()
            self.ip("route", "del", "local", addr, "dev", "lo")
            return seen

        eventually(told, "the monitor tells of a route", PATIENCE)

    def told(self) -> str:
        return self._told.read_text()

    def _is_apart(self) -> bool:
        ours, its = (Path(f"/proc/{pid}/ns/net").readlink() for pid in ("self", self.holder.pid))
        return ours != its


@pytest.fixture
def host(tmp_path: Path, eventually: Eventually) -> Iterator[Host]:
    host = Host(tmp_path)
    processes = [host.holder]
    try:
        processes.append(host.watch(eventually))
        yield host
    finally:
        for process in processes:
            process.kill()
            process.wait(PATIENCE)


def test_a_wide_listener_without_a_token_is_refused_before_anything_on_the_host_is_touched(
    start: Start, host: Host, folder: Path, eventually: Eventually
) -> None:
    code, err = ended(start("serve", "--listen", "[::]:16000", beside=host.holder))
    assert code == ExitCode.NO
    assert "would let other hosts in" in err
    assert "\n  next: Make one first" in err
    host.mark(eventually)
    assert "local 2001:db8:5::/64" not in host.told()
    assert not (folder / "e.sock").exists()
    # The same engine on loopback sets up that route, and the monitor tells of it.
    start("serve", beside=host.holder)
    eventually(lambda: "local 2001:db8:5::/64 dev lo" in host.told(), "the route is set up", PATIENCE)


class Terminal:
    """A process on a terminal of its own, and all it wrote there."""

    def __init__(self, *words: str, beside: int | None = None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        space = NAMESPACE if beside is None else ("nsenter", "-n", "-t", str(beside))
        self.process = subprocess.Popen(
            [*space, *PROGRAM, *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.written = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65_536)
            except OSError:  # EIO: the last process on it has ended
                return
            self.written += data

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        os.close(self._master)


def engines(folder: Path) -> list[int]:
    """Return the processes that serve below `folder`, whoever started them."""
    words = f"serve\0--socket\0{folder / 'e.sock'}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if words in path.read_bytes():
                found.append(int(path.parent.name))
    return found


@pytest.fixture
def terminal(folder: Path, eventually: Eventually) -> Iterator[Callable[..., Terminal]]:
    """Start programs on terminals; an engine that a console leaves behind, because it did not answer, ends with the test."""
    opened: list[Terminal] = []

    def begin(*words: str, beside: int | None = None) -> Terminal:
        opened.append(Terminal(*words, beside=beside))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()
    for pid in engines(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    eventually(lambda: not engines(folder), "no engine is left", PATIENCE)


def test_the_console_starts_an_engine_and_stops_it_on_leaving(
    terminal: Callable[..., Terminal], folder: Path, eventually: Eventually
) -> None:
    screen = terminal()
    eventually(lambda: engine_pid(folder), "the engine answers", PATIENCE)
    eventually(lambda: b"LOCAL" in screen.written, "the console is drawn", PATIENCE)
    screen.type(b"q")
    assert screen.process.wait(PATIENCE) == ExitCode.DONE
    assert not (folder / "e.sock").exists()


def test_the_console_attaches_to_an_engine_that_runs_and_leaves_it_running(
    terminal: Callable[..., Terminal], start: Start, folder: Path, eventually: Eventually
) -> None:
    engine = start("serve")
    eventually(lambda: engine_pid(folder), "the engine answers", PATIENCE)
    pid = engine_pid(folder)
    for words in ((), ("attach", str(folder / "e.sock")), ("attach", "http://[::1]:16000", "--read-only")):
        screen = terminal(*words, beside=engine.pid)
        eventually(lambda screen=screen: b"ATTACHED" in screen.written, "the console is drawn", PATIENCE)
        screen.type(b"q")
        assert screen.process.wait(PATIENCE) == ExitCode.DONE
        assert engine_pid(folder) == pid


def test_a_killed_engine_is_started_again_by_its_console(
    terminal: Callable[..., Terminal], folder: Path, eventually: Eventually
) -> None:
    screen = terminal()
    eventually(lambda: engine_pid(folder), "the engine answers", PATIENCE)
    first = engine_pid(folder)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    eventually(lambda: engine_pid(folder) not in (None, first), "another engine answers", PATIENCE)
    eventually(lambda: b"LOCAL" in screen.written, "the console is drawn", PATIENCE)


def test_an_engine_that_cannot_start_is_said_so_by_the_console(
    terminal: Callable[..., Terminal], start: Start, folder: Path, eventually: Eventually
) -> None:
    engine = start("serve")
    eventually(lambda: engine_pid(folder), "the engine answers", PATIENCE)
    screen = terminal("--socket", str(folder / "other.sock"), beside=engine.pid)
    assert screen.process.wait(PATIENCE) == ExitCode.NO
    assert b"127.0.0.1:16000 is in use" in screen.written
