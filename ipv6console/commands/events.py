"""`ipv6console events`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import click

from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.sheet import level_mark, moment, print_json, print_rows
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.frame import EventsFrame
from ipv6console.wire.status import Level

_PAGE = 1_000
_LEVELS = {EventLevel.INFO: Level.OK, EventLevel.WARNING: Level.WARN, EventLevel.ERROR: Level.FAIL}


@click.command(short_help="List or follow what happened.", epilog="Example: ipv6console events --since 120 --follow")
@click.option("--since", metavar="ID", type=click.IntRange(0), help="Only events after this one.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="List so many at most.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new ones as they come, until Ctrl+C.")
@engine_options
def events(engine: Engine, since: int | None, limit: int, follow: bool) -> None:
    """List the newest events, oldest first; with --since those after it. As JSON: one event a line."""
    with engine.client() as client:
        if since is None:
            since = max(0, client.events(0, 1).last - limit)
        shown = since
        while limit > 0:
            page = client.events(shown, min(_PAGE, limit))
            _print(engine, page.events)
            limit -= len(page.events)
            if not page.events:
                break
            shown = page.events[-1].id
    if follow:
        with suppress(KeyboardInterrupt):  # that is how one leaves
            asyncio.run(_follow(engine, shown))


async def _follow(engine: Engine, since: int) -> None:
    with engine.failures():
        async with (
            engine.async_client() as client,
            aclosing(client.follow_events(since, attempts=None)) as news,
        ):
            async for item in news:
                if isinstance(item, EventsFrame):
                    _print(engine, item.events)


def _print(engine: Engine, batch: tuple[Event, ...]) -> None:
    if engine.as_json:
        for event in batch:
            print_json(event, one_line=True)
    elif batch:
        print_rows((str(event.id), moment(event.at), _mark(event), event.kind, _text(event)) for event in batch)


def _mark(event: Event) -> str:
    return "" if event.level is EventLevel.INFO else level_mark(_LEVELS[event.level])


def _text(event: Event) -> str:
    return f"{event.text} (by {event.actor})" if event.actor else event.text
