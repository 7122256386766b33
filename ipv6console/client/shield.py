"""Work that a cancellation does not cut in the middle."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; whoever is cancelled meanwhile learns so when it has ended.

    anyio's own shield keeps off anyio's cancellations only, not those of asyncio: wait_for, timeout, TaskGroup, Ctrl+C.
    """
    with anyio.CancelScope(shield=True):
        return await (work if in_trio() else _ended(asyncio.get_running_loop().create_task(work)))
    raise RuntimeError("somebody cancelled the shield itself")


def in_trio() -> bool:
    """Return whether this code runs in trio, which is never loaded for it."""
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


async def _ended(task: asyncio.Task[T]) -> T:
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # it is nobody's any more; asyncio would complain that it was never looked at
        raise cancelled
    return task.result()
