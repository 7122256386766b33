"""A running lab as seen from outside, through its control socket."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ipv6console.lab.control import SOCKET
from ipv6console.lab.error import LabError

_NONE_RUNS = "Start one with: ipv6console lab serve"


class _Conversation:
    def __init__(self, directory: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        try:
            self._connection.connect(str(directory / SOCKET))
        except OSError as error:
            self._connection.close()
            raise LabError(f"no lab answers at {directory}: {error.strerror}", _NONE_RUNS) from error
        self._lines = self._connection.makefile("rb")

    def ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        data = json.dumps(request).encode() + b"\n"
        sent = socket.send_fds(self._connection, [data], list(descriptors))
        self._connection.sendall(data[sent:])
        reply = self.listen()
        if "error" in reply:
            raise LabError(str(reply["error"]), str(reply["fix"]))
        return reply

    def listen(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise LabError("the lab has ended", _NONE_RUNS)
        reply = json.loads(line)
        if not isinstance(reply, dict):
            raise LabError(f"the lab answered {reply!r}", "Is it of the same version?")
        return reply

    def close(self) -> None:
        self._lines.close()
        self._connection.close()


class RemoteProcess:
    """A process that was started inside the lab; it is killed when this is closed before its end."""

    def __init__(self, conversation: _Conversation, pid: int) -> None:
        self._conversation = conversation
        self.pid = pid
        """Its number inside the lab."""

    def wait(self) -> int:
        """Wait for its end and return its exit code, 128 + N for signal N. Raises LabError when the lab ends first."""
        code = int(self._conversation.listen()["exit"])
        self.close()
        return code

    def close(self) -> None:
        """Let go of it."""
        self._conversation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class LabHandle:
    """The lab whose directory is `directory`. Every method raises LabError when it does not answer or refuses."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def info(self) -> dict[str, Any]:
        """Return what is where: prefix, mode, url, site, process ids, whether it is ready."""
        return self._ask({"do": "info"})

    def fault(self, name: str, **options: float | str | bool | None) -> list[str]:
        """Make the fault called `name` happen; return what was done, a sentence each.

        `options` are those of the fault (fields of scene.Wish); None is left out.
        """
        given = {option: value for option, value in options.items() if value is not None}
        return [str(line) for line in self._ask({"do": "fault", "name": name, "options": given})["done"]]

    def start(
        self,
        command: Sequence[str],
        *,
        node: str = "egress",
        environment: Mapping[str, str] | None = None,
        stdio: tuple[int, int, int] = (0, 1, 2),
    ) -> RemoteProcess:
        """Start `command` on `node` in the present folder, with the lab's environment and `environment` on top."""
        sys.stdout.flush()
        sys.stderr.flush()
        conversation = _Conversation(self.directory)
        request = {
            "do": "start",
            "node": node,
            "command": list(command),
            "environment": dict(environment or {}),
            "folder": str(Path.cwd()),
        }
        try:
            return RemoteProcess(conversation, int(conversation.ask(request, stdio)["pid"]))
        except LabError:
            conversation.close()
            raise

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        conversation = _Conversation(self.directory)
        try:
            return conversation.ask(request)
        finally:
            conversation.close()


def directory_of(name: str, uid: int | None = None) -> Path:
    """Return where the lab called `name` of user `uid` (default: this one) keeps its files."""
    return Path(tempfile.gettempdir()) / f"ipv6console-lab-{os.geteuid() if uid is None else uid}-{name}"


def find_lab(given: Path | None) -> LabHandle:
    """Return the lab at `given`, else at IPV6CONSOLE_LAB, else the only one of this user. Raises LabError."""
    if given is not None:
        return LabHandle(given)
    if told := os.environ.get("IPV6CONSOLE_LAB"):
        return LabHandle(Path(told))
    pattern = directory_of("*")
    running = sorted(path for path in pattern.parent.glob(pattern.name) if (path / SOCKET).is_socket())
    if not running:
        raise LabError("no lab of yours runs", _NONE_RUNS)
    if len(running) > 1:
        raise LabError(
            f"{len(running)} labs of yours run: {', '.join(map(str, running))}", "Name one with --lab DIRECTORY."
        )
    return LabHandle(running[0])
