"""Telling a command: the notice as JSON on its standard input, and in variables."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from typing import Self

from ipv6console.config import Command
from ipv6console.engine.protocol import NotCarried
from ipv6console.wire.codec import encode
from ipv6console.wire.event import EventLevel
from ipv6console.wire.notify import Notice, NotifierMeans

PREFIX = "IPV6CONSOLE_NOTICE_"
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
_OUTPUT = 8_192
_TERM_SECONDS = 1.0
_TOLD = ("id", "state", "level", "kind", "subject", "text", "host", "version", "at", "since", "count", "fix")
log = logging.getLogger("ipv6console")


class CommandCarrier:
    """A Carrier by running a program, without a shell and in a process group of its own, so that all of it can be ended."""

    means = NotifierMeans.COMMAND

    def __init__(self, settings: Command) -> None:
        self.name = settings.name
        self.target = settings.target
        self.level = EventLevel(settings.level)
        self.kinds = settings.kinds
        self._settings = settings

    async def carry(self, notice: Notice) -> str:
        """See Carrier."""
        document = encode(notice)
        with _Output() as output:
            process = await self._start(_variables(document), output)
            try:
                async with asyncio.timeout(self._settings.timeout):
                    await _feed(process, json.dumps(document, ensure_ascii=False).encode() + b"\n")
                    code = await process.wait()
            except TimeoutError as error:
                raise NotCarried(
                    f"it did not end within {self._settings.timeout:g} s and was killed",
                    next="see why it hangs; timeout in [[notify.command]] gives it longer",
                    again=True,
                ) from error
            finally:
                await _end(process)
                self._log(output.heard())
        if code:
            how = f"ended with code {code}" if code > 0 else f"was ended by {_signal(-code)}"
            raise NotCarried(f"it {how}", next="what it printed is in the engine's log", again=True)
        return "it ended with code 0"

    async def close(self) -> None:
        """See Carrier: nothing is open."""

    async def _start(self, variables: dict[str, str], output: _Output) -> Process:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        try:
            return await asyncio.create_subprocess_exec(
                *self._settings.argv,
                stdin=PIPE,
                stdout=output.writing,
                stderr=STDOUT,
                env=kept | variables,
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise NotCarried(
                f"there is no program {self.target}",
                next="install it, or correct argv in [[notify.command]]: a name is looked up in PATH",
                again=False,
            ) from error
        except OSError as error:
            raise NotCarried(
                f"it cannot be started: {error.strerror}",
                next="make it a program that the engine's user may run",
                again=not isinstance(error, PermissionError),
            ) from error

    def _log(self, heard: bytes) -> None:
        for line in heard.decode("utf-8", "replace").splitlines():
            log.info("notify %s: %s", self.name, line)


class _Output:
    """What a program prints, up to a bound.

    It is a pipe of our own: what the program leaves in the background may keep it open, and must not keep us waiting.
    """

    def __init__(self) -> None:
        self._heard = bytearray()
        self._reading, self.writing = -1, -1

    def __enter__(self) -> Self:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._read)
        return self

    def __exit__(self, *exc_info: object) -> None:
        asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)
        os.close(self.writing)

    def heard(self) -> bytes:
        """Return what was printed until now."""
        while self._read():
            pass
        return bytes(self._heard)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._reading, _OUTPUT)
        except BlockingIOError:
            return False
        self._heard += chunk[: _OUTPUT - len(self._heard)]
        return bool(chunk) and len(self._heard) < _OUTPUT


def _variables(document: dict[str, object]) -> dict[str, str]:
    """Return the notice in variables; what is not there is empty."""
    told = {name: document[name] for name in _TOLD}
    return {f"{PREFIX}{name.upper()}": "" if value is None else _plain(value) for name, value in told.items()}


def _plain(value: object) -> str:
    # A zero byte ends a variable.
    return str(value).replace("\0", "�")


async def _feed(process: Process, document: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    with suppress(BrokenPipeError, ConnectionResetError):  # a program need not read it
        process.stdin.write(document)
        await process.stdin.drain()
        process.stdin.close()


async def _end(process: Process) -> None:
    """End a process that still runs, with all it started."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_TERM_SECONDS):
            await process.wait()
    # Also when the program itself has ended: what it started may not have.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
