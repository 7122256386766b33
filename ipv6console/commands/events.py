"""`ipv6console events`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import click

from ipv6console.commands import listener
from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.option import MOMENT
from ipv6console.commands.sheet import level_mark, moment, print_json, print_rows
from ipv6console.wire.event import Event, EventFilter, EventLevel
from ipv6console.wire.frame import EventsFrame
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from ipv6console.client import IPv6Client

_PAGE = 1_000
_ABOVE_ALL = 2**63 - 1
_LEVELS = {EventLevel.INFO: Level.OK, EventLevel.WARNING: Level.WARN, EventLevel.ERROR: Level.FAIL}


@click.command(short_help="List or follow what happened.", epilog="Example: ipv6console events --since 120 --follow")
@click.option("--since", metavar="ID", type=click.IntRange(0), help="Only events after this one.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="List so many at most.")
@click.option("--level", type=click.Choice([level.value for level in EventLevel]), help="Only those at least so loud.")
@click.option("--kind", metavar="KIND", help="Only those whose kind begins so, like prefix. or lease.lost.")
@click.option("--subject", metavar="NAME", help="Only those about this mirror, prefix or address.")
@click.option("--actor", metavar="TEXT", help="Only those done by somebody with this in the name.")
@click.option("--text", metavar="TEXT", help="Only those that say this.")
@click.option("--from", "start", metavar="TIME", type=MOMENT, help="Only from then on: ISO 8601, or like 2h ago.")
@click.option("--until", metavar="TIME", type=MOMENT, help="Only from before then.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new ones as they come, until Ctrl+C.")
@engine_options
def events(
    engine: Engine,
    *,
    since: int | None,
    limit: int,
    level: str | None,
    kind: str | None,
    subject: str | None,
    actor: str | None,
    text: str | None,
    start: float | None,
    until: float | None,
    follow: bool,
) -> None:
    """List the newest events, oldest first; with --since those after it. As JSON: one event a line."""
    if follow and until is not None:
        raise click.UsageError("--follow shows what is to come, --until what was before; give one of them")
    wanted = EventFilter(
        level=EventLevel(level) if level else None,
        kind=kind,
        subject=subject,
        actor=actor,
        text=text,
        start=start,
        until=until,
    )
    with engine.client() as client:
        found = _newest(client, limit, wanted) if since is None else _after(client, since, limit, wanted)
        last = client.events(0, 1).last if follow else 0
    _print(engine, found)
    if follow:
        shown = found[-1].id if found else last if since is None else since
        with suppress(KeyboardInterrupt):  # that is how one leaves
            asyncio.run(_follow(engine, shown, wanted))


def _newest(client: IPv6Client, limit: int, wanted: EventFilter) -> tuple[Event, ...]:
    found: tuple[Event, ...] = ()
    before = _ABOVE_ALL
    while len(found) < limit:
        page = client.events(0, min(_PAGE, limit - len(found)), wanted, before=before)
        if not page.events:
            break
        found = (*page.events, *found)
        before = page.events[0].id
    return found


def _after(client: IPv6Client, since: int, limit: int, wanted: EventFilter) -> tuple[Event, ...]:
    found: tuple[Event, ...] = ()
    while len(found) < limit:
        page = client.events(since, min(_PAGE, limit - len(found)), wanted)
        if not page.events:
            break
        found = (*found, *page.events)
        since = page.events[-1].id
    return found


async def _follow(engine: Engine, since: int, wanted: EventFilter) -> None:
    async def tell() -> None:
        async with (
            engine.async_client() as client,
            aclosing(client.follow_events(since, attempts=None)) as news,
        ):
            async for item in news:
                if isinstance(item, EventsFrame):
                    _print(engine, tuple(event for event in item.events if wanted.wants(event)))

    with engine.failures():
        await listener.told(tell())


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
