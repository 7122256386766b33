"""A question a pane keeps asking the engine: the last answer, how old it is, and why a later one did not come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from textual.widget import Widget
from textual.worker import Worker, WorkerCancelled

from ipv6console.console.model import Condition
from ipv6console.console.source import Refused
from ipv6console.console.widgets.pane import View

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

T = TypeVar("T")


class Inquiry(Generic[T]):
    """The answer about one thing at a time. `owner` is the widget whose workers do the asking.

    `value` is None until it is answered, and again when something else is asked about; `at` is the engine's time of the
    answer in unix seconds, `refusal` says why the last question brought none.
    """

    def __init__(self, owner: Widget, name: str) -> None:
        self._owner, self._name = owner, name
        self._asked: tuple[Hashable, Hashable] | None = None
        self._worker: Worker[None] | None = None
        self.about: Hashable = None
        self.value: T | None = None
        self.refusal: Refused | None = None
        self.at = 0.0
        self.asking = False

    def want(self, about: Hashable, version: Hashable, call: Callable[[], Awaitable[T]], view: View) -> None:
        """Ask when `about`, or what is known to have changed of it, is not what was asked last; not while unconnected."""
        if about != self.about:
            self.about, self.value, self.refusal, self._asked = about, None, None, None
        if view.model.condition is not Condition.LIVE:
            if self.refusal is not None:
                self._asked = None
            return
        if self._asked != (about, version):
            self._asked = (about, version)
            self.asking = True
            self._worker = self._owner.run_worker(
                partial(self._ask, about, call, view), name=self._name, group=self._name, exclusive=True
            )

    async def settled(self) -> None:
        """Wait for the answer that is on its way, if one is."""
        if self._worker is not None and not self._worker.is_finished:
            with suppress(WorkerCancelled):  # something else is asked about meanwhile
                await self._worker.wait()

    def forget(self) -> None:
        """Ask again at the next `want`, whatever has changed."""
        self._asked = None

    async def _ask(self, about: Hashable, call: Callable[[], Awaitable[T]], view: View) -> None:
        value, refused = None, None
        try:
            value = await call()
        except Refused as refusal:
            refused = refusal
        self.asking = False
        if about != self.about:
            return  # it came after the cursor had gone to something else
        self.refusal = refused
        if refused is None:
            self.value, self.at = value, view.model.now
        cast("ConsoleApp", self._owner.app).redraw()
