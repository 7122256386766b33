"""The embedded engine: a child of the console, on listening sockets the console keeps open for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

DETACH = b"detach"
_GRACE = 5.0
_RESTARTS = 5
_WITHIN = 60.0
_HOPELESS = (0, 1, 2)  # it ended because it was told to, or said why it cannot start


class EngineChild:
    """Starts the engine and starts it again when it crashes; callers wait in the listening sockets meanwhile.

    `arguments` follow `serve` on its command line; its log goes to `log`. When it keeps crashing the sockets are
    closed, so that callers are refused instead of hanging, and `failure` says why.
    """

    def __init__(self, arguments: Sequence[str], sockets: Sequence[socket.socket], log: Path) -> None:
        self._arguments = tuple(arguments)
        self._sockets = tuple(sockets)
        self._log = log
        self._starts: deque[float] = deque(maxlen=_RESTARTS)
        self._lock = threading.Lock()
        self._leaving = False
        self.failure: str | None = None
        self._process, self._tie = self._spawn()
        self._watcher = threading.Thread(target=self._watch, name="engine child", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The process id of the engine."""
        return self._process.pid

    def stop(self) -> None:
        """Stop the engine gracefully and wait for it; one that does not end in 5 s is killed."""
        if self._leave():
            os.close(self._tie)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watcher.join()

    def leave_running(self) -> None:
        """Let the engine live on after this process."""
        if self._leave():
            os.write(self._tie, DETACH)
            os.close(self._tie)

    def _leave(self) -> bool:
        """Keep the engine from being started again; return whether there is one to tell."""
        with self._lock:
            tied = not self._leaving and self.failure is None
            self._leaving = True
        self._close()
        return tied

    def _spawn(self) -> tuple[subprocess.Popen[bytes], int]:
        reading, writing = os.pipe()
        inherited = [sock.fileno() for sock in self._sockets]
        numbers = ",".join(map(str, inherited))
        command = [sys.executable, "-m", "ipv6console", "serve", *self._arguments]
        command += ["--inherit", numbers, "--tie", str(reading)]
        self._log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[*inherited, reading],
                    # Ctrl+C in the terminal is a key of the console, not a signal to the engine.
                    start_new_session=True,
                )
        except OSError:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        self._starts.append(time.monotonic())
        return process, writing

    def _watch(self) -> None:
        while True:
            code = self._process.wait()
            with self._lock:
                if self._leaving:
                    return
                os.close(self._tie)
                crowded = len(self._starts) == _RESTARTS and time.monotonic() - self._starts[0] < _WITHIN
                if crowded or code in _HOPELESS:
                    self.failure = f"the engine ended with code {code}: {self._last_words()}"
                    self._close()
                    return
                self._process, self._tie = self._spawn()

    def _last_words(self) -> str:
        lines = self._log.read_bytes()[-2_000:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"see {self._log}"

    def _close(self) -> None:
        for sock in self._sockets:
            sock.close()
