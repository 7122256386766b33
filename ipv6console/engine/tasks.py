"""The tasks that keep the engine true, for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Tasks that are to run to the end; `fall` is told which did not, and of what error."""

    def __init__(self, fall: Callable[[str, BaseException], None]) -> None:
        self._fall = fall
        self._running: list[asyncio.Task[None]] = []

    def start(self, *works: Coroutine[Any, Any, None]) -> None:
        """Run these from now on."""
        self._running += [asyncio.create_task(self._watched(work)) for work in works]

    async def stop(self) -> None:
        """Cancel them, and return when all have ended."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._fall(str(getattr(work, "__qualname__", "a task")), error)
            raise
