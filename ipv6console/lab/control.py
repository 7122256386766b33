"""The lab's control socket: one JSON object a line; a request, then its replies.

{"do": "info"} · {"do": "fault", "name": …, "options": {…}} · {"do": "start", "node", "command", "environment", "folder"}
with three descriptors (SCM_RIGHTS) for its stdin, stdout and stderr. Each is answered by one object; `start` by
{"pid": N} at once and {"exit": CODE} at its end, and by {"error", "fix"} when it was not done. What was started is
killed when the connection that asked for it closes.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipv6console.lab.error import LabError

if TYPE_CHECKING:
    from ipv6console.lab.supervisor import Supervisor

SOCKET = "control.sock"
_LINE_LIMIT = 1 << 20

Handler = Callable[["Caller", Mapping[str, Any]], Mapping[str, Any]]


class Caller:
    """One connection to the control socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.descriptors: list[int] = []
        self.on_close: list[Callable[[], None]] = []
        self.buffer = b""

    def send(self, reply: Mapping[str, Any]) -> None:
        """Send one reply; a caller that has gone does not miss it."""
        if self.connection.fileno() < 0:
            return
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.sendall(json.dumps(reply).encode() + b"\n")

    def close(self) -> None:
        """Close the connection and end what hangs on it."""
        for action in self.on_close:
            action()
        self.on_close.clear()
        self.drop_descriptors()
        self.connection.close()

    def drop_descriptors(self) -> None:
        """Close the descriptors that came with the last request."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()


class ControlSocket:
    """Listens at `path` and answers every request by `handlers[request["do"]]`."""

    def __init__(self, path: Path, supervisor: Supervisor, handlers: Mapping[str, Handler]) -> None:
        self._supervisor = supervisor
        self._handlers = handlers
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        supervisor.watch(self._listener, self._accept)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        caller = Caller(connection)
        self._supervisor.watch(connection, lambda: self._read(caller))

    def _read(self, caller: Caller) -> None:
        room = socket.CMSG_SPACE(3 * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = caller.connection.recvmsg(65_536, room)
        except ConnectionResetError:
            data, ancillary = b"", []
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
                caller.descriptors.extend(numbers)
        caller.buffer += data
        if not data or len(caller.buffer) > _LINE_LIMIT:
            self._supervisor.forget(caller.connection)
            caller.close()
            return
        while b"\n" in caller.buffer:
            line, _, caller.buffer = caller.buffer.partition(b"\n")
            caller.send(self._answer(caller, line))
            caller.drop_descriptors()

    def _answer(self, caller: Caller, line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
            handler = self._handlers[request["do"]]
        except (ValueError, KeyError, TypeError):
            return {"error": "the lab does not know that request", "fix": f"Send one of: {', '.join(self._handlers)}."}
        try:
            return handler(caller, request)
        except LabError as error:
            return {"error": error.message, "fix": error.fix}
