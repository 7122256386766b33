"""Collecting what goes into an incident bundle: pictures of every page, and what the engine tells."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from textual.widget import Widget

from ipv6console.console.bundle import EVENTS_TAKEN, Evidence
from ipv6console.console.context import Context
from ipv6console.console.portrait import Portrait, portrait
from ipv6console.console.source import Refused
from ipv6console.console.tab import TABS
from ipv6console.wire.codec import encode
from ipv6console.wire.state import State

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

T = TypeVar("T")
FOLLOW = "follow"
"""The group of workers that go on for as long as their page is there."""

EXAMINED_WITHIN = 30.0
"""Seconds the doctor has; the bundle is made without it when it takes longer."""

ASKED_WITHIN = 5.0
AGO = (60, 300, 900, 1_740)
"""How many seconds ago the earlier documents are from."""

_PAGE_WITHIN = 2.0
_POLL = 0.05


async def evidence(
    context: Context,
    second: ConsoleApp,
    size: tuple[int, int],
    *,
    made_at: str,
    seen: Sequence[Portrait] = (),
    config: Callable[[], object] | None = None,
) -> Evidence:
    """Return all that can be had about an engine; `second` is a console that is not running yet, for its pictures.

    It is run without a terminal, `size` large, so that one on the terminal stays as it is; `seen` was pictured before.
    """
    missing: dict[str, str] = {}
    shown: list[Portrait] = []
    try:
        shown = await _pictures(second, size, context)
    except Exception as error:  # noqa: BLE001 - a bundle is made when something is broken, maybe a page of ours
        missing["screens"] = f"{type(error).__name__}: {error}"
    found = await situation(context, config, missing)
    return Evidence(made_at=made_at, target=context.target, portraits=[*seen, *shown], missing=missing, **found)


async def _pictures(second: ConsoleApp, size: tuple[int, int], context: Context) -> list[Portrait]:
    taken: list[Portrait] = []
    async with second.run_test(size=size) as pilot:
        for tab in TABS:
            if tab.mode != second.current_mode:
                second.show_page(tab.mode)
            await pilot.pause()
            with suppress(TimeoutError):  # what has not come by then is shown as loading
                async with asyncio.timeout(_PAGE_WITHIN):
                    while _asks(second):
                        await pilot.pause(_POLL)
            second.redraw()
            await pilot.pause()
            taken.append(portrait(second, tab.mode, f"{context.host} {tab.title}"))
    return taken


def _asks(app: ConsoleApp) -> bool:
    """Return whether the page on the screen still waits for something; what it follows never ends."""
    return any(
        worker.is_running and worker.group != FOLLOW and worker.node.screen is app.page
        for worker in app.workers
        if isinstance(worker.node, Widget)
    )


async def situation(context: Context, config: Callable[[], object] | None, missing: dict[str, str]) -> dict[str, Any]:
    """Return what the engine and this host tell, as fields of the evidence; what cannot be had goes into `missing`."""
    source, model = context.source, context.model
    prefix = model.prefix.prefix if model.prefix else None
    state, report = await asyncio.gather(
        _asked("the newest state", source.state(), ASKED_WITHIN, missing),
        _asked("doctor", source.doctor(prefix), EXAMINED_WITHIN, missing),
    )
    state = state or model.state
    last = state.engine.last_event if state else model.last_event
    page = await _asked("older events", source.events(0, EVENTS_TAKEN, before=last + 1), ASKED_WITHIN, missing)
    found: dict[str, Any] = {
        "state": state,
        "doctor": report,
        "events": page.events if page else tuple(model.events),
        "past": await _past(context, missing),
    }
    if config is None:
        missing["config"] = "this console does not know how it was started"
    else:
        found["config"] = encode(await asyncio.to_thread(config))
    return found


async def _past(context: Context, missing: dict[str, str]) -> dict[int, State]:
    earlier: dict[int, State] = {}
    for ago in AGO:
        answer = await _asked("past", context.source.state_at(context.model.now - ago), ASKED_WITHIN, missing)
        if answer is None:
            missing["past"] = f"nothing is kept from {ago} s ago: {missing['past']}"
            break
        earlier[ago] = answer
    return earlier


async def _asked(what: str, answer: Awaitable[T], within: float, missing: dict[str, str]) -> T | None:
    try:
        async with asyncio.timeout(within):
            return await answer
    except Refused as refusal:
        missing[what] = refusal.detail
    except TimeoutError:
        missing[what] = f"no answer within {within:.0f} s"
    return None
