"""The Prefix pane: which prefixes this host may use, for how long, and whether the kernel carries them."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.keyring import keyed
from ipv6console.console.layout import hang
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, content, verdict
from ipv6console.console.widgets.pane import LABEL, TextPane, View, rows, waiting
from ipv6console.wire.state import PrefixRow, PrefixState

_STATES: dict[PrefixState, Span] = {
    PrefixState.ACTIVE: ("● active", Tone.OK),
    PrefixState.DRAINING: ("▲ draining", Tone.WARN),
    PrefixState.GONE: ("○ gone", Tone.DIM),
    PrefixState.REVOKED: ("○ revoked", Tone.DIM),
}
ENDED = frozenset({PrefixState.GONE, PrefixState.REVOKED})
"""Nothing is handed out from these any more, and nothing brings them back from here."""

_SOON = 300.0


def state_of(row: PrefixRow, *, stale: bool) -> Span:
    """Return the glyph and word of a prefix's state."""
    glyph, tone = _STATES[row.state]
    return (f"◌ was {row.state}", Tone.UNKNOWN) if stale else (glyph, tone)


def lifetime(until: float | None, now: float, *, stale: bool) -> Span:
    """Return how long a lifetime still runs, as remaining time."""
    if until is None:
        return "no end known", Tone.DIM
    left = until - now
    if left <= 0:
        return f"✖ ended {figure.ago(-left)}", Tone.UNKNOWN if stale else Tone.FAIL
    if left < _SOON and not stale:
        return f"▲ {figure.span(left)} left", Tone.WARN
    return f"{figure.span(left)} left", Tone.DIM if stale else Tone.PLAIN


def _why_drained(row: PrefixRow, now: float) -> str:
    if row.state is not PrefixState.DRAINING:
        return ""
    over = row.preferred_until is not None and row.preferred_until <= now
    return "  deprecated" if over else keyed("  drain: resume with {drain}")


def lines(row: PrefixRow, view: View, width: int) -> Content:
    """Return what is to be said of one prefix."""
    stale, now = view.model.condition is Condition.STALE, view.model.now
    return rows(
        [
            ("prefix", ((row.prefix, Tone.STRONG),)),
            (
                "state",
                (
                    state_of(row, stale=stale),
                    (_why_drained(row, now), Tone.DIM),
                ),
            ),
            ("interface", (row.interface, (f"  from {row.source}", Tone.DIM))),
            ("preferred", (lifetime(row.preferred_until, now, stale=stale),)),
            ("valid", (lifetime(row.valid_until, now, stale=stale),)),
            ("route", (verdict(row.route, stale=stale), (f"  {row.text}" if row.text else "", Tone.DIM))),
            ("NDP", (verdict(row.ndp, stale=stale), (f"  {row.strategy}", Tone.DIM))),
            ("addresses", (f"{figure.count(row.addresses)}", (f"  {figure.count(row.leased)} leased", Tone.DIM))),
        ],
        width,
    )


def brief(row: PrefixRow, view: View, width: int) -> Content:
    """Return one line about a prefix that is not the one in use."""
    stale = view.model.condition is Condition.STALE
    changed = figure.whole_age(view.model.age_of(row.changed_at))
    told = content(row.prefix, (f" {row.leased} leased, for {changed}", Tone.DIM))
    return hang(content(state_of(row, stale=stale)), told, LABEL, width)


class PrefixPane(TextPane):
    """The prefix in use, and below it the others."""

    drains = True
    topic = "Prefix"
    guide: ClassVar[str] = (
        "The prefixes of this host the pool draws from. The one in use is shown in full, the others below it.\n"
        "preferred: until then new connections may start from it; the engine drains a prefix when it ends.\n"
        "valid: until then its addresses work at all; when it ends, leases on it are lost.\n"
        "route: the kernel's local route for the whole prefix. NDP: whether neighbours learn that this host\n"
        "answers for it. {drain} drains the prefix, {revoke} revokes it for good, {why} walks the chain and shows the fix."
    )

    def basis(self, view: View) -> tuple[object, ...]:
        """The prefixes."""
        return (view.model.state and view.model.state.prefixes,)

    def redraw(self, view: View) -> None:
        """Show the prefixes."""
        prefixes = view.model.prefixes
        self.frame(
            view,
            "Prefix" if len(prefixes) < 2 else f"Prefix · {len(prefixes)}",
            prefixes[0].stamp if prefixes else None,
        )
        body = waiting(view, "the prefix")
        if body is None:
            body = self._body(view) if prefixes else content(
                ("✖ no prefix", Tone.FAIL), "\nThis host has no global IPv6 prefix the pool can use, so no address can be made.\n",
                ("w", Tone.KEY), " shows what was looked at and the fix",
            )  # fmt: skip
        self.write(body)

    def _body(self, view: View) -> Content:
        first, *others = view.model.prefixes
        parts = [lines(first, view, self.room)]
        parts += [brief(row, view, self.room) for row in others]
        return Content("\n").join(parts)

    def chosen(self, view: View) -> PrefixRow | None:
        """Return the prefix that acts in this pane are about."""
        return next(iter(view.model.prefixes), None)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of all prefixes."""
        prefixes = view.model.prefixes
        told = [fact for row in prefixes for fact in [*facts(row, view.model.now), ("", "")]]
        return ("Prefixes", told[:-1]) if prefixes else None

    def copied(self, view: View) -> str | None:
        """The prefix."""
        row = self.chosen(view)
        return row.prefix if row else None

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.prefixes(view.door)
