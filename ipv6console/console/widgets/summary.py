"""The status list of narrow terminals: a few lines that say how everything is."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Static

from ipv6console.console import figure
from ipv6console.console.detail import facts
from ipv6console.console.life import is_used
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, verdict
from ipv6console.console.widgets import ndp, prefix
from ipv6console.console.widgets.grid import Cell, Column, Grid, GridRow
from ipv6console.console.widgets.pane import Pane, View, waiting
from ipv6console.wire.state import SpaceState, State
from ipv6console.wire.status import Level, Stamp, worst


class SummaryPane(Pane):
    """Seven rows, or eight: glyph and word, name, value, age."""

    topic = "Status"
    guide: ClassVar[str] = (
        "How everything is, one line each: state, what it is, what is known, and how old that is.\n"
        "Enter shows everything known of the line under the cursor; {why} walks the chain from interface to echo;\n"
        "{troubles} lists what is not well and what mends it. A wider terminal (120 columns) shows each line as a pane."
    )
    columns = (
        Column(key="state", title="STATE", width=10),
        Column(key="name", title="WHAT", width=7),
        Column(key="value", title="VALUE", width=40, flex=1),
        Column(key="age", title="AGE", width=5, right=True),
    )

    def compose(self) -> ComposeResult:
        """The list, and a note in its place while there is nothing to list."""
        yield Grid(self.columns, id=f"{self.id}-grid", header=False)
        yield Static(classes="body note")

    @property
    def grid(self) -> Grid:
        """The list."""
        return self.query_one(Grid)

    @property
    def target(self) -> Widget:
        """The list."""
        return self.grid

    def basis(self, view: View) -> tuple[object, ...]:
        """All rows but those of the events."""
        state = view.model.state
        return () if state is None else (state.prefixes, state.ndp, state.pool, state.mirrors, state.store, state.space)

    def redraw(self, view: View) -> None:
        """Show the seven lines, and an eighth where there are spaces or subscribers."""
        state = view.model.state
        self.frame(view, "Status", state.engine.stamp if state else None)
        body = waiting(view, "the status")
        note = self.query_one(".note", Static)
        note.display = body is not None
        if body is not None:
            note.update(body)
        self.grid.show([] if state is None else self._rows(state, view))

    def _rows(self, state: State, view: View) -> list[GridRow]:
        stale = view.model.condition is Condition.STALE
        return [
            self._prefix(view, stale=stale),
            self._route(view, stale=stale),
            self._ndp(view, stale=stale),
            self._pool(state, view, stale=stale),
            self._checks(state, view, stale=stale),
            self._mirrors(state, view, stale=stale),
            self._store(state, view, stale=stale),
            *(
                [self._space(state.space, view, stale=stale)]
                if state.space is not None and is_used(state.space)
                else []
            ),
        ]

    @staticmethod
    def _row(name: str, state: Span, value: Cell, stamp: Stamp | None, view: View) -> GridRow:
        known = "" if stamp is None else view.age(stamp).removesuffix(" before")
        cells = {"state": (state,), "name": ((name, Tone.DIM),), "value": value, "age": ((known, Tone.DIM),)}
        return GridRow(name, cells)

    def _prefix(self, view: View, *, stale: bool) -> GridRow:
        rows = view.model.prefixes
        if not rows:
            return self._row(
                "Prefix",
                verdict(Level.FAIL, stale=stale),
                (("none on this host  ", Tone.PLAIN), ("w", Tone.KEY), (" why", Tone.PLAIN)),
                None,
                view,
            )
        row = rows[0]
        left = prefix.lifetime(row.preferred_until, view.model.now, stale=stale)
        more = sum(other.state not in prefix.ENDED for other in rows[1:])
        others = f" +{more} more" if more else ""
        value = ((row.prefix, Tone.STRONG), (f" {row.interface} ", Tone.PLAIN), left, (others, Tone.WARN))
        return self._row("Prefix", prefix.state_of(row, stale=stale), value, row.stamp, view)

    def _route(self, view: View, *, stale: bool) -> GridRow:
        row = next(iter(view.model.prefixes), None)
        if row is None:
            return self._row("Route", verdict(Level.OFF, stale=stale), (("nothing to route", Tone.DIM),), None, view)
        held = figure.many(row.addresses, "address", "addresses")
        text = row.text or f"{held}, {figure.count(row.leased)} leased"
        return self._row("Route", verdict(row.route, stale=stale), ((text, Tone.PLAIN),), row.stamp, view)

    def _ndp(self, view: View, *, stale: bool) -> GridRow:
        row = next(iter(ndp.ordered(view)), None)
        if row is None:
            return self._row("NDP", verdict(Level.OFF, stale=stale), (("nothing to answer for", Tone.DIM),), None, view)
        said = row.text.split()
        told = [figure.many(row.restarts, "restart", "restarts")] if row.restarts else []
        if row.solicited is not None:
            told.append(f"asked {figure.short(row.solicited)}")
        if row.strategy not in said:
            told.append(row.strategy)
        if row.pid and str(row.pid) not in said:
            told.append(f"pid {row.pid}")
        counted = "  " if told and row.text else ""
        value = ((row.text, Tone.PLAIN), (counted + ", ".join(told), Tone.DIM))
        return self._row("NDP", verdict(row.level, stale=stale), value, row.stamp, view)

    def _pool(self, state: State, view: View, *, stale: bool) -> GridRow:
        row = state.pool
        supply = f"{figure.short(row.idle)}/{figure.short(row.usable_num)} idle, {figure.short(row.total)} total, {figure.short(row.leased)} leased"
        value: Cell = ((supply, Tone.PLAIN), (f"  {row.text}", Tone.DIM))
        if not row.total:
            value = (
                ("no addresses yet  ", Tone.PLAIN),
                ("s", Tone.KEY),
                (" spawns  ", Tone.PLAIN),
                (row.text, Tone.DIM),
            )
        return self._row("Pool", verdict(row.level, stale=stale), value, row.stamp, view)

    def _checks(self, state: State, view: View, *, stale: bool) -> GridRow:
        row, urls = state.pool, state.pool.check_urls
        well = sum(url.level is Level.OK for url in urls)
        used = tuple(url.level for url in urls if url.level is not Level.UNKNOWN)
        level = worst(used) if used else Level.UNKNOWN
        unasked = f", {len(urls) - len(used)} not used" if used and len(used) < len(urls) else ""
        running = f", {row.spawning} running" if row.spawning else ""
        failed = f", {figure.short(row.checks_failed)} failed" if row.checks_failed else ""
        tried = figure.many(len(used) or len(urls), "URL", "URLs")
        value = f"{well} of {tried} ok{unasked}{failed}{running}, pace {row.pace_used}/{row.pace_limit}"
        return self._row("Checks", verdict(level, stale=stale), ((value, Tone.PLAIN),), row.stamp, view)

    def _mirrors(self, state: State, view: View, *, stale: bool) -> GridRow:
        rows = state.mirrors
        level = worst(tuple(row.level for row in rows))
        rate = sum(row.picks_per_s for row in rows)
        draining = sum(row.draining for row in rows)
        value = f"{len(rows)}, {figure.rate(rate)} picks/s" + (f", {draining} draining" if draining else "")
        return self._row("Mirrors", verdict(level, stale=stale), ((value, Tone.PLAIN),), state.pool.stamp, view)

    def _store(self, state: State, view: View, *, stale: bool) -> GridRow:
        row = state.store
        took = "" if row.last_commit_ms is None else f"commit {figure.milliseconds(row.last_commit_ms)}  "
        return self._row(
            "Store", verdict(row.level, stale=stale), ((took, Tone.PLAIN), (row.text, Tone.DIM)), row.stamp, view
        )

    def _space(self, row: SpaceState, view: View, *, stale: bool) -> GridRow:
        near = (row.ipam, row.radius)
        grave = (
            worst(tuple(level for level in near if level is not Level.OFF)) if set(near) != {Level.OFF} else Level.OK
        )
        level = Level.WARN if grave in {Level.OK, Level.UNKNOWN} and (row.stuck or row.leaks) else grave
        told = [
            f"{figure.short(row.states.get('active', 0))} of {figure.many(row.subscribers, 'subscriber', 'subscribers')} active"
        ]
        told += [figure.many(row.pending, "step waits", "steps wait")] if row.pending else []
        told += [f"{figure.short(row.stuck)} stuck"] if row.stuck else []
        told += [
            f"{name} {text}"
            for name, text, now in (("IPAM", row.ipam_text, row.ipam), ("RADIUS", row.radius_text, row.radius))
            if now in {Level.WARN, Level.FAIL}
        ]
        told += [figure.many(row.bindings, "binding", "bindings")]
        return self._row("Space", verdict(level, stale=stale), ((", ".join(told), Tone.PLAIN),), row.stamp, view)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the line under the cursor."""
        state = view.model.state
        if state is None:
            return None
        documents = {
            "Prefix": view.model.prefixes,
            "Route": view.model.prefixes,
            "NDP": tuple(ndp.ordered(view)),
            "Pool": (state.pool,),
            "Checks": state.pool.check_urls,
            "Mirrors": state.mirrors,
            "Store": (state.store,),
            "Space": () if state.space is None else (state.space,),
        }
        key = self.grid.cursor_key or "Store"
        told = [fact for document in documents[key] for fact in [*facts(document, view.model.now), ("", "")]]
        return key, told[:-1]

    def copied(self, view: View) -> str | None:
        """The value under the cursor."""
        key = self.grid.cursor_key
        row = next((row for row in self.grid.rows if row.key == key), None)
        return None if row is None else "".join(text for text, _ in row.cells["value"]).strip()
