"""The Prefixes pane: every prefix the engine knows, how long it lasts and what hangs on it."""

from __future__ import annotations

from math import log
from typing import ClassVar

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, verdict
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.pane import View
from ipv6console.console.widgets.prefix import lifetime, state_of
from ipv6console.console.widgets.roster import Roster
from ipv6console.wire.state import PrefixRow, PrefixState

_BAR = 5
_LEAST, _FULL = 60.0, 30 * 86_400.0
_SHORTER = {"no end known": "no end"}
_LASTING = {PrefixState.ACTIVE, PrefixState.DRAINING}


def lifetime_bar(until: float | None, now: float, width: int) -> str:
    """Return a lifetime as a bar of `width` cells, by orders of magnitude so that an hour of a month still shows.

    Empty when it ends within a minute, full from 30 days on.
    """
    if until is None:
        return "█" * width
    left = until - now
    share = log(left / _LEAST) / log(_FULL / _LEAST) if left > _LEAST else 0.0
    return figure.bar(min(1.0, share), 1.0, width)


class PrefixesPane(Roster[PrefixRow]):
    """The prefixes: those in use first, newest first among equals."""

    drains = True
    topic = "Prefixes"
    guide: ClassVar[str] = (
        "Every prefix the engine knows of, those in use first. preferred: until then new connections may start from it;\n"
        "when it ends the engine drains the prefix. valid: until then its addresses work; when it ends, leases on it are\n"
        "lost. The bars tell lifetimes by orders of magnitude: a minute is empty, an hour about a third, a month full.\n"
        "{drain} drains the prefix under the cursor or resumes it, {revoke} revokes it for good, {why} walks its chain, Enter shows all\n"
        "that is known of it. Below is what happened to it, and what would hang on it if it went."
    )
    fields = frozenset({"state", "prefix", "interface", "source", "strategy"})
    columns = (
        Column(key="state", title="STATE", width=10),
        Column(key="prefix", title="PREFIX", width=22, flex=3),
        Column(key="interface", title="ON", width=8, rank=5),
        Column(key="source", title="FROM", width=9, rank=8),
        Column(key="preferred", title="PREFERRED", width=10, rank=1),
        Column(key="preferred_bar", title="", width=_BAR, rank=7),
        Column(key="valid", title="VALID", width=10, rank=4),
        Column(key="valid_bar", title="", width=_BAR, rank=9),
        Column(key="addresses", title="ADDRS", width=5, right=True),
        Column(key="leased", title="LEASED", width=6, right=True),
        Column(key="weight", title="WEIGHT", width=6, right=True, rank=10),
        Column(key="route", title="ROUTE", width=9, rank=2),
        Column(key="ndp", title="NDP", width=9, rank=3),
        Column(key="strategy", title="BY", width=9, rank=6),
    )

    what = "the prefixes"
    none = (
        ("✖ no prefix", Tone.FAIL), "\nThis host has no global IPv6 prefix the pool can use, so no address can be made.\n",
        ("w", Tone.KEY), " shows what was looked at and the fix",
    )  # fmt: skip

    def listed(self, view: View) -> tuple[PrefixRow, ...]:
        """Every prefix, those in use first."""
        return view.model.prefixes

    @staticmethod
    def fields_of(row: PrefixRow) -> dict[str, str]:
        """State, prefix, and where it comes from."""
        return {
            "state": row.state.value, "prefix": row.prefix, "interface": row.interface, "source": row.source,
            "strategy": row.strategy,
        }  # fmt: skip

    @staticmethod
    def grid_row(row: PrefixRow, view: View) -> GridRow:
        """One prefix, with its lifetimes as time and as bar."""
        stale, now = view.model.condition is Condition.STALE, view.model.now
        lasts = row.state in _LASTING
        bar_tone = Tone.UNKNOWN if stale else Tone.BUSY

        def left(until: float | None) -> Span:
            text, tone = lifetime(until, now, stale=stale) if lasts else ("", Tone.DIM)
            return _SHORTER.get(text, text.removesuffix(" left").replace("ended ", "")), tone

        def bar(until: float | None) -> Span:
            return lifetime_bar(until, now, _BAR) if lasts else "", bar_tone

        return GridRow(
            row.prefix,
            {
                "state": ((f"◌ {row.state}", Tone.UNKNOWN) if stale else state_of(row, stale=False),),
                "prefix": ((row.prefix, Tone.STRONG if lasts and not stale else Tone.DIM),),
                "interface": ((row.interface, Tone.PLAIN),),
                "source": ((row.source, Tone.DIM),),
                "preferred_bar": (bar(row.preferred_until),),
                "preferred": (left(row.preferred_until),),
                "valid_bar": (bar(row.valid_until),),
                "valid": (left(row.valid_until),),
                "addresses": ((figure.short(row.addresses), Tone.PLAIN),),
                "leased": ((figure.short(row.leased), Tone.PLAIN if row.leased else Tone.DIM),),
                "weight": ((str(row.weight), Tone.DIM),),
                "route": (verdict(row.route, stale=stale) if lasts else ("", Tone.DIM),),
                "ndp": (verdict(row.ndp, stale=stale) if lasts else ("", Tone.DIM),),
                "strategy": ((row.strategy, Tone.DIM),),
            },
        )

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the prefix under the cursor."""
        row = self.chosen(view)
        return None if row is None else (f"Prefix {row.prefix}", facts(row, view.model.now))

    def copied(self, view: View) -> str | None:
        """The prefix."""
        return self.grid.cursor_key

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.prefixes(view.door)
