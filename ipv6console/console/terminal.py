"""The terminal and the signals that have to do with it: what becomes of the console when it stops, goes on, or is left alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, cast

from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

if TYPE_CHECKING:
    from textual.app import App
    from textual.driver import Driver


_LEAVE = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Vanished(Message):
    """The terminal is gone: nobody reads what is drawn, and nobody presses a key any more."""


class _Sheet:
    """Writes to a file until it fails, and then to nowhere.

    The thread that draws would end otherwise, its queue fill up, and the console wait for it forever.
    """

    def __init__(self, file: IO[str], torn: Callable[[], object]) -> None:
        self._file = file
        self._torn = torn
        self._whole = True

    def write(self, text: str) -> None:
        self._do(lambda: self._file.write(text))

    def flush(self) -> None:
        self._do(self._file.flush)

    def _do(self, step: Callable[[], object]) -> None:
        if self._whole:
            try:
                step()
            except OSError:
                self._whole = False
                self._torn()


class TerminalDriver(LinuxDriver):
    """The driver of Textual, on a terminal that may vanish: the app is sent `Vanished` then."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        file = cast("IO[str]", self._file)  # a console without error output is refused before
        self._file = cast("Any", _Sheet(file, lambda: app.post_message(Vanished())))


class Terminal:
    """Minds the signals of a console that has the terminal, SIGTSTP and SIGCONT in place of the driver.

    That one takes the terminal a second time when a process goes on that SIGSTOP had stopped: two threads then share
    the keys, one of them is left behind when the console ends, and the shell gets a raw terminal. It also writes from
    within the signal, where the lock of its queue may be held already.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    def mind(self, leave: Callable[[], None]) -> None:
        """Begin; the event loop is running. `leave` is called when the console is to end."""
        loop = asyncio.get_running_loop()
        with suppress(ValueError, RuntimeError):  # not the main thread: somebody else minds the signals
            for number in _LEAVE:
                loop.add_signal_handler(number, leave)
            loop.add_signal_handler(signal.SIGTSTP, self._stop)
            loop.add_signal_handler(signal.SIGCONT, self._go_on)

    def let_go(self) -> None:
        """End."""
        loop = asyncio.get_running_loop()
        with suppress(ValueError, RuntimeError):
            for number in (*_LEAVE, signal.SIGTSTP, signal.SIGCONT):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        driver = self._driver()
        if driver is not None:
            driver.suspend_application_mode()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on(self) -> None:
        driver = self._driver()
        if driver is None:
            return
        driver.suspend_application_mode()
        driver.resume_application_mode()
        self._app.refresh(layout=True)

    def _driver(self) -> Driver | None:
        driver = self._app._driver  # noqa: SLF001 - there is no public way
        return driver if driver is not None and driver.can_suspend else None
