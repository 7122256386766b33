"""`ipv6console status`."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import click

from ipv6console.commands import listener
from ipv6console.commands.connection import Engine, engine_options
from ipv6console.commands.failure import ExitCode
from ipv6console.commands.option import MOMENT
from ipv6console.commands.sheet import is_dumb, level_mark, moment, print_json, print_rows, span, until
from ipv6console.commands.ticker import Ticker
from ipv6console.quantity import addresses, leases
from ipv6console.wire.delta import advance
from ipv6console.wire.frame import DeltaFrame, StateFrame
from ipv6console.wire.health import Health
from ipv6console.wire.state import State
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from ipv6console.client import AsyncIPv6Client
    from ipv6console.client.stream import Disconnected

_REDRAW_SECONDS = 1.0


@click.command(
    short_help="Show how prefix, NDP, pool, mirrors and store are.", epilog="Example: ipv6console status --watch"
)
@click.option("--plain", is_flag=True, help="Words only: no glyphs, no colour, no screen control.")
@click.option("--at", metavar="TIME", type=MOMENT, help="As it was then, in the last half hour: ISO 8601, or 5m ago.")
@click.option("-w", "--watch", is_flag=True, help="Show it anew when it changes, once a second at most, until Ctrl+C.")
@engine_options
def status(engine: Engine, plain: bool, at: float | None, watch: bool) -> int:
    """Show how prefix, NDP, pool, mirrors and store are, and what is in the way.

    With --watch and --plain (or TERM=dumb) everything is told once, then one line a change: for screen readers and logs.
    Exit code 1 when something fails. As JSON: the engine's state document, with --watch one a line.
    """
    if watch and at is not None:
        raise click.UsageError("--watch shows what is to come, --at what was; give one of them")
    plain = plain or is_dumb()
    if watch:
        with suppress(KeyboardInterrupt):  # that is how one leaves
            asyncio.run(_watch(engine, plain=plain))
        return ExitCode.DONE
    from ipv6console.client.request import state_at  # noqa: PLC0415 - httpx is not for --help

    with engine.client() as client:
        state = client.state() if at is None else client.send(state_at(at))
        health = client.health() if at is None else None
    if engine.as_json:
        print_json(state)
    else:
        _show(state, health, plain=plain)
    return ExitCode.NO if health is not None and health.level is Level.FAIL else ExitCode.DONE


async def _watch(engine: Engine, *, plain: bool) -> None:
    with engine.failures():
        async with engine.async_client() as client:
            ticker = Ticker() if plain and not engine.as_json else None
            latest = _Latest(ticker)
            watching = {asyncio.create_task(latest.read(client)), asyncio.create_task(listener.gone())}
            try:
                while not any(task.done() for task in watching):
                    state = await latest.changed(watching)
                    if state is not None:
                        await _redraw(engine, client, state, ticker)
                        await asyncio.wait(watching, timeout=_REDRAW_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in watching:
                    if not task.done():
                        task.cancel()
            for task in watching:
                if task.done() and not task.cancelled():
                    task.result()


class _Latest:
    """The newest state document; those between two looks are not kept. With a ticker, losses are told by it."""

    def __init__(self, ticker: Ticker | None) -> None:
        self._state: State | None = None
        self._news = asyncio.Event()
        self._ticker = ticker

    async def read(self, client: AsyncIPv6Client) -> None:
        from ipv6console.client.stream import Disconnected  # noqa: PLC0415 - only watchers need it

        async with aclosing(client.follow_state(attempts=None)) as news:
            async for item in news:
                if isinstance(item, StateFrame):
                    self._state = item.state
                elif isinstance(item, DeltaFrame) and self._state is not None:
                    self._state = advance(self._state, item.delta)
                elif isinstance(item, Disconnected):
                    self._lose(item)
                    continue
                self._news.set()

    def _lose(self, item: Disconnected) -> None:
        if self._ticker is None:
            click.echo(f"stale: {item.cause}; trying again in {item.retry_in:.0f} s", err=True)
            return
        for line in self._ticker.lose(item.cause, time.time()):
            click.echo(line)

    async def changed(self, watching: set[asyncio.Task[None]]) -> State | None:
        """Wait for a change, or for the end of one of `watching`, and return the document."""
        waiting = asyncio.create_task(self._news.wait())
        await asyncio.wait({waiting, *watching}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        self._news.clear()
        return self._state


async def _redraw(engine: Engine, client: AsyncIPv6Client, state: State, ticker: Ticker | None) -> None:
    if engine.as_json:
        print_json(state, one_line=True)
        return
    from ipv6console.client.errors import EngineUnreachable  # noqa: PLC0415 - only watchers need it

    try:
        health = await client.health()
    except EngineUnreachable:
        return  # the stream says so too, and goes on trying
    if ticker is not None:
        for line in ticker.tell(state, health):
            click.echo(line)
        return
    if sys.stdout.isatty():
        click.clear()
    _show(state, health, plain=False)


def _show(state: State, health: Health | None, *, plain: bool) -> None:
    engine = state.engine
    mark = f"as it was {moment(state.at)}" if health is None else level_mark(health.level, plain=plain)
    click.echo(
        f"{mark}  {engine.host}  ipv6console {engine.version}  pid {engine.pid}  {engine.role}"
        f"  up {span(state.at - engine.started_at)}  {'privileged' if engine.privileged else 'unprivileged'}"
    )
    for finding in () if health is None else health.findings:
        click.echo(f"  {level_mark(finding.level, plain=plain)}  {finding.subject}: {finding.text}")
        if finding.fix:
            click.echo(f"    fix: {finding.fix}")
    _show_prefixes(state, plain=plain)
    _show_pool(state, plain=plain)
    _show_mirrors(state, plain=plain)
    click.echo(f"store    {level_mark(state.store.level, plain=plain)}  {state.store.url}  {state.store.text}".rstrip())


def _show_prefixes(state: State, *, plain: bool) -> None:
    if not state.prefixes:
        click.echo(f"prefix   {level_mark(Level.FAIL, plain=plain)}  none; `ipv6console doctor` says why")
    for row in state.prefixes:
        click.echo(
            f"prefix   {level_mark(row.route, plain=plain)}  {row.prefix}  {row.interface}  {row.source}  {row.state.value}"
            f"  valid {until(row.valid_until, state.at)}  {addresses(row.addresses)}, {row.leased} leased"
        )
    for ndp in state.ndp:
        click.echo(f"ndp      {level_mark(ndp.level, plain=plain)}  {ndp.prefix}  {ndp.strategy}  {ndp.text}".rstrip())


def _show_pool(state: State, *, plain: bool) -> None:
    pool = state.pool
    click.echo(
        f"pool     {level_mark(pool.level, plain=plain)}  {addresses(pool.total)}, {leases(pool.leased)},"
        f" {pool.idle} of {pool.usable_num} idle for {pool.neediest or 'the neediest mirror'}"
        f"{f'; {pool.text}' if pool.text else ''}"
    )
    for url in pool.check_urls:
        if url.level not in {Level.OK, Level.OFF}:
            click.echo(f"check    {level_mark(url.level, plain=plain)}  {url.url}  {url.last_error or ''}".rstrip())


def _show_mirrors(state: State, *, plain: bool) -> None:
    if not state.mirrors:
        click.echo("mirrors  none yet; the first pick makes one")
        return
    head = ("mirrors", "LEVEL", "NAME", "IDLE", "USING", "BAD", "PICKS/S", "NOTE")
    rows = [
        (
            "",
            level_mark(row.level, plain=plain),
            row.name,
            str(row.idle),
            str(row.using),
            str(row.bad),
            f"{row.picks_per_s:.1f}",
            "draining" if row.draining else row.text,
        )
        for row in state.mirrors
    ]
    print_rows([head, *rows])
