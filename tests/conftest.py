"""What holds for every test: its own home, no inherited settings, nothing left behind, no skip in CI; who runs it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

SESSION_MARK = "IPV6_TEST_SESSION"
LEAK_GRACE = 5.0
POLL_INTERVAL = 0.02
HOSTS = {"integration", "linux"}
PICTURES = "pictures.py"
IN_CI = os.environ.get("CI", "") not in {"", "0", "false"}

_FIXED = {
    "TZ": "UTC",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
}
_UNWANTED = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLUMNS", "LINES", "XDG_CONFIG_DIRS", "XDG_DATA_DIRS")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(scope="session", autouse=True)
def session_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take the user's settings out of reach before any fixture of the session starts something."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("IPV6CONSOLE_") or name in _UNWANTED or name.lower() in _PROXIES:
                patch.delenv(name)
        for name, value in _FIXED.items():
            patch.setenv(name, value)
        _new_home(patch, tmp_path_factory.mktemp("h"))
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def own_home(session_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give each test an empty home and runtime folder, with paths short enough for a Unix socket."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("h")
        _new_home(patch, home)
        yield home


def _new_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    patch.setenv("HOME", str(home))
    patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    patch.setenv("XDG_STATE_HOME", str(home / "state"))
    patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    patch.setenv("XDG_DATA_HOME", str(home / "data"))
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    patch.setenv("XDG_RUNTIME_DIR", str(runtime))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio only, as the engine does."""
    return "asyncio"


def poll(condition: Callable[[], bool], deadline: float) -> bool:
    """Return whether `condition` came true within `deadline` seconds: for the kernel and other processes only."""
    until = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(POLL_INTERVAL)
    return True


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Return a function that waits for another process or the kernel to make a condition true, or fails the test."""

    def wait(condition: Callable[[], bool], what: str, deadline: float = 10.0) -> None:
        assert poll(condition, deadline), f"not within {deadline:g} s: {what}"

    return wait


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a failure of a skip, so that nothing is left out unseen in CI."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid}: a skipped test is a failure in CI\n{report.longreprtext or report.longrepr}"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hold every phase of a test to it."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Hold whole files to it."""
    report = yield
    _refuse_skip(report)
    return report


class LeakWatch:
    """Fails the session when a process it started is still there, or (in CI) the machine looks different after it."""

    def __init__(self) -> None:
        self.leaks: list[str] = []
        self._mark = f"{SESSION_MARK}={uuid.uuid4()}"
        self._before: set[str] = set()

    def pytest_sessionstart(self) -> None:
        name, _, value = self._mark.partition("=")
        os.environ[name] = value
        self._before = _machine()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not poll(lambda: not self._found(), LEAK_GRACE):
            self.leaks = self._found()
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.leaks:
            terminalreporter.section("left behind by the tests", red=True)
            for leak in self.leaks:
                terminalreporter.line(leak)

    def _found(self) -> list[str]:
        changes = sorted(_machine() - self._before) if IN_CI else []
        return _marked_processes(self._mark.encode()) + changes


def _marked_processes(mark: bytes) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"process {folder.name}: {command}")
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found


def _machine() -> set[str]:
    """Name everything a test could leave in the system's own folders and network namespace."""
    seen = {f"network interface {path.name}" for path in Path("/sys/class/net").iterdir()}
    for folder in (Path("/run/netns"), Path("/run/ipv6console"), Path("/var/lib/ipv6console")):
        if folder.is_dir():
            seen.add(str(folder))
            seen.update(str(path) for path in folder.iterdir())
    return seen


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives whole files to a worker; those that build hosts of the kernel one after the other to the same one.

    Files of pictures are the longest and their tests share nothing, not even what is costly to prepare: those are given
    one by one, so that no worker has a hundred of them left when the others are done.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if any(folder in HOSTS for folder in Path(file).parts):
            return "hosts"
        return nodeid if file.endswith(PICTURES) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Return how the workers of `pytest -n` share the tests."""
    return ByFile(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Watch for leaks in the process that sees the whole run, not in its workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(LeakWatch(), "leak-watch")
