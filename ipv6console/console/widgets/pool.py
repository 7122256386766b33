"""The Pool pane: how many verified addresses there are, whether they suffice, and what keeps them coming."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure
from ipv6console.console.detail import facts
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, content, glyph_of, verdict
from ipv6console.console.widgets.pane import TextPane, View, rows, waiting
from ipv6console.wire.state import CheckUrl, PoolState, StoreState
from ipv6console.wire.status import Level

_BAR = 8
_TOLD = {Level.OK: "ok", Level.WARN: "warn", Level.FAIL: "fail", Level.UNKNOWN: "not used", Level.OFF: "off"}
_ILL = (Level.WARN, Level.FAIL)


def supply(pool: PoolState, *, stale: bool) -> tuple[Span | str, ...]:
    """Return the bar of idle addresses against the target."""
    tone = Tone.OK if pool.idle >= pool.usable_num else Tone.WARN if pool.idle else Tone.FAIL
    return (
        (figure.bar(pool.idle, pool.usable_num, _BAR), Tone.UNKNOWN if stale else tone),
        f" {figure.short(pool.idle)} of {figure.short(pool.usable_num)} idle",
    )


def pace(pool: PoolState, *, stale: bool) -> tuple[Span | str, ...]:
    """Return the gauge of fresh on-link addresses against the limit."""
    full = pool.pace_used >= pool.pace_limit
    tone = Tone.UNKNOWN if stale else Tone.WARN if full else Tone.BUSY
    return (
        (figure.bar(pool.pace_used, pool.pace_limit, _BAR), tone),
        f" {figure.short(pool.pace_used)}/{figure.short(pool.pace_limit)} {pool.pace_window:.0f}s",
    )


Lines = list[tuple[str, tuple[Span | str, ...]]]


def check_urls(pool: PoolState, view: View, *, stale: bool) -> Lines:
    """Return how many echo URLs are how well, and each that is not well with its error; a lone one is named."""
    urls = pool.check_urls
    if len(urls) == 1:
        [url] = urls
        when = "never" if url.last_ok_at is None else f"{figure.whole_age(view.model.age_of(url.last_ok_at))}"
        lines: Lines = [("check URL", _named(url, stale=stale)), ("last ok", ((when, Tone.DIM),))]
    else:
        tally = [(level, sum(url.level is level for url in urls)) for level in _TOLD]
        spans = [
            span
            for level, number in tally
            if number
            for span in (glyph_of(level, stale=stale), f" {number} {_TOLD[level]}  ")
        ]
        lines = [("check URLs", tuple(spans) or (("none", Tone.FAIL),))]
        lines += [("", _named(url, stale=stale)) for url in urls if url.level in _ILL]
    lines += [
        ("", ((url.last_error, Tone.WARN),)) for url in urls if url.last_error and url.level in _ILL and not stale
    ]
    return lines


def _named(url: CheckUrl, *, stale: bool) -> tuple[Span | str, ...]:
    return glyph_of(url.level, stale=stale), f"\N{NO-BREAK SPACE}{url.url.partition('://')[2]}"


def store_line(store: StoreState, *, stale: bool) -> tuple[Span | str, ...]:
    """Return the store's health and the length of its last commit."""
    took = "" if store.last_commit_ms is None else f"  commit {figure.milliseconds(store.last_commit_ms)}"
    waiting_rows = f"  {store.queue} waiting" if store.queue else ""
    return verdict(store.level, stale=stale), (took + waiting_rows, Tone.DIM)


def lines(view: View, width: int) -> Content:
    """Return what is to be said of the pool."""
    state = view.model.state
    assert state is not None  # noqa: S101 - callers draw only a document that is there
    pool, stale = state.pool, view.model.condition is Condition.STALE
    told: list[tuple[str, tuple[Span | str, ...]]] = [
        ("health", (verdict(pool.level, stale=stale),)),
        *([("", ((pool.text, Tone.DIM),))] if pool.text else []),
        ("addresses", (figure.count(pool.total), (f"  of {figure.count(pool.max_total)}", Tone.DIM))),
        ("supply", supply(pool, stale=stale)),
        ("neediest", ((pool.neediest or "no mirror yet", Tone.PLAIN if pool.neediest else Tone.DIM),)),
        ("leased", (figure.count(pool.leased),)),
        ("spawning", (
            f"{pool.spawning} now  {pool.spawned_per_min:.0f}/min ",
            (figure.spark(view.model.spawn_rates, 8), Tone.UNKNOWN if stale else Tone.BUSY),
        )),
        ("checks", (f"{figure.count(pool.spawned)} passed", (f"  {figure.count(pool.checks_failed)} failed", Tone.DIM))),
        ("pace", pace(pool, stale=stale)),
        *check_urls(pool, view, stale=stale),
        ("store", store_line(state.store, stale=stale)),
    ]  # fmt: skip
    return rows(told, width)


class PoolPane(TextPane):
    """The supply of verified addresses."""

    topic = "Pool"
    guide: ClassVar[str] = (
        "The verified addresses. supply: idle addresses for the neediest mirror against the target (usable_num);\n"
        "the spawner keeps it full by itself. spawning: candidates in check now, and addresses made per minute.\n"
        "pace: fresh on-link addresses in the window, limited for the sake of neighbour tables upstream.\n"
        "check URL: the echo service that proves an address; one that is down is told apart from addresses\n"
        "that are bad. {spawn} spawns now, {flush} empties the pool (it refills), {why} shows why checks fail."
    )

    def basis(self, view: View) -> tuple[object, ...]:
        """The pool and its store."""
        state = view.model.state
        return () if state is None else (state.pool, state.store)

    def redraw(self, view: View) -> None:
        """Show the supply."""
        state = view.model.state
        self.frame(view, "Pool", state.pool.stamp if state else None)
        body = waiting(view, "the pool") or lines(view, self.room)
        if state is not None and state.pool.total == 0:
            body = Content("\n").join([
                content(("◌ no addresses yet  ", Tone.WARN), ("s", Tone.KEY), " spawns  ", ("w", Tone.KEY), " shows why not"),
                body,
            ])  # fmt: skip
        self.write(body)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the pool and its store."""
        state = view.model.state
        if state is None:
            return None
        return "Pool", [*facts(state.pool, view.model.now), ("", ""), *facts(state.store, view.model.now)]

    def copied(self, view: View) -> str | None:
        """What the health says."""
        return view.model.state.pool.text if view.model.state else None
