"""Whoever reads what a command prints for as long as it lasts."""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Coroutine
from typing import Any


async def gone() -> None:
    """Raise BrokenPipeError once nobody reads what is printed, also while there is nothing to print."""
    hung_up, loop = asyncio.Event(), asyncio.get_running_loop()
    with select.epoll() as poll:
        try:
            poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are told unasked
        except PermissionError:
            await hung_up.wait()  # a file: it is always there
        loop.add_reader(poll.fileno(), hung_up.set)
        try:
            await hung_up.wait()
        finally:
            loop.remove_reader(poll.fileno())
    raise BrokenPipeError


async def told(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` as long as somebody reads what it prints; raises what it raises, and BrokenPipeError as `gone` does."""
    tasks = (asyncio.create_task(work), asyncio.create_task(gone()))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
